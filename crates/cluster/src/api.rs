//! Ordinary requests to the API server: kube on top of podline's own connections.

use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use kube::client::Body;
use thiserror::Error;
use tower::Service;

use crate::connection::{ConnectError, Connector, Stream, causes};
use crate::credentials::Credentials;

/// How long an unused connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(30);
/// How many unused connections are kept.
const IDLE_MAX: usize = 2;

/// Sends requests with credentials, on connections that are kept for a while.
#[derive(Clone)]
pub(crate) struct Api {
    client: legacy::Client<Dialer, Body>,
    connector: Arc<Connector>,
    credentials: Arc<Credentials>,
    headers: Arc<HeaderMap>,
}

impl Api {
    pub(crate) fn new(
        connector: Arc<Connector>,
        credentials: Arc<Credentials>,
        headers: Arc<HeaderMap>,
    ) -> Self {
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_MAX)
            .build(Dialer {
                connector: connector.clone(),
            });
        Self {
            client,
            connector,
            credentials,
            headers,
        }
    }

    async fn send(
        self,
        mut request: Request<Body>,
    ) -> Result<Response<Incoming>, Box<dyn StdError + Send + Sync>> {
        let shared = |error: ConnectError| SharedConnectError(Arc::new(error));
        let authorization = self
            .credentials
            .header()
            .await
            .map_err(|error| shared(error.into()))?;
        *request.uri_mut() = self.connector.server().uri(request.uri())?;
        for (name, value) in &*self.headers {
            request.headers_mut().append(name, value.clone());
        }
        if let Some(authorization) = authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        let response = self.client.request(request).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            self.credentials.doubt().await;
        }
        Ok(response)
    }
}

impl Service<Request<Body>> for Api {
    type Response = Response<Incoming>;
    type Error = Box<dyn StdError + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}

/// A connection's failure as it travels through hyper and kube.
#[derive(Clone, Debug, Error)]
#[error(transparent)]
pub(crate) struct SharedConnectError(pub(crate) Arc<ConnectError>);

impl SharedConnectError {
    /// The failure at the bottom of another error.
    pub(crate) fn in_chain(error: &(dyn StdError + 'static)) -> Option<Arc<ConnectError>> {
        causes(error).find_map(|error| error.downcast_ref::<Self>().map(|shared| shared.0.clone()))
    }
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
