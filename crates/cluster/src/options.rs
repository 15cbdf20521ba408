//! What the user says about the cluster on the command line.

use std::fmt;
use std::path::PathBuf;

use secrecy::SecretString;

/// kubectl's global flags, a field each. What is not set comes from the kubeconfig.
///
/// Printing them shows which cluster is meant and nothing of the rest: URLs may carry passwords too.
#[derive(Clone, Default)]
pub struct Options {
    /// `--as`: the user to impersonate.
    pub impersonate_user: Option<String>,
    /// `--as-group`: the groups to impersonate.
    pub impersonate_groups: Vec<String>,
    /// `--as-uid`: the UID to impersonate.
    pub impersonate_uid: Option<String>,
    /// `--as-user-extra`: further facts of the impersonated user, each as `key=value`.
    pub impersonate_extra: Vec<String>,
    /// `--cache-dir`: accepted, podline caches nothing.
    pub cache_dir: Option<String>,
    /// `--certificate-authority`: a file of certificates to trust.
    pub certificate_authority: Option<PathBuf>,
    /// `--client-certificate`: a file with the client's certificate.
    pub client_certificate: Option<PathBuf>,
    /// `--client-key`: a file with the key of the client's certificate.
    pub client_key: Option<PathBuf>,
    /// `--cluster`: the kubeconfig's cluster to use.
    pub cluster: Option<String>,
    /// `--context`: the kubeconfig's context to use.
    pub context: Option<String>,
    /// `--disable-compression`: accepted, podline asks for no compression.
    pub disable_compression: bool,
    /// `--insecure-skip-tls-verify`: whether any certificate of the server will do.
    pub insecure_skip_tls_verify: bool,
    /// `--kubeconfig`: the one file to read.
    pub kubeconfig: Option<PathBuf>,
    /// `--kuberc`: accepted, podline has no aliases and defaults of its own.
    pub kuberc: Option<String>,
    /// `--log-flush-frequency`: accepted, podline's log is not buffered.
    pub log_flush_frequency: Option<String>,
    /// `--match-server-version`: accepted, podline works with every version.
    pub match_server_version: bool,
    /// `-n`, `--namespace`: the namespace of targets that name none.
    pub namespace: Option<String>,
    /// `--password`, for basic authentication.
    pub password: Option<SecretString>,
    /// `--profile`: accepted.
    pub profile: Option<String>,
    /// `--profile-output`: accepted.
    pub profile_output: Option<String>,
    /// `--proxy-url`: the proxy to the API server, whatever the environment says.
    pub proxy_url: Option<String>,
    /// `--request-timeout`: how long one request may take, as `30`, `30s`, `5m` or `0` for no limit. Upgrades have
    /// deadlines of their own.
    pub request_timeout: Option<String>,
    /// `-s`, `--server`: the API server's address.
    pub server: Option<String>,
    /// `--tls-server-name`: the name that the server's certificate must have.
    pub tls_server_name: Option<String>,
    /// `--token`, to authenticate with.
    pub token: Option<SecretString>,
    /// `--user`: the kubeconfig's user to use.
    pub user: Option<String>,
    /// `--username`, for basic authentication.
    pub username: Option<String>,
    /// `--warnings-as-errors`: accepted.
    pub warnings_as_errors: bool,
}

impl Options {
    /// The flags that are set but mean nothing here.
    pub fn without_meaning(&self) -> Vec<&'static str> {
        [
            ("--cache-dir", self.cache_dir.is_some()),
            ("--disable-compression", self.disable_compression),
            ("--kuberc", self.kuberc.is_some()),
            ("--log-flush-frequency", self.log_flush_frequency.is_some()),
            ("--match-server-version", self.match_server_version),
            ("--profile", self.profile.is_some()),
            ("--profile-output", self.profile_output.is_some()),
            ("--warnings-as-errors", self.warnings_as_errors),
        ]
        .into_iter()
        .filter_map(|(flag, is_set)| is_set.then_some(flag))
        .collect()
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("kubeconfig", &self.kubeconfig)
            .field("context", &self.context)
            .field("cluster", &self.cluster)
            .field("user", &self.user)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_shows_no_secret() {
        let options = Options {
            password: Some("s3cret".into()),
            proxy_url: Some("http://me:s3cret@proxy".to_owned()),
            server: Some("https://me:s3cret@host".to_owned()),
            token: Some("s3cret".into()),
            ..Options::default()
        };
        assert!(!format!("{options:?}").contains("s3cret"));
    }
}
