//! The seam to the cluster: one HTTP/1.1 request on a connection of its own that asks for an upgrade.
//!
//! The tunnel says what is asked for (path, method, upgrade headers), the implementation adds the way there
//! (address, proxy, TLS) and who asks (credentials, impersonation).

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http::Request;
use http::response::Parts;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};

/// What the tunnel needs of a cluster.
pub trait Upgrade: Send + Sync + 'static {
    /// Sends `request` on a connection of its own and gives the answer.
    ///
    /// The URI of the request is a path such as `/api/v1/namespaces/NS/pods/POD/portforward`; its method and its
    /// upgrade headers are sent as they are. The implementation adds the base URL with its path, `Host`,
    /// `User-Agent`, credentials and impersonation. Nothing is sent twice: there is no retry.
    fn upgrade(
        &self,
        request: Request<()>,
    ) -> Pin<Box<dyn Future<Output = Result<UpgradeAnswer, UpgradeFailure>> + Send + '_>>;
}

/// What the API server answered to a request for an upgrade.
pub enum UpgradeAnswer {
    /// Anything but 101: the connection is of no more use.
    Refused {
        /// Status and headers of the answer.
        head: Parts,
        /// The first 64 KiB at most of its body; empty if it could not be read.
        body: Bytes,
    },
    /// 101: from here on the connection carries the other protocol.
    Switched {
        /// Status and headers of the answer.
        head: Parts,
        /// The connection, as raw as can be had.
        io: Box<dyn Io>,
        /// Bytes that arrived behind the head of the answer and come before all that `io` gives.
        read_ahead: Bytes,
    },
}

impl fmt::Debug for UpgradeAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { head, body } => f
                .debug_struct("Refused")
                .field("status", &head.status)
                .field("body_len", &body.len())
                .finish(),
            Self::Switched {
                head,
                io: _,
                read_ahead,
            } => f
                .debug_struct("Switched")
                .field("status", &head.status)
                .field("read_ahead_len", &read_ahead.len())
                .finish_non_exhaustive(),
        }
    }
}

/// Why there was no answer to a request for an upgrade, by the step of the way where it failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UpgradeFailure {
    /// There are no credentials to ask with: a plugin failed, a file cannot be read, a token cannot be refreshed.
    #[error("no credentials for the API server")]
    Credentials {
        /// What went wrong, in the implementation's words.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The name of the API server, or of the proxy to it, has no address.
    #[error("no address for the API server")]
    Dns {
        /// What went wrong, in the implementation's words.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The connection stood, but it did not carry a request and an answer.
    #[error("no answer from the API server")]
    Http {
        /// What went wrong, in the implementation's words.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The proxy refused to connect, or did not speak its protocol.
    #[error("no way to the API server through the proxy")]
    Proxy {
        /// What went wrong, in the implementation's words.
        source: Box<dyn Error + Send + Sync>,
    },
    /// No TCP connection to the API server, or to the proxy to it.
    #[error("no connection to the API server")]
    Tcp {
        /// What went wrong, in the implementation's words.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A step took longer than its deadline.
    #[error("{step} took too long")]
    Timeout {
        /// What was waited for, such as "connecting to the API server".
        step: &'static str,
    },
    /// No TLS session with the API server, or with the proxy to it.
    #[error("no TLS session with the API server")]
    Tls {
        /// What went wrong, in the implementation's words.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// A byte stream in both directions.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// The pod at the other end of a session.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PodAddress {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub name: String,
}

/// One way of asking for the upgrade.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Transport {
    /// POST with `Upgrade: SPDY/3.1`.
    Spdy,
    /// GET with `Upgrade: websocket`, SPDY inside the WebSocket's binary messages.
    Websocket,
}

impl Transport {
    /// Its name for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spdy => "spdy",
            Self::Websocket => "websocket",
        }
    }
}

/// Its name for people.
impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Spdy => "SPDY",
            Self::Websocket => "WebSocket",
        })
    }
}

/// How sessions are asked for.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum TransportChoice {
    /// By WebSocket, and by SPDY where that is refused.
    #[default]
    Auto,
    /// By SPDY only.
    Spdy,
    /// By WebSocket only.
    Websocket,
}
