//! What proves who asks.

use std::fmt;

use podline_wire::Untrusted;

/// What proves who asks.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CredentialsSort {
    /// A client certificate.
    Certificate,
    /// Nothing: the server may still let a stranger in.
    Nothing,
    /// Tokens of an OIDC provider, which are renewed.
    Oidc,
    /// A user's name and password.
    Password,
    /// What a plugin gives.
    Plugin {
        /// Its command.
        command: Untrusted,
    },
    /// A token in the configuration.
    Token,
    /// A token in a file, which is read again and again.
    TokenFile,
}

impl fmt::Display for CredentialsSort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate => f.write_str("a client certificate"),
            Self::Nothing => f.write_str("no credentials"),
            Self::Oidc => f.write_str("an OIDC provider's token"),
            Self::Password => f.write_str("a name and a password"),
            Self::Plugin { command } => write!(f, "the plugin '{command}'"),
            Self::Token => f.write_str("a token"),
            Self::TokenFile => f.write_str("a token in a file"),
        }
    }
}
