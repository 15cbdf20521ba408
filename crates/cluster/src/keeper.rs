//! Keeps the way to the API server as the configuration says it now: reads it again when it has changed, and renews
//! credentials before they expire.

use std::sync::{Arc, Mutex as StdMutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::access::Access;
use crate::connection::ConnectError;
use crate::credentials::Proof;
use crate::environment::Environment;
use crate::kubeconfig::{ConfigError, Origin, Settings};
use crate::renewals::{Changes, Renewals};

/// How often the files of the configuration are looked at while nothing fails.
const CHECK: Duration = Duration::from_secs(30);
/// The least time between two renewals that nobody asked for.
const RENEWAL_MIN: Duration = Duration::from_secs(5);

/// Keeps the way to the API server as the configuration says it now.
pub(crate) struct Keeper {
    environment: Environment,
    origin: Mutex<Origin>,
    current: StdMutex<Arc<Access>>,
    changes: Arc<Changes>,
    /// What was wrong with the configuration when it was read last, so that it is said once.
    problem: StdMutex<Option<String>>,
}

impl Keeper {
    pub(crate) fn new(
        origin: Origin,
        settings: &Settings,
        environment: &Environment,
    ) -> Result<Arc<Self>, ConfigError> {
        let changes = Arc::new(Changes::new());
        let access = Access::new(settings, environment, changes.clone(), true)?;
        Ok(Arc::new(Self {
            environment: environment.clone(),
            origin: Mutex::new(origin),
            current: StdMutex::new(Arc::new(access)),
            changes,
            problem: StdMutex::new(None),
        }))
    }

    /// Begins to look after files and credentials by itself, for as long as somebody else uses this.
    pub(crate) fn watch_over(self: &Arc<Self>) {
        tokio::spawn(watch_over(Arc::downgrade(self)));
    }

    /// The way to the server now.
    pub(crate) fn current(&self) -> Arc<Access> {
        self.current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The way to the server now, and what to ask with.
    pub(crate) async fn access(&self) -> Result<(Arc<Access>, Proof), ConnectError> {
        let access = self.current();
        let error = match access.credentials.proof().await {
            Ok(proof) => return Ok((access, proof)),
            Err(error) => error,
        };
        if !self.reread().await {
            return Err(error.into());
        }
        let access = self.current();
        let proof = access.credentials.proof().await?;
        Ok((access, proof))
    }

    /// The server answered 401. Says whether there are other credentials to ask with, or another server.
    pub(crate) async fn renew(&self, access: &Arc<Access>, proof: &Proof) -> bool {
        self.reread().await || !Arc::ptr_eq(access, &self.current()) || access.credentials.renew(proof).await
    }

    /// Reads the configuration again if a file of it has changed; says whether it says something else than before. A file
    /// that cannot be understood changes nothing: it may be half written.
    pub(crate) async fn reread(&self) -> bool {
        let mut origin = self.origin.lock().await;
        match self.take(&mut origin).await {
            Ok(has_changed) => {
                self.set_problem(None);
                has_changed
            }
            Err(error) => {
                if self.set_problem(Some(error.to_string())) {
                    tracing::warn!(%error, "the configuration has changed but cannot be used; the old one is kept");
                }
                false
            }
        }
    }

    async fn take(&self, origin: &mut Origin) -> Result<bool, ConfigError> {
        let Some(change) = origin.reload(&self.environment)? else {
            return Ok(false);
        };
        let settings = &change.settings;
        let access = if change.is_same_user {
            let credentials = self.current().credentials.clone();
            let has_other_tokens = credentials.adopt(&settings.user).await;
            if change.is_same_cluster {
                origin.commit(&change);
                return Ok(has_other_tokens);
            }
            Access::with(settings, &self.environment, credentials).await?
        } else {
            // Nobody knows that something is asked of him now.
            Access::new(settings, &self.environment, self.changes.clone(), false)?
        };
        tracing::info!(server = %access.server(), "the configuration has changed");
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(access);
        origin.commit(&change);
        self.changes.access();
        Ok(true)
    }

    /// Word of changes.
    pub(crate) fn renewals(&self) -> Renewals {
        self.changes.subscribe()
    }

    /// Says whether it is another one than before.
    fn set_problem(&self, problem: Option<String>) -> bool {
        let mut known = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        let is_other = *known != problem;
        *known = problem;
        is_other
    }
}

async fn watch_over(keeper: Weak<Keeper>) {
    loop {
        let Some(renewal) = keeper
            .upgrade()
            .map(|keeper| keeper.current().credentials.renewal())
        else {
            return;
        };
        let pause = renewal.map_or(CHECK, |renewal| renewal.clamp(RENEWAL_MIN, CHECK));
        sleep(pause).await;
        let Some(keeper) = keeper.upgrade() else {
            return;
        };
        keeper.reread().await;
        let access = keeper.current();
        if access.credentials.renewal().is_some_and(|left| left.is_zero())
            && let Err(error) = access.credentials.proof().await
        {
            tracing::info!(%error, "the credentials cannot be renewed ahead of time");
        }
    }
}
