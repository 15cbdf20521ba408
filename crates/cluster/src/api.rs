//! Ordinary requests to the API server: kube on top of podline's own connections.

use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use kube::client::Body;
use thiserror::Error;
use tower::Service;

use crate::connection::{ConnectError, causes};
use crate::keeper::Keeper;

/// Sends requests with credentials. One that failed for a reason that may be over is sent again, once.
#[derive(Clone)]
pub(crate) struct Api {
    keeper: Arc<Keeper>,
}

impl Api {
    pub(crate) fn new(keeper: Arc<Keeper>) -> Self {
        Self { keeper }
    }

    async fn send(
        self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, Box<dyn StdError + Send + Sync>> {
        let again = copy(&request);
        let (access, proof) = self.keeper.access().await.map_err(shared)?;
        let result = access.send(request, &proof).await;
        let Some(again) = again else {
            return result;
        };
        let is_worth_it = match &result {
            Ok(response) if response.status() == StatusCode::UNAUTHORIZED => {
                self.keeper.renew(&access, &proof).await
            }
            Ok(_) => false,
            Err(_) => self.keeper.reread().await,
        };
        if !is_worth_it {
            return result;
        }
        let (access, proof) = self.keeper.access().await.map_err(shared)?;
        access.send(again, &proof).await
    }
}

/// The same request once more; `None` where its body cannot be had twice.
fn copy(request: &Request<Body>) -> Option<Request<Body>> {
    let body = request.body().try_clone()?;
    let mut copy = Request::new(body);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    copy.headers_mut().clone_from(request.headers());
    Some(copy)
}

fn shared(error: ConnectError) -> SharedConnectError {
    SharedConnectError(Arc::new(error))
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
