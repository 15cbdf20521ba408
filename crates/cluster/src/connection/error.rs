//! Where on the way to the API server it failed, and why.

use std::error::Error as StdError;
use std::io;

use podline_tunnel::UpgradeFailure;
use podline_wire::Untrusted;
use rustls::CertificateError;
use thiserror::Error;

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
            Self::TooLong => None,
        }
    }
}

impl From<io::Error> for ProxyError {
    fn from(error: io::Error) -> Self {
        Self::Broken { source: error.into() }
    }
}

/// Why there is no TLS session.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsFault {
    /// The server's certificate is unusable for another reason.
    #[error("the server's certificate is unusable: {problem}")]
    BadCertificate {
        /// What is wrong with it.
        problem: Untrusted,
    },
    /// The server's certificate is no longer valid.
    #[error("the server's certificate has expired")]
    CertificateExpired,
    /// The server's certificate is not valid yet.
    #[error("the server's certificate is not valid yet")]
    CertificateNotYetValid,
    /// The server does not like the client's certificate.
    #[error("the server refuses the client certificate: {alert}")]
    ClientCertificateRefused {
        /// Its alert.
        alert: Untrusted,
    },
    /// The connection broke during the handshake.
    #[error("the connection broke during the handshake")]
    Io {
        /// Why.
        source: io::Error,
    },
    /// What came is not TLS.
    #[error("the server does not speak TLS")]
    NotTls,
    /// Another fault of the protocol.
    #[error("{problem}")]
    Protocol {
        /// What went wrong.
        problem: Untrusted,
    },
    /// Nobody who is trusted has signed the server's certificate.
    #[error("the server's certificate is signed by an unknown authority")]
    UnknownIssuer,
    /// The certificate is for other names.
    #[error("the server's certificate is not for {expected}{}", for_names(presented))]
    WrongName {
        /// The name that it should have.
        expected: Untrusted,
        /// The names that it has.
        presented: Vec<Untrusted>,
    },
}

fn for_names(names: &[Untrusted]) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(" but for {}", names.join(", "))
    }
}

impl TlsFault {
    /// What can be done about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::CertificateExpired => "renew the API server's certificate, or correct this machine's clock",
            Self::CertificateNotYetValid => "correct this machine's clock",
            Self::ClientCertificateRefused { .. } => {
                "the client certificate of the kubeconfig may have expired, or be for another cluster"
            }
            Self::NotTls => "is the port right? an http:// address would be unencrypted",
            Self::UnknownIssuer => {
                "the kubeconfig's certificate authority is for another cluster, or a proxy intercepts TLS; \
                 name the right one with --certificate-authority"
            }
            Self::WrongName { .. } => "name the certificate's own name with --tls-server-name",
            Self::BadCertificate { .. } | Self::Io { .. } | Self::Protocol { .. } => return None,
        };
        Some(hint.to_owned())
    }

    /// Finds out what the error of a handshake means.
    pub(crate) fn new(error: io::Error) -> Self {
        let Some(fault) = error
            .get_ref()
            .and_then(|error| error.downcast_ref::<rustls::Error>())
        else {
            return Self::Io { source: error };
        };
        match fault {
            rustls::Error::InvalidCertificate(error) => Self::certificate(error),
            rustls::Error::InvalidMessage(
                rustls::InvalidMessage::InvalidContentType | rustls::InvalidMessage::UnknownProtocolVersion,
            ) => Self::NotTls,
            rustls::Error::AlertReceived(alert) if is_about_certificate(*alert) => {
                Self::ClientCertificateRefused {
                    alert: Untrusted::new(format!("{alert:?}")),
                }
            }
            fault => Self::Protocol {
                problem: Untrusted::new(fault.to_string()),
            },
        }
    }

    fn certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::CertificateExpired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::CertificateNotYetValid
            }
            // An authority of the same name but with another key: most clusters' authorities are called "kubernetes".
            CertificateError::BadSignature | CertificateError::UnknownIssuer => Self::UnknownIssuer,
            CertificateError::NotValidForNameContext { expected, presented } => Self::WrongName {
                expected: Untrusted::new(expected.to_str()),
                presented: presented.iter().map(|name| Untrusted::new(bare(name))).collect(),
            },
            CertificateError::NotValidForName => Self::WrongName {
                expected: Untrusted::new("this host"),
                presented: Vec::new(),
            },
            error => Self::BadCertificate {
                problem: Untrusted::new(error.to_string()),
            },
        }
    }
}

/// Takes the name out of `DnsName("host")` or `IpAddress(::1)`, as the certificate's names are called.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}

fn is_about_certificate(alert: rustls::AlertDescription) -> bool {
    use rustls::AlertDescription as Alert;
    matches!(
        alert,
        Alert::AccessDenied
            | Alert::BadCertificate
            | Alert::CertificateExpired
            | Alert::CertificateRequired
            | Alert::CertificateRevoked
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::UnsupportedCertificate
    )
}
