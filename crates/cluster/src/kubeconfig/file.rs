//! One kubeconfig file as it is written.
//!
//! Fields that podline has no use for are left out; YAML that has them is as good as without.

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

/// A kubeconfig file.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct File {
    #[serde(rename = "apiVersion")]
    pub(crate) api_version: Option<String>,
    pub(crate) clusters: Option<Vec<NamedCluster>>,
    pub(crate) contexts: Option<Vec<NamedContext>>,
    pub(crate) current_context: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) users: Option<Vec<NamedUser>>,
}

#[derive(Deserialize)]
pub(crate) struct NamedCluster {
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) cluster: Option<Cluster>,
}

#[derive(Deserialize)]
pub(crate) struct NamedContext {
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) context: Option<Context>,
}

#[derive(Deserialize)]
pub(crate) struct NamedUser {
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) user: Option<User>,
}

/// How to reach a cluster.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Cluster {
    pub(crate) certificate_authority: Option<PathBuf>,
    pub(crate) certificate_authority_data: Option<String>,
    pub(crate) extensions: Option<Vec<NamedExtension>>,
    pub(crate) insecure_skip_tls_verify: Option<bool>,
    pub(crate) proxy_url: Option<String>,
    pub(crate) server: Option<String>,
    pub(crate) tls_server_name: Option<String>,
}

#[derive(Clone, Deserialize)]
pub(crate) struct NamedExtension {
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) extension: serde_json::Value,
}

/// A cluster, a user and a namespace.
#[derive(Clone, Default, Deserialize)]
pub(crate) struct Context {
    pub(crate) cluster: Option<String>,
    pub(crate) namespace: Option<String>,
    pub(crate) user: Option<String>,
}

/// Who asks.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct User {
    #[serde(rename = "as")]
    pub(crate) impersonate: Option<String>,
    #[serde(rename = "as-groups")]
    pub(crate) impersonate_groups: Option<Vec<String>>,
    #[serde(rename = "as-uid")]
    pub(crate) impersonate_uid: Option<String>,
    #[serde(rename = "as-user-extra")]
    pub(crate) impersonate_extra: Option<BTreeMap<String, Vec<String>>>,
    pub(crate) auth_provider: Option<AuthProvider>,
    pub(crate) client_certificate: Option<PathBuf>,
    pub(crate) client_certificate_data: Option<String>,
    pub(crate) client_key: Option<PathBuf>,
    #[serde(default, deserialize_with = "secret")]
    pub(crate) client_key_data: Option<SecretString>,
    pub(crate) exec: Option<Exec>,
    /// The file that it is in.
    #[serde(skip)]
    pub(crate) file: Option<PathBuf>,
    #[serde(default, deserialize_with = "secret")]
    pub(crate) password: Option<SecretString>,
    #[serde(default, deserialize_with = "secret")]
    pub(crate) token: Option<SecretString>,
    #[serde(rename = "tokenFile")]
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) username: Option<String>,
}

/// A built-in way to get credentials.
#[derive(Clone, Deserialize)]
pub(crate) struct AuthProvider {
    #[serde(default, deserialize_with = "secrets")]
    pub(crate) config: BTreeMap<String, SecretString>,
    #[serde(default)]
    pub(crate) name: String,
}

/// A program to get credentials from.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Exec {
    pub(crate) api_version: Option<String>,
    pub(crate) args: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) command: String,
    pub(crate) env: Option<Vec<ExecVariable>>,
    pub(crate) install_hint: Option<String>,
    pub(crate) interactive_mode: Option<InteractiveMode>,
    pub(crate) provide_cluster_info: Option<bool>,
}

/// One variable that the program is given.
#[derive(Clone, Deserialize)]
pub(crate) struct ExecVariable {
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default, deserialize_with = "secret")]
    pub(crate) value: Option<SecretString>,
}

/// Whether the program talks with the user.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq)]
pub(crate) enum InteractiveMode {
    Always,
    IfAvailable,
    Never,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?
        .filter(|text| !text.is_empty())
        .map(SecretString::from))
}

fn secrets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, SecretString>, D::Error> {
    let secrets = Option::<BTreeMap<String, Option<String>>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(secrets
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?.into())))
        .collect())
}
