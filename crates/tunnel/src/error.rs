//! Why a session could not be made, or is over.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use podline_wire::Untrusted;
use podline_wire::session::SessionFault;
use thiserror::Error;

use crate::{Transport, UpgradeFailure};

/// Why a session could not be made, or is over. Cheap to clone: each of its connections is told.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The connection to the API server broke.
    #[error("the connection to the API server broke")]
    Broken(#[source] Arc<io::Error>),
    /// The API server, or something on the way to it, closed the connection.
    #[error("the API server closed the connection")]
    Closed,
    /// The peer ended the session or broke the protocol.
    #[error(transparent)]
    Fault(#[from] SessionFault),
    /// The answer to the upgrade was 101, but not to what was asked.
    #[error("the API server's answer to the upgrade is wrong: {0}")]
    Misanswered(&'static str),
    /// The request for the upgrade got another answer than 101.
    #[error("the API server refused the upgrade with {status}: {message}")]
    Refused {
        /// What it said: a Status's message, or the first of the body.
        message: Untrusted,
        /// How long it asked to wait before the next try.
        retry_after: Option<Duration>,
        /// The status of the answer.
        status: StatusCode,
        /// How the upgrade was asked for.
        transport: Transport,
    },
    /// We ended it.
    #[error("the session was shut down")]
    ShutDown,
    /// There was no answer to the request.
    #[error(transparent)]
    Upgrade(Arc<UpgradeFailure>),
    /// The WebSocket around the session was closed or broke its protocol.
    #[error("the tunnel was closed: {0}")]
    Websocket(Untrusted),
}

impl SessionError {
    /// Whether the API server said that there is no such pod.
    pub fn is_pod_gone(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                status: StatusCode::NOT_FOUND,
                ..
            }
        )
    }

    /// What can be done about it, where the API server refused.
    pub fn hint(&self) -> Option<&'static str> {
        let Self::Refused {
            status, transport, ..
        } = self
        else {
            return None;
        };
        Some(match (status.as_u16(), transport) {
            (401, _) => "the credentials are missing, wrong or expired; log in again",
            (403, Transport::Spdy) => "the user needs a role that allows: create pods/portforward",
            (403, Transport::Websocket) => {
                "the user needs a role that allows: create and get pods/portforward; with --transport spdy, create is enough"
            }
            (404, _) => "the pod was deleted in this moment; try again",
            (429 | 503, _) => "the server is busy; try again later",
            (400 | 405 | 500..=599, Transport::Websocket) => {
                "something on the way may not know WebSockets; try --transport spdy"
            }
            (400 | 405 | 500..=599, Transport::Spdy) => {
                "something on the way may not know SPDY; try --transport websocket"
            }
            _ => return None,
        })
    }

    /// How long the server asked to wait before the next try.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl From<io::Error> for SessionError {
    fn from(error: io::Error) -> Self {
        // A peer that closes without a TLS close_notify has closed, no more.
        if error.kind() == io::ErrorKind::UnexpectedEof {
            Self::Closed
        } else {
            Self::Broken(Arc::new(error))
        }
    }
}

impl From<UpgradeFailure> for SessionError {
    fn from(failure: UpgradeFailure) -> Self {
        Self::Upgrade(Arc::new(failure))
    }
}
