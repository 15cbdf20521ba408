use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::pin;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use podline_tunnel::Chunk;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;

use super::{Downstream, Early, HalfClose, Kept, Looks, Observer, PassOn, Upstream};
use crate::clock::Clock;
use crate::{End, Tap, Way};

/// Sizes of a read of an app's bytes: of the first one, the least and the largest. A larger one is more than the tunnel
/// ever sends as one frame.
const READ: usize = 16 * 1024;
const READ_LEAST: usize = 4 * 1024;
const READ_MOST: usize = 320 * 1024;
/// Pieces of the pod's bytes that go to an app's socket in one call.
const PIECES: usize = 64;

/// The copier of one connection. One task does both directions.
pub(crate) struct Carrier<U, D, O = Option<Box<dyn Tap>>> {
    pub(super) app: TcpStream,
    pub(super) upstream: U,
    pub(super) downstream: D,
    pub(super) half_close: HalfClose,
    pub(super) clock: Clock,
    pub(super) observer: O,
    /// Bytes of the pod that the app has not taken.
    pub(super) waiting: VecDeque<Bytes>,
    /// Whether the app may still send, and the pair take it.
    reads: bool,
    read_size: usize,
    looks: Looks,
    kept: Kept,
    pub(super) carried: Carried,
}

/// What a carrier has done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Carried {
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

/// Why copying stopped.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The app closed its socket; the pair lives on for a moment.
    AppClosed,
    /// The app reset its connection.
    AppReset,
    /// The app took nothing for so long that its neighbours had to be freed of it.
    AppStalled,
    /// The pair ended.
    Pair(End),
    ShutDown,
}

impl<U: Upstream, D: Downstream, O: Observer> Carrier<U, D, O> {
    /// Takes over a connection whose pair has been opened with what the app had said: `early`.
    pub(crate) fn new(
        app: TcpStream,
        (upstream, downstream): (U, D),
        early: Early,
        linger: Duration,
        observer: O,
    ) -> Self {
        let Early { bytes, finished } = early;
        let mut carrier = Self {
            app,
            upstream,
            downstream,
            half_close: HalfClose::new(linger),
            clock: Clock::new(),
            observer,
            waiting: VecDeque::new(),
            reads: true,
            read_size: READ,
            looks: Looks::new(),
            kept: Kept::new(Vec::new()),
            carried: Carried::default(),
        };
        if !bytes.is_empty() {
            carrier.sent(&bytes);
            carrier.kept = Kept::new(bytes);
        }
        if finished {
            carrier.handle_app_finished();
        }
        carrier
    }

    /// The app's socket.
    pub(crate) fn app(&self) -> &TcpStream {
        &self.app
    }

    /// What the app has said, if the connection can begin anew with it: the pod has said nothing yet, and all that the
    /// app said is still known. That none of it reached an app is for the caller to know.
    pub(crate) fn said(&self) -> Option<&[u8]> {
        self.kept.bytes()
    }

    /// Begins anew, on another `way`, with a pair that was opened with what the app had said.
    pub(crate) fn begin_anew(&mut self, (upstream, downstream): (U, D), way: Option<&Way>) {
        if let Some(way) = way {
            self.observer.opened(way);
        }
        self.upstream = upstream;
        self.downstream = downstream;
        self.half_close.handle_begun_anew();
        self.reads = !self.half_close.is_finished();
    }

    /// Copies until one of the two ends, or `stop`. To be followed by [`Carrier::close`], or by
    /// [`Carrier::begin_anew`].
    pub(crate) async fn copy(&mut self, stop: &CancellationToken) -> Stop {
        let mut stopped = pin!(stop.cancelled());
        let mut timer = pin!(time::sleep_until(Instant::now()));
        loop {
            tokio::task::consume_budget().await;
            let due = match self.pass_on_end() {
                Ok(due) => due,
                Err(why) => return why,
            };
            if let Some(due) = due
                && timer.deadline() != due
            {
                timer.as_mut().reset(due);
            }
            tokio::select! {
                () = &mut stopped => return Stop::ShutDown,
                readable = readable(&mut self.upstream, &self.app), if self.reads => {
                    let room = match readable {
                        Readable::Room(room) => room,
                        Readable::PairStopped => {
                            self.reads = false;
                            continue;
                        }
                        Readable::AppReset => return Stop::AppReset,
                    };
                    if self.read(room).is_err() {
                        return Stop::AppReset;
                    }
                }
                came = came(&mut self.downstream, &mut self.waiting) => {
                    let end = match came {
                        Came::Bytes => None,
                        Came::Cut => return Stop::AppStalled,
                        Came::End(end) => Some(end),
                    };
                    if !self.waiting.is_empty() {
                        self.half_close.handle_received(self.clock.now());
                        self.kept.forget();
                    }
                    // Written at once: the socket nearly always has room.
                    if self.write().is_err() {
                        return Stop::AppReset;
                    }
                    if let Some(end) = end {
                        return Stop::Pair(end);
                    }
                }
                writable = self.app.writable(), if !self.waiting.is_empty() => {
                    let before = self.carried.received;
                    if writable.and_then(|()| self.write()).is_err() {
                        return Stop::AppReset;
                    }
                    if self.carried.received > before {
                        self.downstream.took();
                    }
                }
                () = failed(&self.app), if !self.reads => return Stop::AppReset,
                () = &mut timer, if due.is_some() => {}
            }
        }
    }

