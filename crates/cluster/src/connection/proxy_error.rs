//! Why a proxy did not let a connection through.

use std::error::Error as StdError;
use std::io;

use podline_wire::Untrusted;
use thiserror::Error;

/// Why a proxy did not let a connection through.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// It wants other credentials than those it got, or got none.
    #[error("it asks for a user and a password")]
    Authentication,
    /// The name or the password is longer than SOCKS5 can carry.
    #[error("the host name, user or password is longer than 255 bytes")]
    TooLong,
    /// The connection to it broke, or it does not speak HTTP.
    #[error("the connection to it broke")]
    Broken {
        /// Why.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// It answers, but refuses.
    #[error("it answered {answer}")]
    Refused {
        /// Its answer.
        answer: Untrusted,
    },
    /// It does not speak SOCKS5.
    #[error("it does not speak SOCKS5")]
    NotSocks,
    /// Its name has no address, or nothing listens there.
    #[error("it cannot be reached")]
    Unreachable {
        /// Why.
        source: io::Error,
    },
}

impl ProxyError {
    /// What can be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Authentication => {
                Some("put user and password into the proxy's URL: http://USER:PASSWORD@HOST".into())
            }
            Self::Refused { .. } => {
                Some("to reach this server without the proxy, add its host to NO_PROXY".into())
            }
            Self::Broken { .. } | Self::NotSocks => {
                Some("check the proxy's URL: scheme, host and port".into())
            }
            Self::Unreachable { .. } => {
                Some("is the proxy running? --proxy-url, the kubeconfig or HTTPS_PROXY names it".to_owned())
            }
            Self::TooLong => None,
        }
    }
}

impl From<io::Error> for ProxyError {
    fn from(error: io::Error) -> Self {
        Self::Broken { source: error.into() }
    }
}
