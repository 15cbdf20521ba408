//! The HTTPS server: connections, TLS, HTTP/1.1.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::handler::{ConnectionInfo, Handler};

/// How many connections may be open at once; the next ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 4096;

/// How long a TLS handshake may take.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may go without a whole request head, idle time included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(90);

/// The largest head of a request, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// How many headers a request may have.
const MAX_HEADERS: usize = 100;

/// How long requests under way may go on when the server ends.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(500);

/// How long to wait after an accept that failed, for instance because no file descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A running server. Dropping it ends it and its connections.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    kill: CancellationToken,
    connections: TaskTracker,
}

impl Server {
    /// Serves on `address` from now on.
    pub(crate) async fn start(
        address: SocketAddr,
        tls: Arc<ServerConfig>,
        handler: Arc<Handler>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let server = Self {
            address: listener.local_addr()?,
            shutdown: CancellationToken::new(),
            kill: CancellationToken::new(),
            connections: TaskTracker::new(),
        };
        let acceptor = Acceptor {
            listener,
            tls: TlsAcceptor::from(tls),
            handler,
            address: server.address,
            shutdown: server.shutdown.clone(),
            kill: server.kill.clone(),
            connections: server.connections.clone(),
        };
        server.connections.spawn(acceptor.run());
        Ok(server)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the server: no new connections, a moment for requests under way.
    pub(crate) async fn shutdown(self) {
        self.shutdown.cancel();
        self.connections.close();
        if timeout(DRAIN_TIMEOUT, self.connections.wait()).await.is_err() {
            self.kill.cancel();
            self.connections.wait().await;
        }
    }

    /// Ends the server and its connections at once, as a crash does.
    pub(crate) async fn kill(self) {
        self.kill.cancel();
        self.shutdown.cancel();
        self.connections.close();
        self.connections.wait().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.cancel();
        self.kill.cancel();
    }
}

struct Acceptor {
    listener: TcpListener,
    tls: TlsAcceptor,
    handler: Arc<Handler>,
    address: SocketAddr,
    shutdown: CancellationToken,
    kill: CancellationToken,
    connections: TaskTracker,
}

impl Acceptor {
    async fn run(self) {
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        while let Some(Ok(slot)) = self
            .shutdown
            .run_until_cancelled(Arc::clone(&slots).acquire_owned())
            .await
        {
            match self.shutdown.run_until_cancelled(self.listener.accept()).await {
                None => break,
                Some(Ok((stream, _))) => self.spawn(stream, slot),
                Some(Err(error)) => {
                    tracing::warn!(%error, "no connection accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn spawn(&self, stream: TcpStream, slot: OwnedSemaphorePermit) {
        let connection = serve(
            stream,
            self.tls.clone(),
            Arc::clone(&self.handler),
            self.address,
            self.shutdown.clone(),
        );
        let kill = self.kill.clone();
        self.connections.spawn(async move {
            if let Some(Err(error)) = kill.run_until_cancelled(connection).await {
                tracing::debug!(%error, "connection ended");
            }
            drop(slot);
        });
    }
}

async fn serve(
    stream: TcpStream,
    tls: TlsAcceptor,
    handler: Arc<Handler>,
    address: SocketAddr,
    shutdown: CancellationToken,
) -> Result<(), ConnectionError> {
    stream.set_nodelay(true)?;
    let stream = timeout(TLS_TIMEOUT, tls.accept(stream))
        .await
        .map_err(|_| ConnectionError::TlsTimeout)??;
    let certificates = stream.get_ref().1.peer_certificates();
    let certificate = certificates.and_then(|chain| handler.credentials.user_of_certificate(chain.first()?));
    let info = ConnectionInfo {
        server: address,
        certificate,
        shutdown: shutdown.clone(),
    };
    let service = service_fn(move |request| {
        let (handler, info) = (Arc::clone(&handler), info.clone());
        async move { Ok::<_, Infallible>(handler.handle(request, &info).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return Ok(ended?),
        () = shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    Ok(connection.await?)
}

#[derive(Debug, thiserror::Error)]
enum ConnectionError {
    #[error("HTTP failed")]
    Http(#[from] hyper::Error),
    #[error("the connection broke")]
    Io(#[from] io::Error),
    #[error("the TLS handshake took longer than {TLS_TIMEOUT:?}")]
    TlsTimeout,
}
