//! A way to the API server that can be broken: what networks, NATs and load balancers do to connections.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// Bytes carried at a time.
const PIECE: usize = 64 * 1024;

/// What the way does to its connections.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Way {
    /// Carries bytes.
    #[default]
    Open,
    /// Takes connections and carries nothing any more: no byte, no end, no reset. What a NAT that forgot a connection does,
    /// or a laptop's old network.
    BlackHole,
    /// Resets what is open and takes no connection.
    Refusing,
}

/// A relay in front of the API server, until it is dropped.
pub(crate) struct Relay {
    address: SocketAddr,
    way: Arc<watch::Sender<Way>>,
    /// The way as it is done.
    done: Arc<watch::Sender<Way>>,
    accepted: Arc<AtomicU64>,
    /// Ends all with it.
    _task: JoinSet<()>,
}

impl Relay {
    /// Relays to `server` from an address of its own.
    pub(crate) async fn start(server: SocketAddr) -> Self {
        Self::with_idle_limit(server, None).await
    }

    /// The same, and ends a connection that nothing moves on for `idle_limit`, without a word to either side.
    pub(crate) async fn with_idle_limit(server: SocketAddr, idle_limit: Option<Duration>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let way = Arc::new(watch::Sender::new(Way::Open));
        let done = Arc::new(watch::Sender::new(Way::Open));
        let accepted = Arc::new(AtomicU64::new(0));
        let mut task = JoinSet::new();
        let relay = (Arc::clone(&way), Arc::clone(&done), Arc::clone(&accepted));
        task.spawn(async move { serve(listener, server, relay, idle_limit).await });
        Self {
            address,
            way,
            done,
            accepted,
            _task: task,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the way, for open connections too, and returns when that is done.
    pub(crate) async fn set(&self, way: Way) {
        self.way.send_replace(way);
        let mut done = self.done.subscribe();
        done.wait_for(|done| *done == way).await.unwrap();
    }

    /// How many connections it has taken so far.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }
}

async fn serve(
    listener: TcpListener,
    server: SocketAddr,
    (way, done, accepted): (Arc<watch::Sender<Way>>, Arc<watch::Sender<Way>>, Arc<AtomicU64>),
    idle_limit: Option<Duration>,
) {
    let address = listener.local_addr().unwrap();
    let mut listener = Some(listener);
    let mut changes = way.subscribe();
    let mut connections = JoinSet::new();
    loop {
        let now = *changes.borrow_and_update();
        if now == Way::Refusing {
            // Ended first: their ends must not find a listener that still takes the next one.
            listener = None;
            connections.shutdown().await;
        } else if listener.is_none() {
            listener = Some(bind(address));
        }
        done.send_replace(now);
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            Ok((stream, _)) = accept(listener.as_ref()) => {
                accepted.fetch_add(1, Ordering::Relaxed);
                connections.spawn(carry(stream, server, way.subscribe(), idle_limit));
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// The same address again; what is left of its old connections is no hindrance.
fn bind(address: SocketAddr) -> TcpListener {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket.listen(1024).unwrap()
}

async fn carry(near: TcpStream, server: SocketAddr, way: watch::Receiver<Way>, idle_limit: Option<Duration>) {
    let mut opened = way.clone();
    // A black hole that was there before takes the connection and no more.
    if opened.wait_for(|way| *way != Way::BlackHole).await.is_err() {
        return;
    }
    let Ok(far) = TcpStream::connect(server).await else {
        return;
    };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let began = Instant::now();
    let moved = Arc::new(AtomicU64::new(0));
    let (near_reader, near_writer) = near.into_split();
    let (far_reader, far_writer) = far.into_split();
    let up = carry_one_way(near_reader, far_writer, way.clone(), (began, &moved));
    let down = carry_one_way(far_reader, near_writer, way, (began, &moved));
    tokio::select! {
        () = up => {}
        () = down => {}
        () = idle(began, &moved, idle_limit) => {}
    }
}

async fn carry_one_way(
    mut reader: OwnedReadHalf,
    mut writer: OwnedWriteHalf,
    mut way: watch::Receiver<Way>,
    (began, moved): (Instant, &AtomicU64),
) {
    let mut buffer = vec![0; PIECE];
    loop {
        if way.wait_for(|way| *way != Way::BlackHole).await.is_err() {
            return;
        }
        tokio::select! {
            // What came is not read before the way is looked at again.
            biased;
            _ = way.changed() => {}
            read = reader.read(&mut buffer) => {
                let Ok(length @ 1..) = read else { return };
                if writer.write_all(&buffer[..length]).await.is_err() {
                    return;
                }
                moved.store(began.elapsed().as_millis() as u64, Ordering::Relaxed);
            }
        }
    }
}

/// Comes to an end when nothing has moved for the limit.
async fn idle(began: Instant, moved: &AtomicU64, limit: Option<Duration>) {
    let Some(limit) = limit else {
        return std::future::pending().await;
    };
    loop {
        let due = began + Duration::from_millis(moved.load(Ordering::Relaxed)) + limit;
        if due <= Instant::now() {
            return;
        }
        sleep_until(due).await;
    }
}
