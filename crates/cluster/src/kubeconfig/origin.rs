//! Where a configuration came from, so that it can be read again.

use std::hash::{DefaultHasher, Hash, Hasher};

use secrecy::ExposeSecret;

use super::stamps::Stamps;
use super::{ConfigError, Kubeconfig, Settings, resolve};
use crate::Options;
use crate::environment::Environment;

/// Where a configuration came from: the entries of the kubeconfig by name, and the files as they were.
pub(crate) struct Origin {
    /// The user's flags, with the names that they came to in the place of the context's.
    options: Options,
    stamps: Stamps,
    prints: Prints,
    /// The last reading failed, so it is worth another try whatever the files say.
    is_broken: bool,
}

/// The same entries, which say something else than before.
pub(crate) struct Change {
    pub(crate) settings: Settings,
    /// Nothing is other that is said of the server.
    pub(crate) is_same_cluster: bool,
    /// Nothing is other that is said of the user, but for tokens that an auth provider renews.
    pub(crate) is_same_user: bool,
    prints: Prints,
}

/// By which two readings of a configuration are told apart, without keeping what is secret in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Prints {
    /// Of how the server is reached and what it is trusted by.
    cluster: u64,
    /// Of who asks.
    user: u64,
    /// Of the tokens that an auth provider renews.
    tokens: u64,
}

impl Origin {
    /// Reads the configuration for the first time.
    pub(crate) fn load(
        options: &Options,
        environment: &Environment,
    ) -> Result<(Self, Settings), ConfigError> {
        let settings = resolve(Kubeconfig::load(options, environment)?, options, environment)?;
        let origin = Self {
            options: Options {
                context: None,
                cluster: settings.names.cluster.clone(),
                user: settings.names.user.clone(),
                namespace: Some(settings.namespace.clone()),
                ..options.clone()
            },
            stamps: Stamps::of(settings.files.clone()),
            prints: Prints::of(&settings),
            is_broken: false,
        };
        Ok((origin, settings))
    }

    /// Reads the same entries again if a file has changed; gives them if they say something else than before. The current
    /// context is not followed.
    pub(crate) fn reload(&mut self, environment: &Environment) -> Result<Option<Change>, ConfigError> {
        // Taken before the files are read: what changes meanwhile is noticed the next time.
        if !self.stamps.renew() && !self.is_broken {
            return Ok(None);
        }
        self.is_broken = true;
        let mut config = Kubeconfig::load(&self.options, environment)?;
        config.current_context = None;
        let settings = resolve(config, &self.options, environment)?;
        let stamps = Stamps::of(settings.files.clone());
        if !stamps.covers_the_same(&self.stamps) {
            self.stamps = stamps;
        }
        let prints = Prints::of(&settings);
        if prints == self.prints {
            self.is_broken = false;
            return Ok(None);
        }
        Ok(Some(Change {
            settings,
            is_same_cluster: prints.cluster == self.prints.cluster,
            is_same_user: prints.user == self.prints.user,
            prints,
        }))
    }

    /// The change could be used.
    pub(crate) fn commit(&mut self, change: &Change) {
        self.prints = change.prints;
        self.is_broken = false;
    }
}

impl Prints {
    fn of(settings: &Settings) -> Self {
        let mut cluster = DefaultHasher::new();
        let tls = &settings.tls;
        settings.server.to_string().hash(&mut cluster);
        let proxy = settings.proxy.as_ref();
        let proxy_user = proxy.and_then(|proxy| proxy.user.as_ref());
        proxy
            .map(|proxy| (proxy.scheme, &proxy.host, proxy.port))
            .hash(&mut cluster);
        proxy_user
            .map(|(name, password)| (name, password.expose_secret()))
            .hash(&mut cluster);
        (&tls.certificate_authority, tls.insecure, &tls.server_name).hash(&mut cluster);

        let mut tokens = DefaultHasher::new();
        let mut user = DefaultHasher::new();
        let who = &settings.user;
        let hasher = &mut user;
        let identity = tls.identity.as_ref();
        identity
            .map(|(chain, key)| (chain, key.expose_secret()))
            .hash(hasher);
        who.token.as_ref().map(ExposeSecret::expose_secret).hash(hasher);
        who.token_file.hash(hasher);
        let basic = who.basic.as_ref();
        basic
            .map(|(name, password)| (name, password.expose_secret()))
            .hash(hasher);
        who.impersonation.hash(hasher);
        if let Some(provider) = &who.auth_provider {
            provider.name.hash(hasher);
            for (key, value) in &provider.config {
                let is_renewed = ["id-token", "refresh-token"].contains(&&**key);
                let hasher = if is_renewed { &mut tokens } else { &mut *hasher };
                (key, value.expose_secret()).hash(hasher);
            }
        }
        if let Some(exec) = &who.exec {
            (&exec.command, &exec.args, &exec.api_version).hash(hasher);
            (exec.provide_cluster_info, exec.interactive_mode).hash(hasher);
            for variable in exec.env.iter().flatten() {
                let value = variable.value.as_ref().map(ExposeSecret::expose_secret);
                (&variable.name, value).hash(hasher);
            }
        }
        who.exec_config.as_ref().map(ToString::to_string).hash(hasher);
        Self {
            cluster: cluster.finish(),
            user: user.finish(),
            tokens: tokens.finish(),
        }
    }
}
