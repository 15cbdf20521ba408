//! One API server, as one user.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, StatusCode};
use kube::Client;
use podline_tunnel::{Upgrade, UpgradeAnswer, UpgradeFailure};
use podline_wire::Untrusted;

use crate::Options;
use crate::api::Api;
use crate::connection::{ConnectError, Connector, Exchange, exchange};
use crate::credentials::Credentials;
use crate::environment::Environment;
use crate::find::{FindError, Finder};
use crate::kubeconfig::{ConfigError, Kubeconfig, resolve};
use crate::request::common_headers;
use crate::target::{Found, Target};
use crate::watch::{PodWatch, Watcher};

/// One API server, as one user. Clones share their connections and credentials.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    context: Option<Untrusted>,
    namespace: String,
    connector: Arc<Connector>,
    credentials: Arc<Credentials>,
    headers: Arc<HeaderMap>,
    finder: Arc<Finder>,
    /// Whether a connection was already made ahead of the first upgrade.
    is_warm: AtomicBool,
}

impl Cluster {
    /// Reads the configuration as kubectl does: the flags, the kubeconfig, or the service account of the pod that
    /// this process runs in; runs an exec plugin once. Sends no request to the API server.
    ///
    /// Must be called on a tokio runtime.
    pub async fn connect(options: Options) -> Result<Self, ConfigError> {
        Self::connect_in(&options, &Environment::of_process()).await
    }

    pub(crate) async fn connect_in(
        options: &Options,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        for flag in options.without_meaning() {
            tracing::debug!("{flag} is accepted but changes nothing");
        }
        let mut settings = resolve(Kubeconfig::load(options, environment)?, options, environment)?;
        let headers = Arc::new(common_headers(
            &settings.server,
            settings.user.impersonation.as_ref(),
        )?);
        let proxy = settings.proxy.clone();
        let connector = Arc::new(Connector::new(
            settings.server.clone(),
            &settings.tls,
            proxy,
            environment,
        )?);
        let credentials = Arc::new(Credentials::new(&mut settings, connector.clone(), environment)?);
        // Whatever is to be asked of the user is asked now, before anything else uses the terminal.
        credentials.header().await?;
        let api = Api::new(connector.clone(), credentials.clone(), headers.clone());
        let client = Client::new(api, &*settings.namespace);
        let finder = Arc::new(Finder {
            client,
            request_timeout: settings.request_timeout,
        });
        Ok(Self {
            inner: Arc::new(Inner {
                context: settings.context,
                namespace: settings.namespace,
                connector,
                credentials,
                headers,
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
        Untrusted::new(self.inner.connector.server().to_string())
    }

    /// The kubeconfig's context, if one is used.
    pub fn context(&self) -> Option<Untrusted> {
        self.inner.context.clone()
    }

    /// When the credentials expire, as far as that is known.
    pub fn credentials_expiry(&self) -> Option<SystemTime> {
        self.inner.credentials.expiry()
    }

    /// Asks for the target and then for its pods, the best one first. There may be none, and they need not run.
    ///
    /// For a pod this takes the right to `get` it; for all else to `get` the object and to `list` pods.
    pub async fn find(&self, target: &Target) -> Result<Found, FindError> {
        self.warm_up();
        self.inner.finder.find(target, self.namespace_of(target)).await
    }

    /// As [`Cluster::find`], but waits until one of the pods runs, for `wait` at most. Watches the pods where that is
    /// allowed, and asks every two seconds where it is not.
    pub async fn find_running(&self, target: &Target, wait: Duration) -> Result<Found, FindError> {
        self.warm_up();
        self.inner
            .finder
            .find_running(target, self.namespace_of(target), wait)
            .await
    }

    /// Keeps the target in sight: what it comes to now, and whenever that changes, with the rights that there are.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn watch(&self, target: &Target) -> PodWatch {
        let namespace = self.namespace_of(target).to_owned();
        Watcher::spawn(self.inner.finder.clone(), target.clone(), namespace)
    }

    #[cfg(test)]
    pub(crate) fn client(&self) -> Client {
        self.inner.finder.client.clone()
    }

    fn namespace_of<'a>(&'a self, target: &'a Target) -> &'a str {
        target.namespace.as_deref().unwrap_or(&self.inner.namespace)
    }

    /// While the first target is looked for, makes the connection that the first upgrade will want.
    fn warm_up(&self) {
        if !self.inner.is_warm.swap(true, Ordering::Relaxed) {
            self.inner.connector.prepare();
        }
    }

    async fn ask(&self, request: Request<()>) -> Result<UpgradeAnswer, ConnectError> {
        let inner = &*self.inner;
        inner.is_warm.store(true, Ordering::Relaxed);
        let authorization = inner.credentials.header().await?;
        let http = |source: Box<dyn std::error::Error + Send + Sync>| ConnectError::Http {
            server: self.server(),
            source,
        };
        let (mut head, ()) = request.into_parts();
        head.uri = inner
            .connector
            .server()
            .path(&head.uri)
            .map_err(|error| http(error.into()))?
            .into();
        for (name, value) in &*inner.headers {
            head.headers.append(name, value.clone());
        }
        if let Some(authorization) = authorization {
            head.headers.insert(AUTHORIZATION, authorization);
        }
        let io = inner.connector.connect().await?;
        let answer = exchange(io, Request::from_parts(head, Bytes::new())).await;
        match answer.map_err(|error| ConnectError::of_exchange(self.server(), error.into()))? {
            Exchange::Switched { head, io, read_ahead } => Ok(UpgradeAnswer::Switched {
                head,
                io: Box::new(io),
                read_ahead,
            }),
            Exchange::Refused { head, body } => {
                if head.status == StatusCode::UNAUTHORIZED {
                    inner.credentials.doubt().await;
                }
                Ok(UpgradeAnswer::Refused { head, body })
            }
        }
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
