use std::{fmt, io, path::PathBuf, sync::Arc};

/// What somebody should hear of a capture. Each is told once a capture.
#[derive(Debug)]
#[non_exhaustive]
pub enum CaptureNotice {
    /// The first packets are missing, because what takes the capture is not fast enough. The capture goes on.
    Dropping,
    /// It is over, and everything that will ever be in it is.
    Ended {
        /// Why.
        end: Arc<CaptureEnd>,
        /// Its file, if it had one.
        path: Option<PathBuf>,
        /// What it has.
        summary: CaptureSummary,
    },
}

/// Why a capture is over.
#[derive(Debug)]
#[non_exhaustive]
pub enum CaptureEnd {
    /// It cannot be written, as when the disk is full. A file has all whole packets that could be.
    CannotWrite(io::Error),
    /// It has as many bytes as it may have.
    LimitReached {
        /// The limit, in bytes.
        limit: u64,
    },
    /// Who read the pipe reads it no more.
    ReaderGone,
    /// It was to be.
    Stopped,
}

/// How much there is in a capture.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct CaptureSummary {
    /// Bytes that were written.
    pub bytes: u64,
    /// Packets that are in it, or wait for being written.
    pub packets: u64,
    /// Packets that are missing.
    pub dropped: u64,
}

impl fmt::Display for CaptureNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dropping => {
                f.write_str("packets are missing in the capture: it cannot be written fast enough")
            }
            Self::Ended { end, path, summary } => {
                write!(f, "{end}; ")?;
                match summary.packets {
                    1 => f.write_str("1 packet is in ")?,
                    number => write!(f, "{number} packets are in ")?,
                }
                match path {
                    None => f.write_str("it")?,
                    Some(path) => write!(f, "{}", path.display())?,
                }
                match summary.dropped {
                    0 => Ok(()),
                    number => write!(f, ", {number} are missing"),
                }
            }
        }
    }
}

impl fmt::Display for CaptureEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CannotWrite(error) => write!(f, "the capture ends, for it cannot be written: {error}"),
            Self::LimitReached { limit } => write!(f, "the capture ends at its limit of {limit} bytes"),
            Self::ReaderGone => f.write_str("the capture ends, for nobody reads it any more"),
            Self::Stopped => f.write_str("the capture has ended"),
        }
    }
}
