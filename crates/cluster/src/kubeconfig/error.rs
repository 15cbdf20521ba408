//! Why there is no usable configuration.

use std::io;
use std::path::Path;

use podline_wire::Untrusted;
use thiserror::Error;

use crate::credentials::CredentialsError;

/// Why there is no usable configuration.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// What should be base64 is not.
    #[error("{field} of '{name}' is not base64")]
    BadBase64 {
        /// The field.
        field: &'static str,
        /// The cluster or user that it belongs to.
        name: Untrusted,
    },
    /// What should be certificates or a key in PEM is not.
    #[error("{field} of '{name}' is unusable: {problem}")]
    BadPem {
        /// The field.
        field: &'static str,
        /// The cluster or user that it belongs to.
        name: Untrusted,
        /// What is wrong with it.
        problem: Untrusted,
    },
    /// No namespace can have such a name.
    #[error("'{namespace}' is not a name that a namespace can have")]
    BadNamespace {
        /// The name.
        namespace: Untrusted,
    },
    /// The proxy's URL is not one.
    #[error("invalid proxy URL '{url}': it must be http, https or socks5 with a host")]
    BadProxy {
        /// The URL, without user and password.
        url: Untrusted,
    },
    /// The API server's address is not one.
    #[error("invalid server address '{server}': it must be a URL or HOST:PORT")]
    BadServer {
        /// The address.
        server: Untrusted,
    },
    /// The name that the server's certificate is to have is not one.
    #[error("'{name}' is not a name that a server's certificate can have")]
    BadServerName {
        /// The name.
        name: Untrusted,
    },
    /// `--request-timeout` is not a time.
    #[error("invalid request timeout '{text}'")]
    BadTimeout {
        /// The text.
        text: Untrusted,
    },
    /// There are no credentials.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// A file has two entries of one name.
    #[error("kubeconfig {path} has two entries for the {what} '{name}'")]
    Duplicate {
        /// The file.
        path: Untrusted,
        /// What sort of entry.
        what: &'static str,
        /// Its name.
        name: Untrusted,
    },
    /// An entry contradicts itself or lacks something.
    #[error("the {what} '{name}' of the kubeconfig is unusable: {problem}")]
    Invalid {
        /// What sort of entry.
        what: &'static str,
        /// Its name.
        name: Untrusted,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A file is not YAML, or not of a kubeconfig's form.
    #[error("kubeconfig {path} cannot be understood at line {line}, column {column}: {problem}")]
    Malformed {
        /// The file.
        path: Untrusted,
        /// The line, from 1; 0 if unknown.
        line: u64,
        /// The column, from 1; 0 if unknown.
        column: u64,
        /// What is wrong there.
        problem: Untrusted,
    },
    /// There is a kubeconfig, but it does not say which context is meant.
    #[error("the kubeconfig has no current context")]
    NoCurrentContext {
        /// The contexts that there are.
        known: Vec<Untrusted>,
    },
    /// There is no kubeconfig, and this is not a pod.
    #[error("no kubeconfig found{}", looked_at(missing))]
    NoKubeconfig {
        /// Where one was looked for.
        missing: Vec<Untrusted>,
    },
    /// The context's cluster, or the one that was asked for, is not in the kubeconfig.
    #[error("the kubeconfig has no cluster '{name}'")]
    NoSuchCluster {
        /// Its name.
        name: Untrusted,
        /// The clusters that there are.
        known: Vec<Untrusted>,
    },
    /// The context that was asked for, or the current one, is not in the kubeconfig.
    #[error("context '{name}' does not exist")]
    NoSuchContext {
        /// Its name.
        name: Untrusted,
        /// The contexts that there are.
        known: Vec<Untrusted>,
    },
    /// The context's user, or the one that was asked for, is not in the kubeconfig.
    #[error("the kubeconfig has no user '{name}'")]
    NoSuchUser {
        /// Its name.
        name: Untrusted,
        /// The users that there are.
        known: Vec<Untrusted>,
    },
    /// A file says that it is something else.
    #[error("{path} is not a kubeconfig: it says kind '{kind}', version '{version}'")]
    NotAKubeconfig {
        /// The file.
        path: Untrusted,
        /// Its kind.
        kind: Untrusted,
        /// Its API version.
        version: Untrusted,
    },
    /// The system's own root certificates are needed and cannot be had.
    #[error("the system has no root certificates to check the API server's certificate with: {problem}")]
    NoRoots {
        /// What went wrong.
        problem: Untrusted,
    },
    /// A kubeconfig file cannot be read.
    #[error("kubeconfig {path} cannot be read")]
    Unreadable {
        /// The file.
        path: Untrusted,
        /// Why.
        source: io::Error,
    },
    /// A file that the configuration names cannot be read.
    #[error("{field} {path} cannot be read")]
    UnreadableFile {
        /// The field.
        field: &'static str,
        /// The file.
        path: Untrusted,
        /// Why.
        source: io::Error,
    },
}

