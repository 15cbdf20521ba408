//! Which context, cluster and user of a kubeconfig are meant, and what the flags change about them.

use std::collections::BTreeMap;

use podline_wire::Untrusted;

use super::file::{Cluster, Context, User};
use super::{ConfigError, Kubeconfig};
use crate::Options;
use crate::environment::Environment;

/// Takes the context that was asked for, else the current one, else none.
pub(crate) fn pick_context(
    config: &mut Kubeconfig,
    options: &Options,
) -> Result<(Option<String>, Context), ConfigError> {
    let named = options.context.clone().filter(|name| !name.is_empty());
    let Some(name) = named.or_else(|| config.current_context.clone()) else {
        return Ok((None, Context::default()));
    };
    match config.contexts.remove(&name) {
        Some(context) => Ok((Some(name), context)),
        None if config.files.is_empty() => Err(no_kubeconfig(config)),
        None => {
            let known = config
                .contexts
                .keys()
                .map(|name| Untrusted::new(&**name))
                .collect();
            Err(ConfigError::NoSuchContext {
                name: Untrusted::new(name),
                known,
            })
        }
    }
}

/// Takes the cluster that was asked for, else the context's, else none, and lays the flags over it.
pub(crate) fn pick_cluster(
    config: &mut Kubeconfig,
    options: &Options,
    context: &Context,
    environment: &Environment,
) -> Result<(Option<String>, Cluster), ConfigError> {
    let asked = options.cluster.clone().filter(|name| !name.is_empty());
    let name = asked.or_else(|| context.cluster.clone().filter(|name| !name.is_empty()));
    let mut cluster = match &name {
        Some(name) => config
            .clusters
            .remove(name)
            .ok_or_else(|| ConfigError::NoSuchCluster {
                name: Untrusted::new(&**name),
                known: config
                    .clusters
                    .keys()
                    .map(|name| Untrusted::new(&**name))
                    .collect(),
            })?,
        None => Cluster {
            server: environment.text(&["KUBERNETES_MASTER"]).map(str::to_owned),
            ..Cluster::default()
        },
    };
    if let Some(server) = options.server.as_ref().filter(|server| !server.is_empty()) {
        cluster.server = Some(server.clone());
        // A certificate's name belongs to the server that it was given for.
        cluster.tls_server_name = None;
    }
    if options.tls_server_name.is_some() {
        cluster.tls_server_name.clone_from(&options.tls_server_name);
    }
    if options.insecure_skip_tls_verify || options.certificate_authority.is_some() {
        cluster.insecure_skip_tls_verify = Some(options.insecure_skip_tls_verify);
        cluster
            .certificate_authority
            .clone_from(&options.certificate_authority);
        cluster.certificate_authority_data = None;
    }
    if options.proxy_url.is_some() {
        cluster.proxy_url.clone_from(&options.proxy_url);
    }
    if name.is_none() && cluster.server.is_none() {
        if config.files.is_empty() {
            return Err(no_kubeconfig(config));
        }
        let known = config
            .contexts
            .keys()
            .map(|name| Untrusted::new(&**name))
            .collect();
        return Err(ConfigError::NoCurrentContext { known });
    }
    Ok((name, cluster))
}

/// Takes the user that was asked for, else the context's, else none, and lays the flags over it.
pub(crate) fn pick_user(
    config: &mut Kubeconfig,
    options: &Options,
    context: &Context,
) -> Result<(Option<String>, User), ConfigError> {
    let asked = options.user.clone().filter(|name| !name.is_empty());
    let name = asked.or_else(|| context.user.clone().filter(|name| !name.is_empty()));
    let mut user = match &name {
        Some(name) => config.users.remove(name).ok_or_else(|| ConfigError::NoSuchUser {
            name: Untrusted::new(&**name),
            known: config.users.keys().map(|name| Untrusted::new(&**name)).collect(),
        })?,
        None => User::default(),
    };
    if options.client_certificate.is_some() {
        user.client_certificate.clone_from(&options.client_certificate);
        user.client_certificate_data = None;
    }
    if options.client_key.is_some() {
        user.client_key.clone_from(&options.client_key);
        user.client_key_data = None;
    }
    if options.token.is_some() {
        user.token.clone_from(&options.token);
        user.token_file = None;
    }
    if options.username.is_some() {
        user.username.clone_from(&options.username);
    }
    if options.password.is_some() {
        user.password.clone_from(&options.password);
    }
    if options.impersonate_user.is_some() {
        user.impersonate.clone_from(&options.impersonate_user);
    }
    if options.impersonate_uid.is_some() {
        user.impersonate_uid.clone_from(&options.impersonate_uid);
    }
    if !options.impersonate_groups.is_empty() {
        user.impersonate_groups = Some(options.impersonate_groups.clone());
    }
    if !options.impersonate_extra.is_empty() {
        let mut extra = BTreeMap::<String, Vec<String>>::new();
        // What is not of the form is passed over, as kubectl does.
        for (key, value) in options
            .impersonate_extra
            .iter()
            .filter_map(|extra| extra.split_once('='))
        {
            extra.entry(key.to_owned()).or_default().push(value.to_owned());
        }
        user.impersonate_extra = Some(extra);
    }
    Ok((name, user))
}

fn no_kubeconfig(config: &Kubeconfig) -> ConfigError {
    ConfigError::NoKubeconfig {
        missing: config
            .missing
            .iter()
            .map(|path| ConfigError::shown(path))
            .collect(),
    }
}
