//! The configuration of a process that runs in a pod.

use std::fs;

use secrecy::SecretString;

use super::{ConfigError, Names, ServerUrl, Settings, Tls, User, timeout};
use crate::Options;
use crate::environment::Environment;

/// Whether this process runs in a pod with a service account.
pub(crate) fn is_possible(environment: &Environment) -> bool {
    environment.variable("KUBERNETES_SERVICE_HOST").is_some()
        && environment.variable("KUBERNETES_SERVICE_PORT").is_some()
        && environment.service_account.join("token").is_file()
}

/// The pod's own cluster, as its service account; server, token and certificate authority may be said otherwise.
pub(crate) fn settings(options: &Options, environment: &Environment) -> Result<Settings, ConfigError> {
    let text = |name| environment.text(&[name]).unwrap_or_default();
    let (host, port) = (text("KUBERNETES_SERVICE_HOST"), text("KUBERNETES_SERVICE_PORT"));
    let own = if host.contains(':') {
        format!("https://[{host}]:{port}")
    } else {
        format!("https://{host}:{port}")
    };
    let server = options.server.as_deref().unwrap_or(&own);
    let server = ServerUrl::parse(server, true).ok_or_else(|| ConfigError::BadServer {
        server: podline_wire::Untrusted::new(server),
    })?;
    let path = options
        .certificate_authority
        .clone()
        .unwrap_or_else(|| environment.service_account.join("ca.crt"));
    let certificate_authority = fs::read(&path).map_err(|source| ConfigError::UnreadableFile {
        field: "certificate authority",
        path: ConfigError::shown(&path),
        source,
    })?;
    let token: Option<SecretString> = options.token.clone();
    let token_file = token.is_none().then(|| environment.service_account.join("token"));
    Ok(Settings {
        context: None,
        names: Names::default(),
        files: vec![path],
        namespace: namespace(environment),
        server,
        proxy: None,
        tls: Tls {
            certificate_authority: Some(certificate_authority),
            ..Tls::default()
        },
        user: User {
            token,
            token_file,
            ..User::default()
        },
        request_timeout: Some(timeout::DEFAULT),
    })
}

/// The namespace of the pod.
pub(crate) fn namespace(environment: &Environment) -> String {
    let said = environment.text(&["POD_NAMESPACE"]).map(str::to_owned);
    let file = || fs::read_to_string(environment.service_account.join("namespace")).ok();
    said.or_else(file)
        .map(|namespace| namespace.trim().to_owned())
        .filter(|namespace| !namespace.is_empty())
        .unwrap_or_else(|| "default".to_owned())
}