impl ConfigError {
    /// What can be done about it.
    pub fn hint(&self) -> Option<String> {
        let list = |known: &[Untrusted], what: &str| {
            let known: Vec<String> = known.iter().map(ToString::to_string).collect();
            (!known.is_empty()).then(|| format!("it has the {what} {}", known.join(", ")))
        };
        match self {
            Self::BadTimeout { .. } => Some("write it as a number of seconds, or as 30s, 5m, 1h".to_owned()),
            Self::Credentials(error) => error.hint(),
            Self::NoCurrentContext { known } => {
                let known = list(known, "contexts")
                    .map(|known| format!("; {known}"))
                    .unwrap_or_default();
                Some(format!("name one with --context{known}"))
            }
            Self::NoKubeconfig { .. } => {
                Some("name one with --kubeconfig or KUBECONFIG, or write ~/.kube/config".to_owned())
            }
            Self::NoSuchCluster { known, .. } => list(known, "clusters"),
            Self::NoSuchContext { known, .. } => list(known, "contexts"),
            Self::NoSuchUser { known, .. } => list(known, "users"),
            _ => None,
        }
    }

    pub(crate) fn malformed(path: &Path, error: &serde_saphyr::Error) -> Self {
        let place = error.location();
        Self::Malformed {
            path: Self::shown(path),
            line: place.map_or(0, |place| place.line()),
            column: place.map_or(0, |place| place.column()),
            problem: Untrusted::new(without_values(&error.without_snippet().to_string())),
        }
    }

    pub(crate) fn unreadable(path: &Path, source: io::Error) -> Self {
        Self::Unreadable {
            path: Self::shown(path),
            source,
        }
    }

    pub(crate) fn shown(path: &Path) -> Untrusted {
        Untrusted::new(path.to_string_lossy())
    }
}

fn looked_at(missing: &[Untrusted]) -> String {
    let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
    if missing.is_empty() {
        String::new()
    } else {
        format!(" at {}", missing.join(", "))
    }
}

/// Cuts values out of a parser's message: they may be secrets.
///
/// A message such as `invalid type: string "s3cret", expected a sequence` quotes what it found.
fn without_values(message: &str) -> String {
    // The place is told elsewhere.
    let message = message
        .rsplit_once(" at line ")
        .map_or(message, |(message, _)| message);
    for what in ["invalid type", "invalid value", "unknown variant"] {
        if message.contains(what) {
            let expected = message.rfind("expected ").map_or("", |at| &message[at..]);
            let expected = if expected.contains('"') { "" } else { expected };
            return format!("{what}, {expected}")
                .trim_end_matches([',', ' '])
                .to_owned();
        }
    }
    // Whatever else is quoted is cut, whether or not the quotes are balanced.
    match message.find(['"', '`']) {
        Some(at) => message[..at].trim_end_matches([':', ' ']).to_owned(),
        None => message.lines().next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_values;

    #[test]
    fn values_are_cut_out_of_messages() {
        for (message, cut) in [
            (
                "invalid type: string \"s3cret\", expected a sequence",
                "invalid type, expected a sequence",
            ),
            (
                "unknown variant `s3cret`, expected one of `a`, `b`",
                "unknown variant, expected one of `a`, `b`",
            ),
            ("cannot read \"s3cret", "cannot read"),
            ("invalid value: string \"expected s3cret\"", "invalid value"),
            ("found a tab\nat s3cret", "found a tab"),
            ("expected a mapping at line 2, column 1", "expected a mapping"),
        ] {
            assert_eq!(without_values(message), cut);
        }
    }
}