    /// Passes the app's end on if it is time to; gives the time to come back, if any.
    fn pass_on_end(&mut self) -> Result<Option<Instant>, Stop> {
        if self.looks.is_closed(&self.app) {
            self.half_close.handle_closed();
            return Err(Stop::AppClosed);
        }
        // A pod whose bytes still wait for the app is not silent.
        let pass_on = if self.waiting.is_empty() {
            self.half_close.poll_pass_on(self.clock.now())
        } else {
            PassOn::Never
        };
        Ok(match pass_on {
            PassOn::At(at) => {
                let at = self.clock.instant(at);
                Some(self.looks.next().map_or(at, |look| look.min(at)))
            }
            PassOn::Never => self.looks.next(),
            PassOn::Now => {
                self.upstream.finish();
                self.looks.end();
                None
            }
        })
    }

    /// Reads up to `room` bytes of the app and sends them.
    fn read(&mut self, room: usize) -> io::Result<()> {
        let size = self.read_size.min(room);
        let mut chunk = Chunk::with_capacity(size);
        match self.app.try_read_buf(&mut chunk.buffer().limit(size)) {
            Ok(0) => self.handle_app_finished(),
            Ok(length) => {
                if length == self.read_size {
                    self.read_size = (length * 2).min(READ_MOST);
                } else if length < self.read_size / 4 {
                    self.read_size = (self.read_size / 2).max(READ_LEAST);
                }
                self.send(chunk);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn send(&mut self, chunk: Chunk) {
        self.sent(chunk.bytes());
        self.kept.handle_sent(chunk.bytes());
        self.upstream.send(chunk);
    }

    fn sent(&mut self, bytes: &[u8]) {
        self.carried.sent += bytes.len() as u64;
        self.observer.sent(bytes);
        self.half_close.handle_sent(self.clock.now());
    }

    fn handle_app_finished(&mut self) {
        self.reads = false;
        self.half_close.handle_finished(self.clock.now());
        self.looks.begin();
        self.observer.sent_all();
    }

    /// Writes as much of what waits as the app's socket takes.
    pub(super) fn write(&mut self) -> io::Result<()> {
        while !self.waiting.is_empty() {
            let mut pieces = [IoSlice::new(&[]); PIECES];
            let (mut count, mut offered) = (0, 0);
            for (bytes, piece) in self.waiting.iter().zip(&mut pieces) {
                *piece = IoSlice::new(bytes);
                count += 1;
                offered += bytes.len();
            }
            match self.app.try_write_vectored(&pieces[..count]) {
                Ok(length) => {
                    if self.observer.looks() {
                        if length < offered {
                            count = first(&self.waiting, length, &mut pieces);
                        }
                        self.observer.received(&pieces[..count], length);
                    }
                    self.taken(length);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The app's socket took the first `length` bytes of what waits.
    fn taken(&mut self, mut length: usize) {
        self.carried.received += length as u64;
        while let Some(first) = self.waiting.front_mut() {
            let part = length.min(first.len());
            length -= part;
            if part < first.len() {
                first.advance(part);
                break;
            }
            self.waiting.pop_front();
        }
        self.half_close.handle_received(self.clock.now());
    }
}

/// Makes `pieces` of the first `length` bytes that wait; gives their number.
fn first<'a>(waiting: &'a VecDeque<Bytes>, mut length: usize, pieces: &mut [IoSlice<'a>; PIECES]) -> usize {
    let mut count = 0;
    for (bytes, piece) in waiting.iter().zip(pieces) {
        if length == 0 {
            break;
        }
        let part = length.min(bytes.len());
        *piece = IoSlice::new(&bytes[..part]);
        length -= part;
        count += 1;
    }
    count
}

enum Came {
    /// More bytes wait for the app.
    Bytes,
    /// The app has kept others waiting for too long.
    Cut,
    End(End),
}

/// Waits for more of the pod's bytes once the app has taken what there was.
async fn came(downstream: &mut impl Downstream, waiting: &mut VecDeque<Bytes>) -> Came {
    if !waiting.is_empty() {
        downstream.cut().await;
        return Came::Cut;
    }
    match downstream.receive(waiting).await {
        Some(end) => Came::End(end),
        None => Came::Bytes,
    }
}

enum Readable {
    AppReset,
    /// The pair takes no more; its end is on the way.
    PairStopped,
    /// The app sent something, and so much of it may be sent on.
    Room(usize),
}

/// Waits until the pair takes bytes and the app has some.
async fn readable(upstream: &mut impl Upstream, app: &TcpStream) -> Readable {
    let room = tokio::select! {
        biased;
        room = upstream.ready() => room,
        () = failed(app) => return Readable::AppReset,
    };
    let Ok(room) = room else {
        return Readable::PairStopped;
    };
    // An error shows itself in the read that follows.
    let _ = app.readable().await;
    Readable::Room(room)
}

/// Waits until `app` is reset. Tells even of one that is not read because the pair takes nothing, or because it has
/// ended its direction.
pub(crate) async fn failed(app: &TcpStream) {
    loop {
        if app.ready(Interest::ERROR).await.is_err() {
            return;
        }
        let error = app.try_io(Interest::ERROR, || {
            app.take_error()?.ok_or_else(|| ErrorKind::WouldBlock.into())
        });
        match error {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            _ => return,
        }
    }
}
