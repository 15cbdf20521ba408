use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Guard, Log, Reached, Shared, Token, routes};
use crate::serve::serve;
use crate::{Monitor, pcap::Capture};

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
        let router = routes::routes(Shared::new(Guard::new(token), monitor, capture, log));
        tokio::spawn(serve(listener, router, stop.clone()));
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
