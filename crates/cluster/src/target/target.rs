//! What the user named.

use std::fmt;
use std::str::FromStr;

use podline_wire::Untrusted;
use thiserror::Error;

use super::Kind;

/// Longest name of an object (a DNS subdomain, RFC 1123), in bytes.
const NAME_MAX: usize = 253;

/// What the user named: a pod, or something that selects pods.
///
/// Parsed from `web` (a pod), `pod/web`, `svc/web`, `deployments.apps/web` or `namespace/svc/web`; shown as
/// `svc/web`, without its namespace.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Target {
    /// The namespace if the user named one, otherwise the one of the context is meant.
    pub namespace: Option<String>,
    /// What kind of object it is.
    pub kind: Kind,
    /// The object's name.
    pub name: String,
}

impl Target {
    /// As it is typed: with its namespace, where the user named one.
    pub fn typed(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{}/{self}", Untrusted::new(&**namespace)),
            None => self.to_string(),
        }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let parts: Vec<&str> = text.split('/').collect();
        let (namespace, kind, name) = match parts[..] {
            [name] => (None, Kind::Pod, name),
            [kind, name] => (None, known(kind)?, name),
            [namespace, kind, name] => (Some(namespace), known(kind)?, name),
            _ => {
                return Err(TargetError::Slashes {
                    text: Untrusted::new(text),
                });
            }
        };
        if name.is_empty() {
            return Err(TargetError::NoName {
                text: Untrusted::new(text),
            });
        }
        if let Some(part) = [Some(name), namespace]
            .into_iter()
            .flatten()
            .find(|part| !is_name(part))
        {
            return Err(TargetError::BadName {
                name: Untrusted::new(part),
            });
        }
        Ok(Self {
            namespace: namespace.map(str::to_owned),
            kind,
            name: name.to_owned(),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, Untrusted::new(&*self.name))
    }
}

fn known(kind: &str) -> Result<Kind, TargetError> {
    Kind::named(kind).ok_or_else(|| TargetError::UnknownKind {
        kind: Untrusted::new(kind),
    })
}

/// Whether `text` can be one segment of an API path and the name of a pod, service, workload or namespace.
pub(crate) fn is_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.' || byte == b'_';
    let outer = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    text.len() <= NAME_MAX
        && text.bytes().all(inner)
        && outer(text.bytes().next())
        && outer(text.bytes().next_back())
}

/// Why a text names no target.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum TargetError {
    /// No object can have such a name.
    #[error("'{name}' is not a name that an object can have")]
    BadName {
        /// The name.
        name: Untrusted,
    },
    /// There is a slash, but nothing behind it.
    #[error("'{text}' names no object")]
    NoName {
        /// The whole text.
        text: Untrusted,
    },
    /// More parts than namespace, kind and name.
    #[error("'{text}' has more parts than NAMESPACE/TYPE/NAME")]
    Slashes {
        /// The whole text.
        text: Untrusted,
    },
    /// Not a kind of object that has pods.
    #[error("'{kind}' is not a resource type that a port can be forwarded to")]
    UnknownKind {
        /// The kind.
        kind: Untrusted,
    },
}

impl TargetError {
    /// What can be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownKind { .. } => Some(
                "use one of pod, deployment, replicaset, statefulset, daemonset, job, rc, svc".to_owned(),
            ),
            Self::NoName { .. } | Self::Slashes { .. } => {
                Some("write it as svc/web or namespace/svc/web".to_owned())
            }
            Self::BadName { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn every_form_of_a_target_is_understood() {
        for (text, namespace, kind, name) in [
            ("web", None, Kind::Pod, "web"),
            ("pod/web", None, Kind::Pod, "web"),
            ("svc/web", None, Kind::Service, "web"),
            ("shop/svc/web", Some("shop"), Kind::Service, "web"),
            ("deployments.apps/web-1.x", None, Kind::Deployment, "web-1.x"),
            (
                "kube-system/ds/proxy",
                Some("kube-system"),
                Kind::DaemonSet,
                "proxy",
            ),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!(
                target,
                Target {
                    namespace: namespace.map(Into::into),
                    kind,
                    name: name.into()
                },
                "{text}"
            );
            assert_eq!(target.typed().parse::<Target>().unwrap(), target, "{text}");
        }
        assert_eq!(
            "shop/services/web".parse::<Target>().unwrap().to_string(),
            "svc/web"
        );
    }

    #[test]
    fn what_is_no_target_is_an_error_that_says_why() {
        for (text, message) in [
            ("", "'' names no object"),
            ("svc/", "'svc/' names no object"),
            (
                "cm/web",
                "'cm' is not a resource type that a port can be forwarded to",
            ),
            (
                "/web",
                "'' is not a resource type that a port can be forwarded to",
            ),
            ("a/b/c/d", "'a/b/c/d' has more parts than NAMESPACE/TYPE/NAME"),
            ("svc/..", "'..' is not a name that an object can have"),
            ("/svc/web", "'' is not a name that an object can have"),
            ("a%2f/svc/web", "'a%2f' is not a name that an object can have"),
            ("svc/we b", "'we b' is not a name that an object can have"),
            ("svc/web?x=1", "'web?x=1' is not a name that an object can have"),
        ] {
            assert_eq!(text.parse::<Target>().unwrap_err().to_string(), message);
        }
        let long = format!("svc/{}", "a".repeat(254));
        assert!(matches!(long.parse::<Target>(), Err(TargetError::BadName { .. })));
    }

    #[test]
    fn control_characters_do_not_reach_the_message() {
        let message = "svc/\u{1b}[31mred".parse::<Target>().unwrap_err().to_string();
        assert!(!message.contains('\u{1b}'), "{message:?}");
    }
}
