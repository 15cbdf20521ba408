//! Why there is no TLS session.

use std::io;

use podline_wire::Untrusted;
use rustls::CertificateError;
use thiserror::Error;

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

/// Whether an alert is about the certificate that the client showed, or did not show.
pub(crate) fn is_about_certificate(alert: rustls::AlertDescription) -> bool {
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
