//! From the kubeconfig and the flags to what one cluster and one user come to.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use podline_wire::Untrusted;
use secrecy::{ExposeSecret, SecretString};

use super::file::{Cluster, Context, User as UserEntry};
use super::pick::{pick_cluster, pick_context, pick_user};
use super::{
    ConfigError, Entry, Impersonation, Kubeconfig, Names, ServerUrl, Settings, Tls, User, in_cluster, timeout,
};
use crate::Options;
use crate::connection::{ProxyUrl, without_user};
use crate::environment::Environment;
use crate::target::is_name;

/// The name of the cluster's extension that is handed to an exec plugin.
const EXEC_EXTENSION: &str = "client.authentication.k8s.io/exec";

/// Picks context, cluster and user, lays the flags over them, and reads the files that they name.
///
/// Where neither the kubeconfig nor the flags say anything and this is a pod, its service account is used.
pub(crate) fn resolve(
    config: Kubeconfig,
    options: &Options,
    environment: &Environment,
) -> Result<Settings, ConfigError> {
    let says_nothing = config.clusters.is_empty()
        && config.current_context.is_none()
        && [&options.context, &options.cluster, &options.user]
            .iter()
            .all(|option| option.is_none());
    let mut settings = if says_nothing && in_cluster::is_possible(environment) {
        in_cluster::settings(options, environment)?
    } else {
        from_kubeconfig(config, options, environment)?
    };
    if let Some(namespace) = options
        .namespace
        .as_ref()
        .filter(|namespace| !namespace.is_empty())
    {
        settings.namespace.clone_from(namespace);
    }
    if !is_name(&settings.namespace) {
        return Err(ConfigError::BadNamespace {
            namespace: Untrusted::new(settings.namespace),
        });
    }
    if let Some(text) = &options.request_timeout {
        settings.request_timeout = timeout::parse(text).ok_or_else(|| ConfigError::BadTimeout {
            text: Untrusted::new(&**text),
        })?;
    }
    Ok(settings)
}

fn from_kubeconfig(
    mut config: Kubeconfig,
    options: &Options,
    environment: &Environment,
) -> Result<Settings, ConfigError> {
    let (context_name, context) = pick_context(&mut config, options)?;
    let (cluster_name, cluster) = pick_cluster(&mut config, options, &context, environment)?;
    let (user_name, user) = pick_user(&mut config, options, &context)?;
    let name = Untrusted::new(cluster_name.as_deref().unwrap_or_default());
    let files = files(&config, &cluster, &user);
    let names = Names {
        cluster: cluster_name,
        user: user_name.clone(),
    };
    let entry = user.file.clone().zip(user_name.clone());
    let entry = entry.map(|(file, user)| Entry { file, user });
    let user_name = Untrusted::new(user_name.unwrap_or_default());

    let has_tls = cluster.certificate_authority.is_some()
        || cluster.certificate_authority_data.is_some()
        || cluster.insecure_skip_tls_verify == Some(true);
    let server = cluster.server.as_deref().unwrap_or_default();
    if server.is_empty() {
        return Err(ConfigError::Invalid {
            what: "cluster",
            name,
            problem: "it has no server",
        });
    }
    let server = ServerUrl::parse(server, has_tls).ok_or_else(|| ConfigError::BadServer {
        server: Untrusted::new(without_user(server)),
    })?;
    let proxy = cluster
        .proxy_url
        .as_deref()
        .filter(|url| !url.is_empty())
        .map(proxy)
        .transpose()?;
    let exec_config = cluster
        .extensions
        .iter()
        .flatten()
        .find(|extension| extension.name == EXEC_EXTENSION);
    let exec_config = exec_config.map(|extension| extension.extension.clone());
    // Credentials are never sent unencrypted, so there is no need to read them either.
    let (tls, user) = if server.tls {
        let identity = identity(&user, &user_name)?;
        let tls = tls(cluster, &name, identity)?;
        (
            tls,
            User {
                entry,
                exec_config,
                ..whom(user, &user_name)?
            },
        )
    } else {
        let impersonation = impersonation(&user, &user_name)?;
        (
            Tls::default(),
            User {
                impersonation,
                ..User::default()
            },
        )
    };
    Ok(Settings {
        context: context_name.map(Untrusted::new),
        names,
        files,
        namespace: namespace(context, environment),
        server,
        proxy,
        tls,
        user,
        request_timeout: Some(timeout::DEFAULT),
    })
}

/// All files that matter: the kubeconfig, and what it names. Tokens in files are read again anyway.
fn files(config: &Kubeconfig, cluster: &Cluster, user: &UserEntry) -> Vec<PathBuf> {
    let own = config.files.iter().chain(&config.missing).cloned();
    let named = [
        &cluster.certificate_authority,
        &user.client_certificate,
        &user.client_key,
    ];
    own.chain(named.into_iter().flatten().cloned()).collect()
}

fn tls(
    cluster: Cluster,
    name: &Untrusted,
    identity: Option<(Vec<u8>, SecretString)>,
) -> Result<Tls, ConfigError> {
    let insecure = cluster.insecure_skip_tls_verify == Some(true);
    let data = cluster.certificate_authority_data.filter(|data| !data.is_empty());
    let invalid = |problem| ConfigError::Invalid {
        what: "cluster",
        name: name.clone(),
        problem,
    };
    let certificate_authority = match (data, cluster.certificate_authority) {
        (Some(_), Some(_)) => {
            return Err(invalid(
                "it has both certificate-authority and certificate-authority-data",
            ));
        }
        (Some(data), None) => Some(decode("certificate-authority-data", name, &data)?),
        (None, Some(path)) => Some(read("certificate-authority", &path)?),
        (None, None) => None,
    };
    if insecure && certificate_authority.is_some() {
        return Err(invalid(
            "it has both insecure-skip-tls-verify and a certificate authority",
        ));
    }
    let server_name = cluster.tls_server_name.filter(|name| !name.is_empty());
    Ok(Tls {
        certificate_authority,
        insecure,
        server_name,
        identity,
    })
}

