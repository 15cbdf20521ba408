//! Why there are no credentials.

use std::io;
use std::mem::discriminant;
use std::sync::Arc;

use podline_wire::Untrusted;
use thiserror::Error;

/// Why there are no credentials.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// An auth provider lacks something in its configuration.
    #[error("the auth provider '{provider}' is unusable: {problem}")]
    AuthProvider {
        /// Its name.
        provider: Untrusted,
        /// What is wrong with it.
        problem: Untrusted,
    },
    /// The credentials cannot be put into a header, or the certificate cannot be used.
    #[error("the credentials are unusable: {problem}")]
    Malformed {
        /// What is wrong with them.
        problem: Untrusted,
    },
    /// The credentials have expired, and the plugin that gives new ones wants to talk with the user.
    #[error("the credentials have expired and the plugin '{command}' asks the user for new ones")]
    LoginNeeded {
        /// Its command.
        command: Untrusted,
    },
    /// A token cannot be renewed.
    #[error("the token cannot be renewed: {problem}")]
    NotRenewed {
        /// What went wrong.
        problem: Untrusted,
        /// Whether only a new login helps.
        needs_login: bool,
    },
    /// The plugin ran, but what it wrote are no credentials.
    #[error("the credentials plugin '{command}' wrote no usable answer: {problem}")]
    PluginAnswer {
        /// Its command.
        command: Untrusted,
        /// What is wrong with it.
        problem: Untrusted,
    },
    /// The plugin ended with an error.
    #[error("the credentials plugin '{command}' failed: {status}{}", said(stderr))]
    PluginFailed {
        /// Its command.
        command: Untrusted,
        /// How it ended.
        status: String,
        /// What it wrote to standard error, if that was not the terminal.
        stderr: Untrusted,
    },
    /// The plugin could not be started.
    #[error("the credentials plugin '{command}' could not be run")]
    PluginNotRun {
        /// Its command.
        command: Untrusted,
        /// The kubeconfig's advice on how to get it.
        install_hint: Option<Untrusted>,
        /// Why.
        source: Arc<io::Error>,
    },
    /// The plugin needs a terminal, and there is none.
    #[error("the credentials plugin '{command}' has to ask the user, but standard input is not a terminal")]
    PluginNeedsTerminal {
        /// Its command.
        command: Untrusted,
    },
    /// The plugin took too long.
    #[error("the credentials plugin '{command}' did not end within 60 s")]
    PluginTimeout {
        /// Its command.
        command: Untrusted,
    },
    /// The file that holds the token cannot be read.
    #[error("the token file {path} cannot be read")]
    TokenFile {
        /// The file.
        path: Untrusted,
        /// Why.
        source: Arc<io::Error>,
    },
}

impl CredentialsError {
    /// Whether another one says nothing new.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        discriminant(self) == discriminant(other)
    }

    /// Whether only the user can bring new ones, by logging in.
    pub fn needs_login(&self) -> bool {
        match self {
            Self::LoginNeeded { .. } | Self::PluginNeedsTerminal { .. } => true,
            Self::NotRenewed { needs_login, .. } => *needs_login,
            _ => false,
        }
    }

    /// What can be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::LoginNeeded { .. } => Some("log in again and restart".to_owned()),
            Self::PluginNotRun {
                install_hint: Some(hint),
                ..
            } => Some(hint.to_string()),
            Self::PluginNotRun { command, .. } => Some(format!("install '{command}', or put it on the PATH")),
            Self::PluginNeedsTerminal { .. } => Some("run podline in a terminal".to_owned()),
            Self::NotRenewed {
                needs_login: true, ..
            } => Some("log in again".to_owned()),
            Self::PluginFailed { .. } | Self::PluginTimeout { .. } => {
                Some("run the plugin by hand to see what it wants; logging in again may help".to_owned())
            }
            Self::AuthProvider { .. }
            | Self::Malformed { .. }
            | Self::NotRenewed { .. }
            | Self::PluginAnswer { .. }
            | Self::TokenFile { .. } => None,
        }
    }
}

fn said(stderr: &Untrusted) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!(": {stderr}")
    }
}
