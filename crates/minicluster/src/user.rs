//! The users of the cluster.

use std::fmt;

/// Who uses the cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum User {
    /// May do everything.
    Admin,
    /// May do what `kubectl port-forward` needs, over SPDY only, until [`Rules`](crate::Rules) say otherwise.
    Forwarder,
    /// Anybody else by name; may do nothing until [`Rules`](crate::Rules) say otherwise.
    Other(String),
}

impl User {
    /// The name that rules and error messages use.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Admin => "admin",
            Self::Forwarder => "forwarder",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a user proves who he is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A TLS client certificate.
    Certificate,
    /// A bearer token.
    Token,
}