fn identity(user: &UserEntry, name: &Untrusted) -> Result<Option<(Vec<u8>, SecretString)>, ConfigError> {
    let invalid = |problem| ConfigError::Invalid {
        what: "user",
        name: name.clone(),
        problem,
    };
    let data = user
        .client_certificate_data
        .as_ref()
        .filter(|data| !data.is_empty());
    let certificate = match (data, &user.client_certificate) {
        (Some(_), Some(_)) => {
            return Err(invalid(
                "it has both client-certificate and client-certificate-data",
            ));
        }
        (Some(data), None) => decode("client-certificate-data", name, data)?,
        (None, Some(path)) => read("client-certificate", path)?,
        (None, None) => return Ok(None),
    };
    let key = match (&user.client_key_data, &user.client_key) {
        (Some(_), Some(_)) => return Err(invalid("it has both client-key and client-key-data")),
        (Some(data), None) => decode("client-key-data", name, data.expose_secret())?,
        (None, Some(path)) => read("client-key", path)?,
        (None, None) => return Err(invalid("it has a client certificate but no key for it")),
    };
    let key = String::from_utf8(key).map_err(|_| ConfigError::BadPem {
        field: "client-key",
        name: name.clone(),
        problem: Untrusted::new("it is not text"),
    })?;
    Ok(Some((certificate, key.into())))
}

fn whom(user: UserEntry, name: &Untrusted) -> Result<User, ConfigError> {
    let invalid = |problem| ConfigError::Invalid {
        what: "user",
        name: name.clone(),
        problem,
    };
    let impersonation = impersonation(&user, name)?;
    let username = user.username.filter(|username| !username.is_empty());
    let has_basic = username.is_some() || user.password.is_some();
    if has_basic && (user.token.is_some() || user.token_file.is_some()) {
        return Err(invalid(
            "it has both a token and a username or password; only one is allowed",
        ));
    }
    if user.exec.is_some() && user.auth_provider.is_some() {
        return Err(invalid("it has both an auth provider and an exec plugin"));
    }
    if let Some(exec) = &user.exec {
        if exec.command.is_empty() {
            return Err(invalid("its exec plugin has no command"));
        }
        if exec.env.iter().flatten().any(|variable| variable.name.is_empty()) {
            return Err(invalid("a variable of its exec plugin has no name"));
        }
        match exec.api_version.as_deref() {
            Some("client.authentication.k8s.io/v1beta1") => {}
            Some("client.authentication.k8s.io/v1") => {
                if exec.interactive_mode.is_none() {
                    return Err(invalid(
                        "its exec plugin has no interactiveMode, which version v1 requires",
                    ));
                }
            }
            Some("client.authentication.k8s.io/v1alpha1") => {
                return Err(invalid(
                    "its exec plugin uses version v1alpha1, which is no longer supported",
                ));
            }
            Some("") | None => return Err(invalid("its exec plugin has no apiVersion")),
            Some(_) => return Err(invalid("its exec plugin has an unknown apiVersion")),
        }
    }
    let basic = has_basic.then(|| (username.unwrap_or_default(), user.password.unwrap_or_default()));
    Ok(User {
        auth_provider: user.auth_provider,
        basic,
        entry: None,
        exec: user.exec,
        exec_config: None,
        impersonation,
        token: user.token,
        token_file: user.token_file,
    })
}

fn impersonation(user: &UserEntry, name: &Untrusted) -> Result<Option<Impersonation>, ConfigError> {
    let groups = user.impersonate_groups.clone().unwrap_or_default();
    let uid = user.impersonate_uid.clone().filter(|uid| !uid.is_empty());
    let extra: Vec<(String, String)> = user
        .impersonate_extra
        .iter()
        .flatten()
        .flat_map(|(key, values)| values.iter().map(|value| (key.clone(), value.clone())))
        .collect();
    match user.impersonate.clone().filter(|user| !user.is_empty()) {
        Some(user) => Ok(Some(Impersonation {
            user,
            uid,
            groups,
            extra,
        })),
        None if groups.is_empty() && uid.is_none() && extra.is_empty() => Ok(None),
        None => Err(ConfigError::Invalid {
            what: "user",
            name: name.clone(),
            problem: "it asks for another's UID, groups or extra without a user to impersonate",
        }),
    }
}

fn namespace(context: Context, environment: &Environment) -> String {
    context
        .namespace
        .filter(|namespace| !namespace.is_empty())
        .unwrap_or_else(|| {
            if in_cluster::is_possible(environment) {
                in_cluster::namespace(environment)
            } else {
                "default".to_owned()
            }
        })
}

fn proxy(url: &str) -> Result<ProxyUrl, ConfigError> {
    ProxyUrl::parse(url).ok_or_else(|| ConfigError::BadProxy {
        url: Untrusted::new(without_user(url)),
    })
}

fn decode(field: &'static str, name: &Untrusted, data: &str) -> Result<Vec<u8>, ConfigError> {
    // A long value may be folded over several lines.
    let data: Vec<u8> = data.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(data).map_err(|_| ConfigError::BadBase64 {
        field,
        name: name.clone(),
    })
}

fn read(field: &'static str, path: &Path) -> Result<Vec<u8>, ConfigError> {
    fs::read(path).map_err(|source| ConfigError::UnreadableFile {
        field,
        path: ConfigError::shown(path),
        source,
    })
}
