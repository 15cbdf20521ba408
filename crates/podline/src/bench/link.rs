use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::ends::Ends;
use super::failure::Failure;
use super::http::{HttpApp, HttpLink};

/// How long one small exchange may take before it counts as failed, its connection included.
pub(super) const EXCHANGE_DEADLINE: Duration = Duration::from_secs(20);

/// An app that connects to the forward: where to, and what it says there.
#[derive(Clone, Debug)]
pub(super) struct App {
    pub(super) address: SocketAddr,
    pub(super) speech: Speech,
    pub(super) ends: Arc<Ends>,
}

/// What an app says, and waits for.
#[derive(Clone, Debug)]
pub(super) enum Speech {
    /// A byte, that has to come back.
    Echo,
    /// Nothing: the server speaks first.
    Greeting,
    /// An HTTP request; the answer is read to its end.
    Http(HttpApp),
}

/// A connection to the forward.
pub(super) struct Link {
    kind: Kind,
    /// The app's own address.
    local: SocketAddr,
}

enum Kind {
    Echo { stream: TcpStream, next: u8 },
    Greeting(TcpStream),
    Http(HttpLink),
}

/// How long an exchange took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchanged {
    /// From its beginning to the first byte of the answer; for HTTP, to the end of its head.
    pub(super) first: Duration,
    /// To the last byte of the answer.
    pub(super) whole: Duration,
}

impl App {
    /// Connects, makes one exchange, and closes. The times count from before the connection.
    pub(super) async fn visit(&self) -> Result<Exchanged, Failure> {
        let begun = Instant::now();
        let mut link = self.open().await?;
        let connected = begun.elapsed();
        let exchanged = self.exchange(&mut link).await?;
        Ok(Exchanged {
            first: connected + exchanged.first,
            whole: connected + exchanged.whole,
        })
    }

    /// Connects.
    pub(super) async fn open(&self) -> Result<Link, Failure> {
        let (stream, local) = connect(self.address).map_err(Failure::Connect)?;
        match within(self.begin(stream)).await {
            Ok(kind) => Ok(Link { kind, local }),
            Err(failure) => Err(self.explain(failure, local).await),
        }
    }

    /// Waits for the connection, and for what has to be said on it before the first exchange.
    async fn begin(&self, stream: TcpStream) -> Result<Kind, Failure> {
        stream.writable().await?;
        if let Some(error) = stream.take_error()? {
            return Err(match error.into() {
                Failure::Other(error) => Failure::Connect(error),
                reset => reset,
            });
        }
        Ok(match &self.speech {
            Speech::Echo => Kind::Echo { stream, next: 0 },
            Speech::Greeting => Kind::Greeting(stream),
            Speech::Http(http) => Kind::Http(http.open(stream).await?),
        })
    }

    /// Makes one exchange on an open connection.
    pub(super) async fn exchange(&self, link: &mut Link) -> Result<Exchanged, Failure> {
        match within(link.exchange(self)).await {
            Ok(exchanged) => Ok(exchanged),
            Err(failure) => Err(self.explain(failure, link.local).await),
        }
    }

    /// Says of a reset why the forward made it.
    pub(super) async fn explain(&self, failure: Failure, app: SocketAddr) -> Failure {
        match failure {
            Failure::Reset(None) => Failure::Reset(self.ends.reason(app).await),
            failure => failure,
        }
    }
}

impl Link {
    async fn exchange(&mut self, app: &App) -> Result<Exchanged, Failure> {
        let begun = Instant::now();
        match (&mut self.kind, &app.speech) {
            (Kind::Echo { stream, next }, _) => {
                // Another one each time, so that a late answer is not taken for this one's.
                *next = next.wrapping_add(1);
                stream.write_all(&[*next]).await?;
                if stream.read_u8().await? != *next {
                    return Err(Failure::WrongBytes);
                }
                Ok(Exchanged::at_once(begun.elapsed()))
            }
            (Kind::Greeting(stream), _) => {
                stream.read_u8().await?;
                Ok(Exchanged::at_once(begun.elapsed()))
            }
            (Kind::Http(link), Speech::Http(http)) => link.exchange(http).await,
            (Kind::Http(_), _) => unreachable!("a link is of the app that opened it"),
        }
    }

    /// Whether another exchange can be made on it.
    pub(super) fn may_go_on(&self) -> bool {
        match &self.kind {
            Kind::Echo { .. } => true,
            Kind::Greeting(_) => false,
            Kind::Http(link) => link.may_go_on(),
        }
    }

    /// The app's own address.
    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// The connection, if it is to an echo.
    pub(super) fn into_echo(self) -> Option<TcpStream> {
        match self.kind {
            Kind::Echo { stream, .. } => Some(stream),
            Kind::Greeting(_) | Kind::Http(_) => None,
        }
    }

    /// The connection, if HTTP is spoken on it.
    pub(super) fn http(&mut self) -> Option<&mut HttpLink> {
        match &mut self.kind {
            Kind::Http(link) => Some(link),
            Kind::Echo { .. } | Kind::Greeting(_) => None,
        }
    }
}

impl Exchanged {
    /// An answer of one byte.
    fn at_once(time: Duration) -> Self {
        Self {
            first: time,
            whole: time,
        }
    }
}

/// Begins to connect, and gives the app's address, which tokio's own way tells only once there is a connection that was not
/// reset.
fn connect(address: SocketAddr) -> io::Result<(TcpStream, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    match socket.connect(&address.into()) {
        Err(error) if !is_under_way(&error) => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let stream = TcpStream::from_std(socket.into())?;
    let local = stream.local_addr()?;
    Ok((stream, local))
}

fn is_under_way(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::EINPROGRESS) {
        return true;
    }
    error.kind() == io::ErrorKind::WouldBlock
}

async fn within<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    timeout(EXCHANGE_DEADLINE, work)
        .await
        .unwrap_or(Err(Failure::TooLong))
}
