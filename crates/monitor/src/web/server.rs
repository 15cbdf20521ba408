use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use secrecy::SecretString;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt as _;

use super::{Guard, Log, Reached, Shared, Token, routes};
use crate::{Monitor, pcap::Capture};

/// Connections that may be open at once; the next ones wait in the kernel's queue. A browser has six.
const CONNECTIONS: usize = 64;

/// How long a connection may go without a whole request head, idle time included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may take nothing of an answer before its connection is ended.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest head of a request, in bytes: a browser's is some hundred.
const MAX_HEAD: usize = 16 * 1024;

/// How many headers a request may have.
const MAX_HEADERS: usize = 64;

/// How long to wait after an accept that failed, for instance because no file descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Where the page is served, and to whom.
#[derive(Clone, Copy, Debug)]
pub struct WebOptions {
    /// Where to listen; port 0 is any that is free.
    pub address: SocketAddr,
    /// Whether the address may be another than one of loopback. Who listens on the way can read everything then, for it
    /// is plain HTTP.
    pub allow_remote: bool,
}

/// Serves the page until it is dropped.
#[derive(Debug)]
pub struct WebServer {
    address: SocketAddr,
    link: SecretString,
    _stop: DropGuard,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebError {
    /// The address cannot be listened on.
    #[error("the web page cannot be served at {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The system gives no randomness for the token.
    #[error("the web page cannot have a token")]
    NoToken(#[source] getrandom::Error),
    /// The address can be reached by other machines, which was not allowed.
    #[error("the web page would be served to other machines at {0}")]
    Remote(SocketAddr),
}

impl WebServer {
    /// Serves what `monitor` knows from now on, and what is in the file of `capture`. The monitor looks into HTTP then,
    /// without values of queries unless those were asked for before.
    ///
    /// # Errors
    /// The address cannot be listened on, or may not be.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn start(
        monitor: Monitor,
        capture: Option<Capture>,
        options: WebOptions,
    ) -> Result<Self, WebError> {
        let WebOptions {
            address,
            allow_remote,
        } = options;
        if !allow_remote && !address.ip().to_canonical().is_loopback() {
            return Err(WebError::Remote(address));
        }
        monitor.look_into_http(false);
        let token = Token::random().map_err(WebError::NoToken)?;
        let refused = |source| WebError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let authority = Reached::new(nameable(address)).authority();
        let link = format!("http://{authority}/#token={}", token.expose());
        let stop = CancellationToken::new();
        let log = Arc::new(Log::new());
        let facts = monitor.facts();
        tokio::spawn({
            let (log, stop) = (Arc::clone(&log), stop.clone());
            async move { stop.run_until_cancelled(log.follow(facts)).await }
        });
        let acceptor = Acceptor {
            listener,
            router: routes::routes(Shared::new(Guard::new(token), monitor, capture, log)),
            stop: stop.clone(),
        };
        tokio::spawn(acceptor.run());
        Ok(Self {
            address,
            link: link.into(),
            _stop: stop.drop_guard(),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What to open in a browser. Who has it sees everything and may end connections, so it is shown to the user and to
    /// nobody else.
    pub fn link(&self) -> &SecretString {
        &self.link
    }

    /// Whether other machines can reach it.
    pub fn is_remote(&self) -> bool {
        !self.address.ip().to_canonical().is_loopback()
    }
}

/// An address by which this machine reaches the one that is listened on: of all addresses, that of loopback.
fn nameable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

struct Acceptor {
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
}

impl Acceptor {
    async fn run(self) {
        let slots = Arc::new(Semaphore::new(CONNECTIONS));
        while let Some(Ok(slot)) = self
            .stop
            .run_until_cancelled(Arc::clone(&slots).acquire_owned())
            .await
        {
            match self.stop.run_until_cancelled(self.listener.accept()).await {
                None => break,
                Some(Ok((stream, _))) => self.spawn(stream, slot),
                Some(Err(error)) => {
                    tracing::debug!(%error, "the web page accepts no connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn spawn(&self, stream: TcpStream, slot: OwnedSemaphorePermit) {
        let connection = serve(stream, self.router.clone());
        let stop = self.stop.clone();
        tokio::spawn(async move {
            stop.run_until_cancelled(connection).await;
            drop(slot);
        });
    }
}

/// Serves one connection. Whatever its client does, it ends within a bounded time: heads, bodies and answers have deadlines.
async fn serve(stream: TcpStream, router: Router) {
    let Ok(local) = stream.local_addr() else { return };
    // Lines of the live stream are small, and each should arrive at once.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(Reached::new(local));
        let router = router.clone();
        async move { router.oneshot(request).await.map_err(|never: Infallible| never) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection to the web page ended");
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, Bytes};
    use axum::routing::get;
    use futures_util::stream;
    use tokio::io::AsyncWriteExt as _;
    use tokio::time::{Instant, timeout};

    use super::*;

    /// In virtual time, which passes where nothing else happens.
    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_of_an_answer_is_shown_out() {
        let piece = || Ok::<_, Infallible>(Bytes::from_static(&[0; 64 * 1024]));
        let endless = async move || Body::from_stream(stream::repeat_with(piece));
        let router = Router::new().route("/", get(endless));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        client
            .write_all(b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
            .await
            .unwrap();
        let began = Instant::now();
        timeout(10 * WRITE_TIMEOUT, serve(stream, router)).await.unwrap();
        assert!(began.elapsed() >= WRITE_TIMEOUT);
    }
}
