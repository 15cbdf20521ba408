//! One API server, as one user.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use http::{Request, StatusCode};
use kube::Client;
use podline_tunnel::{Upgrade, UpgradeAnswer, UpgradeFailure};
use podline_wire::Untrusted;

use crate::access::Access;
use crate::api::Api;
use crate::connection::{ConnectError, Exchange};
use crate::environment::Environment;
use crate::find::Finder;
use crate::inspect::Entries;
use crate::keeper::Keeper;
use crate::kubeconfig::{ConfigError, Origin};
use crate::renewals::Renewals;
use crate::target::{Found, Target};
use crate::watch::{PodWatch, Watcher};
use crate::{CredentialsError, FindError, Options};

/// One API server, as one user. Clones share their connections and credentials.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    context: Option<Untrusted>,
    entries: Entries,
    namespace: String,
    keeper: Arc<Keeper>,
    finder: Arc<Finder>,
    /// Whether a connection was already made ahead of the first upgrade.
    is_warm: AtomicBool,
}

impl Cluster {
    /// Reads the configuration as kubectl does: the flags, the kubeconfig, or the service account of the pod that
    /// this process runs in; runs an exec plugin once. Sends no request to the API server.
    ///
    /// From then on, a change of the entries that were used is taken in when something fails, and within half a minute
    /// otherwise; another current context is not followed. Credentials that expire are renewed ahead of time.
    ///
    /// Must be called on a tokio runtime.
    pub async fn connect(options: Options) -> Result<Self, ConfigError> {
        Self::connect_in(&options, &Environment::of_process()).await
    }

    pub(crate) async fn connect_in(
        options: &Options,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let cluster = Self::configure_in(options, environment)?;
        cluster.authenticate().await?;
        Ok(cluster)
    }

    /// The first half of [`Cluster::connect`]: reads the configuration, and runs no plugin.
    ///
    /// Must be called on a tokio runtime.
    pub fn configure(options: Options) -> Result<Self, ConfigError> {
        Self::configure_in(&options, &Environment::of_process())
    }

    /// The second half of [`Cluster::connect`], to be called once: gets the credentials, by a plugin where there is one,
    /// and keeps them and the configuration fresh from then on.
    pub async fn authenticate(&self) -> Result<(), CredentialsError> {
        // Whatever is to be asked of the user is asked now, before anything else uses the terminal.
        self.inner.keeper.current().credentials.proof().await?;
        self.inner.keeper.watch_over();
        Ok(())
    }

    pub(crate) fn configure_in(options: &Options, environment: &Environment) -> Result<Self, ConfigError> {
        for flag in options.without_meaning() {
            tracing::debug!("{flag} is accepted but changes nothing");
        }
        let (origin, settings) = Origin::load(options, environment)?;
        let keeper = Keeper::new(origin, &settings, environment)?;
        let client = Client::new(Api::new(keeper.clone()), &*settings.namespace);
        let finder = Arc::new(Finder {
            client,
            request_timeout: settings.request_timeout,
        });
        Ok(Self {
            inner: Arc::new(Inner {
                entries: Entries::of(&settings),
                context: settings.context,
                namespace: settings.namespace,
                keeper,
                finder,
                is_warm: AtomicBool::new(false),
            }),
        })
    }

    /// The namespace of targets that name none.
    pub fn namespace(&self) -> &str {
        &self.inner.namespace
    }

    /// The API server's address.
    pub fn server(&self) -> Untrusted {
        self.inner.keeper.current().server()
    }

    /// The kubeconfig's context, if one is used.
    pub fn context(&self) -> Option<Untrusted> {
        self.inner.context.clone()
    }

    /// When the credentials expire, as far as that is known.
    pub fn credentials_expiry(&self) -> Option<SystemTime> {
        self.inner.keeper.current().credentials.expiry()
    }

    /// Word of other credentials and another configuration, from now on. Sessions that stand go on with what they were made
    /// with; one that is idle should be replaced.
    pub fn renewals(&self) -> Renewals {
        self.inner.keeper.renewals()
    }

    /// Asks for the target and then for its pods, the best one first. There may be none, and they need not run.
    ///
    /// For a pod this takes the right to `get` it; for all else to `get` the object and to `list` pods.
    pub async fn find(&self, target: &Target) -> Result<Found, FindError> {
        self.warm_up();
        self.inner.finder.find(target, self.namespace_of(target)).await
    }

    /// Keeps the target in sight: what it comes to now, and whenever that changes, with the rights that there are.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn watch(&self, target: &Target) -> PodWatch {
        self.warm_up();
        let finder = self.inner.finder.clone();
        Watcher::spawn(finder, target, self.namespace_of(target), self.renewals())
    }

    pub(crate) fn entries(&self) -> &Entries {
        &self.inner.entries
    }

    /// The way to the server now.
    pub(crate) fn access(&self) -> Arc<Access> {
        self.inner.keeper.current()
    }

    pub(crate) fn finder(&self) -> &Finder {
        &self.inner.finder
    }

    #[cfg(test)]
    pub(crate) async fn reread(&self) -> bool {
        self.inner.keeper.reread().await
    }

    #[cfg(test)]
    pub(crate) fn client(&self) -> Client {
        self.inner.finder.client.clone()
    }

    pub(crate) fn namespace_of<'a>(&'a self, target: &'a Target) -> &'a str {
        target.namespace.as_deref().unwrap_or(&self.inner.namespace)
    }

    /// While the first target is looked for, makes the connection that the first upgrade will want.
    fn warm_up(&self) {
        if !self.inner.is_warm.swap(true, Ordering::Relaxed) {
            self.inner.keeper.current().connector.prepare();
        }
    }

    /// Asks for an upgrade; once more if it failed for a reason that may be over.
    async fn ask(&self, request: Request<()>) -> Result<UpgradeAnswer, ConnectError> {
        let keeper = &self.inner.keeper;
        self.inner.is_warm.store(true, Ordering::Relaxed);
        let (access, proof) = keeper.access().await?;
        let answer = access.upgrade(request.clone(), &proof).await;
        let is_worth_another = match &answer {
            Ok(Exchange::Refused { head, .. }) if head.status == StatusCode::UNAUTHORIZED => {
                keeper.renew(&access, &proof).await
            }
            Ok(_) => false,
            Err(_) => keeper.reread().await,
        };
        let answer = if is_worth_another {
            let (access, proof) = keeper.access().await?;
            access.upgrade(request, &proof).await
        } else {
            answer
        };
        Ok(match answer? {
            Exchange::Switched { head, io, read_ahead } => UpgradeAnswer::Switched {
                head,
                io: Box::new(io),
                read_ahead,
            },
            Exchange::Refused { head, body } => UpgradeAnswer::Refused { head, body },
        })
    }
}

impl Upgrade for Cluster {
    fn upgrade(
        &self,
        request: Request<()>,
    ) -> Pin<Box<dyn Future<Output = Result<UpgradeAnswer, UpgradeFailure>> + Send + '_>> {
        Box::pin(async move { self.ask(request).await.map_err(UpgradeFailure::from) })
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("context", &self.inner.context)
            .field("namespace", &Untrusted::new(&*self.inner.namespace))
            .field("server", &self.server())
            .finish_non_exhaustive()
    }
}
