use std::error::Error;
use std::io;

use thiserror::Error;

use crate::reason::reason;

/// What a connection to the forward did instead of its work.
#[derive(Debug, Error)]
pub(super) enum Failure {
    #[error("the connection could not be made")]
    Connect(#[source] io::Error),
    #[error("the connection ended before the answer was there")]
    EndedEarly,
    #[error("the answer is no HTTP")]
    Http(#[source] hyper::Error),
    #[error("the connection failed")]
    Other(#[source] io::Error),
    /// With what the forward says of it, where it does.
    #[error("{}", .0.as_deref().unwrap_or("the connection was reset"))]
    Reset(Option<String>),
    #[error("the answer has HTTP status {0}")]
    Status(u16),
    #[error("no TLS session")]
    Tls(#[source] io::Error),
    #[error("it took longer than {} s", super::link::EXCHANGE_DEADLINE.as_secs())]
    TooLong,
    #[error("other bytes came back than were sent")]
    WrongBytes,
}

impl Failure {
    /// It and its causes, in one line.
    pub(super) fn told(&self) -> String {
        reason(self).to_string()
    }

    /// What went wrong in TLS: a connection that ended, or the protocol.
    pub(super) fn of_tls(error: io::Error) -> Self {
        match Self::from(error) {
            Self::Other(error) => Self::Tls(error),
            ended => ended,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::EndedEarly,
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset => {
                Self::Reset(None)
            }
            _ => Self::Other(error),
        }
    }
}

impl From<hyper::Error> for Failure {
    fn from(error: hyper::Error) -> Self {
        let io = error
            .source()
            .and_then(|source| source.downcast_ref::<io::Error>());
        match io.map(io::Error::kind) {
            Some(kind) => io::Error::from(kind).into(),
            None if error.is_incomplete_message() || error.is_closed() || error.is_canceled() => {
                Self::EndedEarly
            }
            None => Self::Http(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_is_told_in_the_words_of_the_forward() {
        assert_eq!(Failure::Reset(None).told(), "the connection was reset");
        assert_eq!(Failure::Reset(Some("it is full".to_owned())).told(), "it is full");
        let error = io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(matches!(Failure::from(error), Failure::Reset(None)));
        let error = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert!(matches!(Failure::of_tls(error), Failure::EndedEarly));
    }
}
