//! Serves HTTP to few clients, none of which can hold it up.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

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

/// The address that a request reached; every request has it with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalEnd(pub(crate) SocketAddr);

/// Serves what `router` answers until `stop`.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let acceptor = Acceptor {
        listener,
        router,
        stop,
    };
    acceptor.run().await;
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
                    tracing::debug!(%error, "a server accepts no connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn spawn(&self, stream: TcpStream, slot: OwnedSemaphorePermit) {
        let connection = answer(stream, self.router.clone());
        let stop = self.stop.clone();
        tokio::spawn(async move {
            stop.run_until_cancelled(connection).await;
            drop(slot);
        });
    }
}

/// Serves one connection. Whatever its client does, it ends within a bounded time: heads, bodies and answers have deadlines.
async fn answer(stream: TcpStream, router: Router) {
    let Ok(local) = stream.local_addr() else { return };
    // Lines of the live stream are small, and each should arrive at once.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(LocalEnd(local));
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
        tracing::debug!(%error, "a connection to a server ended");
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
        timeout(10 * WRITE_TIMEOUT, answer(stream, router)).await.unwrap();
        assert!(began.elapsed() >= WRITE_TIMEOUT);
    }
}
