//! What it takes to ask one API server as one user.

use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response, Uri};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use kube::client::Body;
use podline_wire::Untrusted;
use tower::Service;

use crate::api::SharedConnectError;
use crate::connection::{ConnectError, Connector, Exchange, Stream, exchange};
use crate::credentials::{Credentials, Proof};
use crate::environment::Environment;
use crate::kubeconfig::{ConfigError, Settings};
use crate::renewals::Changes;
use crate::request::common_headers;

/// How long an unused connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(30);
/// How many unused connections are kept.
const IDLE_MAX: usize = 2;

/// What it takes to ask one API server as one user, as the configuration says it.
pub(crate) struct Access {
    pub(crate) connector: Arc<Connector>,
    pub(crate) credentials: Arc<Credentials>,
    headers: HeaderMap,
    client: legacy::Client<Dialer, Body>,
}

impl Access {
    /// With credentials of its own, which may ask the user if `may_ask`.
    pub(crate) fn new(
        settings: &Settings,
        environment: &Environment,
        changes: Arc<Changes>,
        may_ask: bool,
    ) -> Result<Self, ConfigError> {
        let connector = connector(settings, environment)?;
        let credentials = Credentials::new(settings, connector.clone(), environment, changes, may_ask)?;
        Self::of(settings, connector, Arc::new(credentials))
    }

    /// With the credentials of another access of the same user.
    pub(crate) async fn with(
        settings: &Settings,
        environment: &Environment,
        credentials: Arc<Credentials>,
    ) -> Result<Self, ConfigError> {
        let connector = connector(settings, environment)?;
        credentials.move_to(connector.clone()).await;
        Self::of(settings, connector, credentials)
    }

    fn of(
        settings: &Settings,
        connector: Arc<Connector>,
        credentials: Arc<Credentials>,
    ) -> Result<Self, ConfigError> {
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_MAX)
            .build(Dialer {
                connector: connector.clone(),
            });
        Ok(Self {
            headers: common_headers(&settings.server, settings.user.impersonation.as_ref())?,
            connector,
            credentials,
            client,
        })
    }

    /// The API server's address.
    pub(crate) fn server(&self) -> Untrusted {
        Untrusted::new(self.connector.server().to_string())
    }

    /// Sends a request on a connection that is kept for a while.
    pub(crate) async fn send(
        &self,
        mut request: Request<Body>,
        proof: &Proof,
    ) -> Result<Response<Incoming>, Box<dyn StdError + Send + Sync>> {
        *request.uri_mut() = self.connector.server().uri(request.uri())?;
        self.sign(request.headers_mut(), proof);
        Ok(self.client.request(request).await?)
    }

    /// Sends a request for an upgrade on a connection of its own.
    pub(crate) async fn upgrade(
        &self,
        request: Request<()>,
        proof: &Proof,
    ) -> Result<Exchange<Stream>, ConnectError> {
        let http = |source: Box<dyn StdError + Send + Sync>| ConnectError::Http {
            server: self.server(),
            source,
        };
        let (mut head, ()) = request.into_parts();
        let path = self.connector.server().path(&head.uri);
        head.uri = path.map_err(|error| http(error.into()))?.into();
        self.sign(&mut head.headers, proof);
        let io = self.connector.connect().await?;
        let answer = exchange(io, Request::from_parts(head, Bytes::new())).await;
        answer.map_err(|error| ConnectError::of_exchange(self.server(), error.into()))
    }

    fn sign(&self, headers: &mut HeaderMap, proof: &Proof) {
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
        if let Some(authorization) = &proof.header {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
    }
}

fn connector(settings: &Settings, environment: &Environment) -> Result<Arc<Connector>, ConfigError> {
    let (server, proxy) = (settings.server.clone(), settings.proxy.clone());
    Connector::new(server, &settings.tls, proxy, environment).map(Arc::new)
}

/// What hyper asks for connections; there is but one place to connect to.
#[derive(Clone)]
struct Dialer {
    connector: Arc<Connector>,
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<Stream>;
    type Error = SharedConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let connector = self.connector.clone();
        Box::pin(async move {
            let stream = connector.connect_anew().await;
            stream
                .map(TokioIo::new)
                .map_err(|error| SharedConnectError(Arc::new(error)))
        })
    }
}
