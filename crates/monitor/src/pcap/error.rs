use std::{io, path::PathBuf};

use thiserror::Error;

/// Why a capture cannot begin, or cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// There is one already.
    #[error("a capture is running already")]
    AlreadyRunning,
    /// The file cannot be made.
    #[error("cannot create {}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is such a file, and it is not to be replaced.
    #[error("{} exists", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// What is to be replaced is a folder, a device, a pipe or a symbolic link, or what was written is not there any more.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// What it is called.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Standard output cannot be used.
    #[error("cannot write to standard output")]
    StandardOutput(#[source] io::Error),
    /// A capture is nothing that a terminal could show.
    #[error("standard output is a terminal, and a capture is not text")]
    Terminal,
    /// There is no thread to write it.
    #[error("cannot start the writer of the capture")]
    Thread(#[source] io::Error),
}
