use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, header};
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::collect::ForwardCollector;
use super::host::is_trusted;
use crate::Monitor;
use crate::serve::serve;

/// The type of the answer, of the OpenMetrics specification.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves the metrics of a monitor, for as long as it lives.
#[derive(Debug)]
pub struct MetricsServer {
    address: SocketAddr,
    _stop: DropGuard,
}

/// Why metrics are not served.
#[derive(Debug, Error)]
#[error("cannot serve metrics on {address}")]
pub struct MetricsError {
    /// What was asked for.
    pub address: SocketAddr,
    source: io::Error,
}

impl MetricsServer {
    /// Serves at `address`; port 0 is any that is free.
    ///
    /// # Errors
    /// The address cannot be listened on.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn start(monitor: &Monitor, address: SocketAddr) -> Result<Self, MetricsError> {
        let cannot_serve = |source| MetricsError { address, source };
        let listener = TcpListener::bind(address).await.map_err(cannot_serve)?;
        let address = listener.local_addr().map_err(cannot_serve)?;
        let mut registry = Registry::default();
        registry.register_collector(Box::new(ForwardCollector::new(monitor.clone())));
        let router = Router::new()
            .route("/metrics", get(answer))
            .with_state(Arc::new(registry));
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, router, stop.clone()));
        Ok(Self {
            address,
            _stop: stop.drop_guard(),
        })
    }

    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn answer(State(registry): State<Arc<Registry>>, headers: HeaderMap) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(is_trusted) {
        let why = "this machine is to be named by an address, or as localhost\n";
        return (StatusCode::MISDIRECTED_REQUEST, why).into_response();
    }
    let mut page = String::new();
    match text::encode(&mut page, &registry) {
        Ok(()) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
