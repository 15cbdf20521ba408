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

use super::exec::Plugin;
use super::oidc::Oidc;
use super::token_file::TokenFile;
use super::{CredentialsError, CredentialsSort, jwt};
use crate::connection::{Connector, Identity};
use crate::environment::Environment;
use crate::kubeconfig::{Settings, User};
use crate::renewals::Changes;

/// How long before their end credentials are renewed.
const EARLY: Duration = Duration::from_secs(30);
/// Credentials that were renewed since are not doubted when the server refuses them: they are as good as it gets.
const DOUBT_AFTER: Duration = Duration::from_secs(10);

/// How long credentials that cannot be renewed are not tried again: many may ask at once, and again and again.
const FAILED_PAUSE: Duration = Duration::from_secs(5);

/// Proof of who asks.
pub(crate) struct Credentials {
    source: Source,
    /// What became of the current ones, for those who ask without waiting.
    standing: StdMutex<Standing>,
    changes: Arc<Changes>,
    /// Whether the user may be asked something by the first run of a plugin.
    may_ask: bool,
    sort: CredentialsSort,
    failed: StdMutex<Option<(Instant, CredentialsError)>>,
}

/// What is known of the current credentials.
#[derive(Clone, Copy, Default)]
struct Standing {
    expiry: Option<SystemTime>,
    /// How often there were other ones.
    generation: u64,
}

/// What goes into a request.
#[derive(Clone, Default)]
pub(crate) struct Proof {
    /// The value of `Authorization`, if there is one.
    pub(crate) header: Option<HeaderValue>,
    /// Which credentials these are.
    generation: u64,
}

enum Source {
    /// The certificate of the TLS session, or nothing at all.
    None,
    Fixed(HeaderValue),
    Oidc(Mutex<Box<Oidc>>),
    Plugin {
        plugin: Box<Plugin>,
        state: Mutex<Granted>,
    },
    TokenFile {
        file: TokenFile,
        last: Mutex<Option<HeaderValue>>,
    },
}

/// What a plugin gave, and where its certificates go.
struct Granted {
    connector: Arc<Connector>,
    last: Option<Last>,
}

/// What a plugin gave last.
struct Last {
    header: Option<HeaderValue>,
    identity: Option<Identity>,
    granted: Instant,
    expires: Option<SystemTime>,
    /// How long it was good for when it was given.
    lifetime: Option<Duration>,
    is_doubted: bool,
}

impl Credentials {
    /// Finds the source of credentials: token file, token, password, auth provider or plugin, whichever of them the
    /// user has first. A plugin's client certificate goes to `connector`. Nothing is run yet; `may_ask` is whether the
    /// user may be asked something when it is for the first time.
    pub(crate) fn new(
        settings: &Settings,
        connector: Arc<Connector>,
        environment: &Environment,
        changes: Arc<Changes>,
        may_ask: bool,
    ) -> Result<Self, CredentialsError> {
        let user = &settings.user;
        let exec = user.exec.clone().filter(|_| settings.tls.identity.is_none());
        let sort;
        let mut expiry = None;
        let source = if let Some(path) = &user.token_file {
            sort = CredentialsSort::TokenFile;
            Source::TokenFile {
                file: TokenFile::new(path.clone(), user.token.clone()),
                last: Mutex::new(None),
            }
        } else if let Some(token) = &user.token {
            expiry = jwt::expiry(token.expose_secret());
            sort = CredentialsSort::Token;
            Source::Fixed(bearer(token)?)
        } else if let Some((name, password)) = &user.basic {
            let text = STANDARD.encode(format!("{name}:{}", password.expose_secret()));
            sort = CredentialsSort::Password;
            Source::Fixed(header(&format!("Basic {text}"))?)
        } else if let Some(provider) = &user.auth_provider {
            if provider.name != "oidc" {
                return Err(CredentialsError::AuthProvider {
                    provider: Untrusted::new(&*provider.name),
                    problem: Untrusted::new("Kubernetes dropped it for an exec plugin"),
                });
            }
            let oidc = Oidc::new(provider.config.clone(), user.entry.clone(), environment.clone());
            sort = CredentialsSort::Oidc;
            Source::Oidc(Mutex::new(Box::new(oidc)))
        } else if let Some(exec) = exec {
            let plugin = Box::new(Plugin::new(exec, settings, environment.has_terminal));
            sort = CredentialsSort::Plugin {
                command: plugin.command(),
            };
            let last = None;
            let state = Mutex::new(Granted { connector, last });
            Source::Plugin { plugin, state }
        } else {
            expiry = connector.identity_expiry();
            sort = if connector.has_identity() {
                CredentialsSort::Certificate
            } else {
                CredentialsSort::Nothing
            };
            Source::None
        };
        Ok(Self {
            source,
            standing: StdMutex::new(Standing {
                expiry,
                generation: 0,
            }),
            changes,
            may_ask,
            sort,
            failed: StdMutex::new(None),
        })
    }

