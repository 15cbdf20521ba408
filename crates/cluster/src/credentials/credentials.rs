//! Proof of who asks, kept fresh.

use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use podline_wire::Untrusted;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::CredentialsError;
use super::exec::Plugin;
use super::oidc::Oidc;
use super::token_file::TokenFile;
use crate::connection::Connector;
use crate::environment::Environment;
use crate::kubeconfig::Settings;

/// How long before their end credentials are renewed.
const EARLY: Duration = Duration::from_secs(30);
/// A plugin's credentials that are younger are not doubted when the server refuses them: they are as good as it gets.
const DOUBT_AFTER: Duration = Duration::from_secs(10);

/// Proof of who asks.
pub(crate) struct Credentials {
    source: Source,
    /// When the current ones expire, for those who ask without waiting.
    expiry: StdMutex<Option<SystemTime>>,
}

enum Source {
    /// The certificate of the TLS session, or nothing at all.
    None,
    Fixed(HeaderValue),
    Oidc(Mutex<Box<Oidc>>),
    Plugin {
        plugin: Box<Plugin>,
        connector: Arc<Connector>,
        last: Mutex<Option<Last>>,
    },
    TokenFile(TokenFile),
}

/// What a plugin gave last.
struct Last {
    header: Option<HeaderValue>,
    granted: Instant,
    expires: Option<SystemTime>,
    /// How long it was good for when it was given.
    lifetime: Option<Duration>,
    is_doubted: bool,
}

impl Credentials {
    /// Finds the source of credentials: token file, token, password, auth provider or plugin, whichever of them the
    /// user has first. A plugin's client certificate goes to `connector`. Nothing is run yet.
    pub(crate) fn new(
        settings: &mut Settings,
        connector: Arc<Connector>,
        environment: &Environment,
    ) -> Result<Self, CredentialsError> {
        let has_certificate = settings.tls.identity.is_some();
        let exec = settings.user.exec.take();
        let user = &mut settings.user;
        let source = if let Some(path) = user.token_file.take() {
            Source::TokenFile(TokenFile::new(path, user.token.take()))
        } else if let Some(token) = user.token.take() {
            Source::Fixed(bearer(&token)?)
        } else if let Some((name, password)) = user.basic.take() {
            let text = STANDARD.encode(format!("{name}:{}", password.expose_secret()));
            Source::Fixed(header(&format!("Basic {text}"))?)
        } else if let Some(provider) = user.auth_provider.take() {
            if provider.name != "oidc" {
                return Err(CredentialsError::AuthProvider {
                    provider: Untrusted::new(provider.name),
                    problem: Untrusted::new("Kubernetes dropped it for an exec plugin"),
                });
            }
            Source::Oidc(Mutex::new(Box::new(Oidc::new(
                provider.config,
                environment.clone(),
            ))))
        } else if let Some(exec) = exec.filter(|_| !has_certificate) {
            let plugin = Box::new(Plugin::new(exec, settings, environment.has_terminal));
            Source::Plugin {
                plugin,
                connector,
                last: Mutex::new(None),
            }
        } else {
            Source::None
        };
        Ok(Self {
            source,
            expiry: StdMutex::new(None),
        })
    }

    /// The value of `Authorization`, if there is one; renews what has expired. One renewal is made at a time.
    pub(crate) async fn header(&self) -> Result<Option<HeaderValue>, CredentialsError> {
        match &self.source {
            Source::None => Ok(None),
            Source::Fixed(header) => Ok(Some(header.clone())),
            Source::TokenFile(file) => bearer(&file.token()?).map(Some),
            Source::Oidc(oidc) => {
                let mut oidc = oidc.lock().await;
                let token = oidc.token().await?;
                self.set_expiry(oidc.expiry());
                bearer(&token).map(Some)
            }
            Source::Plugin {
                plugin,
                connector,
                last,
            } => {
                let mut last = last.lock().await;
                if let Some(last) = last.as_ref().filter(|last| !last.is_due()) {
                    return Ok(last.header.clone());
                }
                match grant(plugin, connector, last.is_none()).await {
                    Ok(new) => {
                        self.set_expiry(new.expires);
                        Ok(last.insert(new).header.clone())
                    }
                    // As long as the old ones are good, a failure is not one.
                    Err(error) => match last.as_ref().filter(|last| !last.is_doubted && !last.is_over()) {
                        Some(last) => {
                            tracing::warn!(%error, "the credentials are about to expire and cannot be renewed");
                            Ok(last.header.clone())
                        }
                        None => Err(error),
                    },
                }
            }
        }
    }

    /// The server answered 401: what can be renewed is not used again.
    pub(crate) async fn doubt(&self) {
        match &self.source {
            Source::None | Source::Fixed(_) | Source::Oidc(_) => {}
            Source::TokenFile(file) => file.doubt(),
            Source::Plugin { last, .. } => {
                if let Some(last) = &mut *last.lock().await {
                    last.is_doubted = last.granted.elapsed() >= DOUBT_AFTER;
                }
            }
        }
    }

    /// When the current credentials expire, as far as that is known.
    pub(crate) fn expiry(&self) -> Option<SystemTime> {
        *self.expiry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_expiry(&self, expiry: Option<SystemTime>) {
        *self.expiry.lock().unwrap_or_else(PoisonError::into_inner) = expiry;
    }
}

impl Last {
    fn is_due(&self) -> bool {
        // What was never good for long is used until its end, instead of being renewed for each request.
        let early = if self.lifetime.is_some_and(|lifetime| lifetime > 4 * EARLY) {
            EARLY
        } else {
            Duration::ZERO
        };
        self.is_doubted
            || self
                .expires
                .is_some_and(|expires| SystemTime::now() + early >= expires)
    }

    fn is_over(&self) -> bool {
        self.expires.is_some_and(|expires| SystemTime::now() >= expires)
    }
}

async fn grant(plugin: &Plugin, connector: &Connector, is_first: bool) -> Result<Last, CredentialsError> {
    if !is_first && plugin.must_ask() {
        return Err(CredentialsError::LoginNeeded {
            command: plugin.command(),
        });
    }
    let granted = plugin.run(is_first).await?;
    if let Some(identity) = &granted.identity {
        connector
            .set_identity(identity)
            .map_err(|error| CredentialsError::PluginAnswer {
                command: plugin.command(),
                problem: Untrusted::new(error.to_string()),
            })?;
    }
    Ok(Last {
        header: granted.token.as_ref().map(bearer).transpose()?,
        granted: Instant::now(),
        expires: granted.expires,
        lifetime: granted
            .expires
            .and_then(|expires| expires.duration_since(SystemTime::now()).ok()),
        is_doubted: false,
    })
}

fn bearer(token: &SecretString) -> Result<HeaderValue, CredentialsError> {
    header(&format!("Bearer {}", token.expose_secret().trim()))
}

fn header(value: &str) -> Result<HeaderValue, CredentialsError> {
    let mut value = HeaderValue::try_from(value).map_err(|_| CredentialsError::Malformed {
        problem: Untrusted::new("they have characters that a header cannot have"),
    })?;
    value.set_sensitive(true);
    Ok(value)
}
