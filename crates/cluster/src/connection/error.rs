//! Where on the way to the API server it failed, and why.

use std::error::Error as StdError;
use std::io;

use podline_tunnel::UpgradeFailure;
use podline_wire::Untrusted;
use thiserror::Error;

use super::tls_fault::is_about_certificate;
use super::{ProxyError, TlsFault};
use crate::credentials::CredentialsError;

/// Where on the way to the API server it failed, and why.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// There are no credentials to ask with.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// A name has no address.
    #[error("cannot find the address of {host}")]
    Dns {
        /// The name.
        host: Untrusted,
        /// Why.
        source: io::Error,
    },
    /// The connection stood, but did not carry a request and its answer.
    #[error("{server} did not answer the request")]
    Http {
        /// The server.
        server: Untrusted,
        /// Why.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The proxy did not let the connection through.
    #[error("the proxy {proxy} did not connect to {server}")]
    Proxy {
        /// The proxy, without user and password.
        proxy: Untrusted,
        /// What was asked of it.
        server: Untrusted,
        /// Why.
        source: ProxyError,
    },
    /// No TCP connection.
    #[error("cannot connect to {address}")]
    Tcp {
        /// Name and port.
        address: Untrusted,
        /// Why, for the last address that was tried.
        source: io::Error,
    },
    /// A step took too long.
    #[error("{step} took too long")]
    Timeout {
        /// The step.
        step: &'static str,
    },
    /// No TLS session.
    #[error("no TLS session with {server}")]
    Tls {
        /// The server.
        server: Untrusted,
        /// Why.
        source: TlsFault,
    },
}

impl ConnectError {
    /// What can be done about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Credentials(error) => return error.hint(),
            Self::Dns { .. } => {
                "check the server's name in the kubeconfig, and that a VPN is up if it needs one"
            }
            Self::Proxy { source, .. } => return source.hint(),
            Self::Tcp { source, .. } if source.kind() == io::ErrorKind::ConnectionRefused => {
                "is the API server running, and is this its port?"
            }
            Self::Tcp { .. } | Self::Timeout { .. } => {
                "check the network, a VPN or firewall, and the proxy settings"
            }
            Self::Tls { source, .. } => return source.hint(),
            Self::Http { .. } => return None,
        };
        Some(hint.to_owned())
    }

    /// The error of this sort that lies behind another error, such as a session's.
    pub fn behind<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        causes(error).find_map(|error| error.downcast_ref())
    }

    /// Whether the user has to log in: the credentials have expired and cannot be renewed unasked.
    pub fn needs_login(&self) -> bool {
        matches!(self, Self::Credentials(error) if error.needs_login())
    }

    /// Whether it is the way to the API server that failed, rather than something on this side of it.
    pub fn is_unreachable(&self) -> bool {
        !matches!(self, Self::Credentials(_))
    }

    /// Whether another one says nothing new. A server that restarts fails in one way and then in another.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Credentials(a), Self::Credentials(b)) => a.is_like(b),
            (Self::Credentials(_), _) | (_, Self::Credentials(_)) => false,
            (a, b) => matches!(a, Self::Tls { .. }) == matches!(b, Self::Tls { .. }),
        }
    }

    /// Finds out what the error of a request means. With TLS 1.3 a server refuses a client's certificate only after
    /// the client takes the handshake for done.
    pub(crate) fn of_exchange(server: Untrusted, error: Box<dyn StdError + Send + Sync>) -> Self {
        let alert = causes(&*error).find_map(|error| {
            let fault = error
                .downcast_ref::<io::Error>()?
                .get_ref()?
                .downcast_ref::<rustls::Error>()?;
            match fault {
                rustls::Error::AlertReceived(alert) if is_about_certificate(*alert) => Some(*alert),
                _ => None,
            }
        });
        match alert {
            Some(alert) => {
                let alert = Untrusted::new(format!("{alert:?}"));
                Self::Tls {
                    server,
                    source: TlsFault::ClientCertificateRefused { alert },
                }
            }
            None => Self::Http {
                server,
                source: error,
            },
        }
    }
}

impl From<ConnectError> for UpgradeFailure {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Timeout { step } => Self::Timeout { step },
            ConnectError::Credentials(_) => Self::Credentials { source: error.into() },
            ConnectError::Dns { .. } => Self::Dns { source: error.into() },
            ConnectError::Http { .. } => Self::Http { source: error.into() },
            ConnectError::Proxy { .. } => Self::Proxy { source: error.into() },
            ConnectError::Tcp { .. } => Self::Tcp { source: error.into() },
            ConnectError::Tls { .. } => Self::Tls { source: error.into() },
        }
    }
}

/// An error and all that lie below it.
pub(crate) fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| {
        (*error).source()
    })
}