    /// What to ask with; renews what has expired. One renewal is made at a time.
    pub(crate) async fn proof(&self) -> Result<Proof, CredentialsError> {
        let header = match &self.source {
            Source::None => None,
            Source::Fixed(header) => Some(header.clone()),
            Source::TokenFile { file, last } => {
                let mut last = last.lock().await;
                let token = file.token()?;
                let header = Some(bearer(&token)?);
                if *last != header {
                    last.clone_from(&header);
                    self.set(jwt::expiry(token.expose_secret()));
                }
                header
            }
            Source::Oidc(oidc) => {
                let mut oidc = oidc.lock().await;
                self.refuse_haste()?;
                let (token, is_new) = oidc.token().await.map_err(|error| self.failed(error))?;
                if is_new {
                    self.set(oidc.expiry());
                }
                Some(bearer(&token)?)
            }
            Source::Plugin { plugin, state } => {
                let mut state = state.lock().await;
                match &state.last {
                    Some(last) if !last.is_due() => last.header.clone(),
                    Some(last) if last.is_good() && self.refuse_haste().is_err() => last.header.clone(),
                    _ => {
                        self.refuse_haste()?;
                        self.grant(plugin, &mut state).await?
                    }
                }
            }
        };
        let generation = self.standing().generation;
        Ok(Proof { header, generation })
    }

    /// The server answered 401 to `proof`: renews it, unless that was done since. Says whether there is another one to ask
    /// with.
    pub(crate) async fn renew(&self, proof: &Proof) -> bool {
        let renewed = match &self.source {
            Source::None | Source::Fixed(_) => return false,
            Source::TokenFile { file, .. } => {
                file.doubt();
                self.proof().await.map(drop)
            }
            Source::Oidc(oidc) => {
                let mut oidc = oidc.lock().await;
                if self.is_current(proof) && oidc.age().is_none_or(|age| age >= DOUBT_AFTER) {
                    let renewed = oidc.renew().await.map_err(|error| self.failed(error));
                    renewed.map(|()| self.set(oidc.expiry()))
                } else {
                    Ok(())
                }
            }
            Source::Plugin { plugin, state } => {
                let mut state = state.lock().await;
                match &mut state.last {
                    Some(last) if self.is_current(proof) && last.granted.elapsed() >= DOUBT_AFTER => {
                        last.is_doubted = true;
                        self.grant(plugin, &mut state).await.map(drop)
                    }
                    _ => Ok(()),
                }
            }
        };
        if let Err(error) = renewed {
            tracing::info!(%error, "the server refuses the credentials, and they cannot be renewed");
        }
        !self.is_current(proof)
    }

    /// What they are.
    pub(crate) fn sort(&self) -> &CredentialsSort {
        &self.sort
    }

    /// When the current credentials expire, as far as that is known.
    pub(crate) fn expiry(&self) -> Option<SystemTime> {
        self.standing().expiry
    }

    /// In how long they should be renewed, where that can be done unasked.
    pub(crate) fn renewal(&self) -> Option<Duration> {
        let is_renewable = match &self.source {
            Source::None | Source::Fixed(_) => false,
            Source::Oidc(_) | Source::TokenFile { .. } => true,
            Source::Plugin { plugin, .. } => !plugin.must_ask(),
        };
        let expiry = self.expiry().filter(|_| is_renewable)?;
        // What is over is renewed when somebody asks for it.
        let left = expiry.duration_since(SystemTime::now()).ok()?;
        Some(left.saturating_sub(EARLY))
    }

