//! What a context and the flags come to.

use std::path::PathBuf;
use std::time::Duration;

use podline_wire::Untrusted;
use secrecy::SecretString;

use super::{AuthProvider, Entry, Exec, ServerUrl};
use crate::connection::ProxyUrl;

/// All that is needed to talk to one API server as one user.
pub(crate) struct Settings {
    pub(crate) context: Option<Untrusted>,
    pub(crate) names: Names,
    /// All files that it was read from, and those that were not there.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) namespace: String,
    pub(crate) server: ServerUrl,
    /// The proxy that was asked for by name, if one was; the environment is asked otherwise.
    pub(crate) proxy: Option<ProxyUrl>,
    pub(crate) tls: Tls,
    pub(crate) user: User,
    /// How long one request may take; `None` is for ever.
    pub(crate) request_timeout: Option<Duration>,
}

/// Which entries of the kubeconfig are used.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) cluster: Option<String>,
    pub(crate) user: Option<String>,
}

/// Whom to trust, and the certificate to show.
#[derive(Default)]
pub(crate) struct Tls {
    /// PEM; without it the system's roots are trusted.
    pub(crate) certificate_authority: Option<Vec<u8>>,
    pub(crate) insecure: bool,
    pub(crate) server_name: Option<String>,
    /// Certificate chain and key, both PEM.
    pub(crate) identity: Option<(Vec<u8>, SecretString)>,
}

/// How to prove who asks, and on whose behalf.
#[derive(Default)]
pub(crate) struct User {
    pub(crate) auth_provider: Option<AuthProvider>,
    pub(crate) basic: Option<(String, SecretString)>,
    /// Where it is written, if it is.
    pub(crate) entry: Option<Entry>,
    pub(crate) exec: Option<Exec>,
    /// The cluster's configuration for the plugin.
    pub(crate) exec_config: Option<serde_json::Value>,
    pub(crate) impersonation: Option<Impersonation>,
    pub(crate) token: Option<SecretString>,
    pub(crate) token_file: Option<PathBuf>,
}

/// On whose behalf.
#[derive(Debug, Hash)]
pub(crate) struct Impersonation {
    pub(crate) user: String,
    pub(crate) uid: Option<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) extra: Vec<(String, String)>,
}
