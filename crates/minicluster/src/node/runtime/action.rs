use std::fmt;

use bytes::Bytes;

/// One connection of a session: its error and data stream.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PairId(pub(super) u64);

/// What the performer has to do for a session.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// Close the connection into the pod, or give its dial up. Nothing of this pair is reported any more.
    ClosePod {
        /// Whose connection.
        pair: PairId,
    },
    /// Connect to a port of the pod and report it by `handle_dialed` or `handle_dial_failure`.
    Dial {
        /// For whom.
        pair: PairId,
        /// The pod's port.
        port: u16,
    },
    /// Send what is ready for the peer and end its connection.
    HangUp,
    /// Read once from the pod, at most [`COPY_BUFFER`](super::COPY_BUFFER) bytes, and report it by `handle_pod_bytes`
    /// or `handle_pod_end`.
    ReadPod {
        /// From whose connection.
        pair: PairId,
    },
    /// Write all of these bytes to the pod and report it by `handle_pod_written`.
    WritePod {
        /// To whose connection.
        pair: PairId,
        /// The bytes, never empty.
        bytes: Bytes,
    },
}

/// How the pod's side of a connection ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PodEnd {
    /// It failed.
    Failed(PodError),
    /// The pod sends nothing more.
    Fin,
}

/// Why reading from or writing to a pod failed, in the words of the system.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PodError {
    /// Written to a connection that the pod had ended.
    BrokenPipe,
    /// Any other.
    Other(String),
    /// The pod reset the connection.
    Reset,
}

impl PodError {
    /// Whether the connection was there and was broken by the pod.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self, Self::BrokenPipe | Self::Reset)
    }
}

impl fmt::Display for PodError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BrokenPipe => formatter.write_str("broken pipe"),
            Self::Other(text) => formatter.write_str(text),
            Self::Reset => formatter.write_str("connection reset by peer"),
        }
    }
}