    /// Another connector takes the place of the one that a plugin's certificates went to.
    pub(crate) async fn move_to(&self, connector: Arc<Connector>) {
        if let Source::Plugin { plugin, state } = &self.source {
            let mut state = state.lock().await;
            if let Some(identity) = state.last.as_ref().and_then(|last| last.identity.as_ref())
                && let Err(error) = connector.set_identity(identity)
            {
                tracing::warn!(%error, command = %plugin.command(), "the certificate cannot be used any more");
            }
            state.connector = connector;
        }
    }

    /// Takes in tokens that somebody else renewed and wrote into the kubeconfig; says whether they are other ones.
    pub(crate) async fn adopt(&self, user: &User) -> bool {
        let (Source::Oidc(oidc), Some(provider)) = (&self.source, &user.auth_provider) else {
            return false;
        };
        let mut oidc = oidc.lock().await;
        let are_other = oidc.adopt(&provider.config);
        if are_other {
            self.set(oidc.expiry());
        }
        are_other
    }

    /// Runs the plugin. As long as the old credentials are good, a failure is not one.
    async fn grant(
        &self,
        plugin: &Plugin,
        state: &mut Granted,
    ) -> Result<Option<HeaderValue>, CredentialsError> {
        let may_ask = self.may_ask && state.last.is_none();
        match grant(plugin, &state.connector, may_ask).await {
            Ok(new) => {
                self.set(new.expires);
                Ok(state.last.insert(new).header.clone())
            }
            Err(error) => {
                let error = self.failed(error);
                match state.last.as_ref().filter(|last| last.is_good()) {
                    Some(last) => {
                        tracing::warn!(%error, "the credentials are about to expire and cannot be renewed");
                        Ok(last.header.clone())
                    }
                    None => Err(error),
                }
            }
        }
    }

    /// Notes that there are no new credentials.
    fn failed(&self, error: CredentialsError) -> CredentialsError {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        *failed = Some((Instant::now(), error.clone()));
        error
    }

    /// An error if new credentials could not be had a moment ago.
    fn refuse_haste(&self) -> Result<(), CredentialsError> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        match &*failed {
            Some((when, error)) if when.elapsed() < FAILED_PAUSE => Err(error.clone()),
            _ => Ok(()),
        }
    }

    fn is_current(&self, proof: &Proof) -> bool {
        self.standing().generation == proof.generation
    }

    fn standing(&self) -> Standing {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There are other credentials than before.
    fn set(&self, expiry: Option<SystemTime>) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let is_first = {
            let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
            standing.expiry = expiry;
            standing.generation += 1;
            standing.generation == 1
        };
        if !is_first {
            self.changes.credentials();
        }
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

    fn is_good(&self) -> bool {
        !self.is_doubted && self.expires.is_none_or(|expires| SystemTime::now() < expires)
    }
}

async fn grant(plugin: &Plugin, connector: &Connector, may_ask: bool) -> Result<Last, CredentialsError> {
    if !may_ask && plugin.must_ask() {
        return Err(CredentialsError::LoginNeeded {
            command: plugin.command(),
        });
    }
    let granted = plugin.run(may_ask).await?;
    let mut expires = granted.expires;
    if let Some(identity) = &granted.identity {
        connector
            .set_identity(identity)
            .map_err(|error| CredentialsError::PluginAnswer {
                command: plugin.command(),
                problem: Untrusted::new(error.to_string()),
            })?;
        expires = expires.or_else(|| identity.expiry());
    }
    if let Some(token) = &granted.token {
        expires = expires.or_else(|| jwt::expiry(token.expose_secret()));
    }
    Ok(Last {
        header: granted.token.as_ref().map(bearer).transpose()?,
        identity: granted.identity,
        granted: Instant::now(),
        expires,
        lifetime: expires.and_then(|expires| expires.duration_since(SystemTime::now()).ok()),
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
