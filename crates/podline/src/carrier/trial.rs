//! A carrier at work without a cluster, so that its instructions can be counted. For this project's benches.
//!
//! The app is the other end of a socket on this machine, the pod is memory. All of it is one thread: a piece is carried
//! before the next one is there, so each run takes the same way.

use std::collections::VecDeque;
use std::future::{self, Future};
use std::io::{self, IoSlice, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use podline_tunnel::{Chunk, PairEnded};
use socket2::{Domain, Socket, Type};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::{Carrier, Downstream, Early, Observer, Upstream};
use crate::{End, Tap, Way};

/// Bytes that are carried at once, each way: a pair's first DATA frames hold so many.
const PIECE: usize = 64 * 1024;

/// Bytes from the pod that lie in one place: what a TLS record holds.
const PART: usize = 16 * 1024;

/// Room for a piece in each socket, asked of the system.
const ROOM: usize = 4 * PIECE;

static ZEROS: [u8; PIECE] = [0; PIECE];

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// From the pod to the app.
    FromPod,
    /// From the app to the pod.
    ToPod,
}

/// Who observes them.
pub enum Observation {
    /// The carrier is built without taps.
    CompiledOut,
    /// The connection has no tap.
    Off,
    /// This one.
    On(Box<dyn Tap>),
}

/// Carries `pieces` of 64 KiB; gives the number of bytes that were carried.
///
/// # Errors
/// The system gives no sockets.
///
/// # Panics
/// Outside a tokio runtime, or when the carrier loses a byte.
pub async fn carry(direction: Direction, pieces: u64, observation: Observation) -> io::Result<u64> {
    match observation {
        Observation::CompiledOut => carry_past(direction, pieces, ()).await,
        Observation::Off => carry_past(direction, pieces, None::<Box<dyn Tap>>).await,
        Observation::On(tap) => carry_past(direction, pieces, Some(tap)).await,
    }
}

async fn carry_past(direction: Direction, pieces: u64, observer: impl Observer) -> io::Result<u64> {
    let (app, ours) = sockets()?;
    let bytes = pieces * PIECE as u64;
    let stop = CancellationToken::new();
    let (up, down) = match direction {
        Direction::FromPod => (0, bytes),
        Direction::ToPod => (bytes, 0),
    };
    let upstream = Taker {
        app: app.try_clone()?,
        to_come: up,
        on_its_way: 0,
        done: (direction == Direction::ToPod).then(|| stop.clone()),
    };
    let downstream = Giver {
        app,
        to_give: down,
        given: 0,
        ends: direction == Direction::FromPod,
        read: vec![0; PIECE].into(),
    };
    let early = Early::take(&ours)?;
    let mut carrier = Carrier::new(ours, (upstream, downstream), early, Duration::ZERO, observer);
    carrier.copy(&stop).await;
    let carried = carrier.carried.sent + carrier.carried.received;
    assert_eq!(carried, bytes, "every byte is carried");
    Ok(carried)
}

/// Both ends of a connection: the app's, which blocks, and the carrier's.
fn sockets() -> io::Result<(std::net::TcpStream, TcpStream)> {
    let new = || -> io::Result<Socket> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_recv_buffer_size(ROOM)?;
        socket.set_send_buffer_size(ROOM)?;
        Ok(socket)
    };
    let listener = new()?;
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    listener.listen(1)?;
    let app = new()?;
    app.connect(&listener.local_addr()?)?;
    app.set_tcp_nodelay(true)?;
    let (ours, _) = listener.accept()?;
    ours.set_nonblocking(true)?;
    Ok((app.into(), TcpStream::from_std(ours.into())?))
}

/// A pod that takes everything, and an app that says the next piece when the pod has the one before.
struct Taker {
    app: std::net::TcpStream,
    to_come: u64,
    on_its_way: usize,
    /// To be ended when all was taken.
    done: Option<CancellationToken>,
}

impl Upstream for Taker {
    fn ready(&mut self) -> impl Future<Output = Result<usize, PairEnded>> + Send {
        if self.on_its_way == 0 && self.to_come > 0 {
            self.app
                .write_all(&ZEROS)
                .expect("the carrier's end is open, and has room for a piece");
            self.on_its_way = PIECE;
            self.to_come -= PIECE as u64;
        }
        let has_some = self.on_its_way > 0;
        if let Some(done) = self.done.as_ref().filter(|_| !has_some) {
            done.cancel();
        }
        async move {
            if !has_some {
                future::pending::<()>().await;
            }
            Ok(PIECE)
        }
    }

    fn send(&mut self, chunk: Chunk) {
        self.on_its_way -= chunk.len();
    }

    fn finish(&mut self) {}

    fn reset(&mut self) {}
}

/// A pod that says the next piece when the app has read the one before.
struct Giver {
    app: std::net::TcpStream,
    to_give: u64,
    given: usize,
    /// Its end is the pair's.
    ends: bool,
    read: Box<[u8]>,
}

impl Downstream for Giver {
    fn receive(&mut self, into: &mut VecDeque<Bytes>) -> impl Future<Output = Option<End>> + Send {
        self.app
            .read_exact(&mut self.read[..self.given])
            .expect("the carrier wrote all that it was given");
        self.given = 0;
        let is_over = self.to_give == 0;
        if !is_over {
            into.extend(ZEROS.chunks(PART).map(Bytes::from_static));
            self.given = PIECE;
            self.to_give -= PIECE as u64;
        }
        let ends = self.ends;
        async move {
            if !is_over {
                return None;
            }
            if !ends {
                future::pending::<()>().await;
            }
            Some(End::Clean { verified: true })
        }
    }

    fn took(&mut self) {}

    fn cut(&mut self) -> impl Future<Output = ()> + Send {
        future::pending()
    }
}

impl Observer for () {
    fn looks(&self) -> bool {
        false
    }

    fn opened(&mut self, _: &Way) {}

    fn sent(&mut self, _: &[u8]) {}

    fn received(&mut self, _: &[IoSlice<'_>], _: usize) {}

    fn sent_all(&mut self) {}
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Count(Arc<AtomicUsize>);

    impl Tap for Count {
        fn sent(&mut self, bytes: &[u8]) {
            self.0.fetch_add(bytes.len(), Ordering::Relaxed);
        }

        fn received(&mut self, bytes: &[u8]) {
            self.0.fetch_add(bytes.len(), Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn all_is_carried_either_way_whoever_observes() {
        for direction in [Direction::FromPod, Direction::ToPod] {
            let seen = Arc::new(AtomicUsize::new(0));
            for observation in [
                Observation::CompiledOut,
                Observation::Off,
                Observation::On(Box::new(Count(seen.clone()))),
            ] {
                let carried = carry(direction, 100, observation).await.unwrap();
                assert_eq!(carried, 100 * PIECE as u64);
            }
            assert_eq!(seen.load(Ordering::Relaxed), 100 * PIECE);
        }
    }
}
