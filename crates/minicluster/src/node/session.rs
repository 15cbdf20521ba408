use std::{collections::BTreeMap, future::Future, io, pin::Pin, sync::Arc, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::stream::{FuturesUnordered, StreamExt};
use podline_wire::Time;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf},
    net::TcpStream,
    sync::watch,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    FaultSettings, Faults,
    faults::{Commands, SessionCommand},
    framing::Framing,
    link::Io,
    pod::{Pod, PodConnection},
    runtime::{Action, COPY_BUFFER, DialFailure, PairId, Place, PodEnd, PodError, Profile, Runtime},
};

/// Bytes read from the peer at a time.
const READ: usize = 64 * 1024;

/// Encoded bytes that wait for the peer's connection at most.
const WRITE: usize = 64 * 1024;

/// How long the rest of a session's bytes and its end may take to be sent.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// One upgraded connection: the task that does what its runtime decides.
pub(super) struct Session {
    runtime: Runtime,
    framing: Framing,
    pod: Arc<Pod>,
    epoch: Instant,
    /// Keeps the two receivers from running dry.
    _faults: Faults,
    settings: watch::Receiver<FaultSettings>,
    commands: Commands,

    /// The peer's connection, until it is lost.
    peer: Option<Peer>,
    /// Bytes as they came.
    raw: BytesMut,
    /// Bytes of the session that its runtime has not taken.
    input: BytesMut,
    /// Bytes as they go.
    output: BytesMut,
    unflushed: bool,
    end: End,

    connections: BTreeMap<PairId, Connection>,
    work: FuturesUnordered<Work>,
}

type Work = Pin<Box<dyn Future<Output = Option<Report>> + Send>>;

struct Peer {
    reader: ReadHalf<Box<dyn Io>>,
    writer: WriteHalf<Box<dyn Io>>,
}

/// A connection into the pod, or its dial.
struct Connection {
    /// Ends whatever is under way.
    ended: CancellationToken,
    stream: Option<Arc<PodConnection>>,
}

/// What became of an action.
struct Report {
    pair: PairId,
    event: PodEvent,
}

enum PodEvent {
    Dialed(Result<PodConnection, DialFailure>),
    Read(io::Result<BytesMut>),
    Written(io::Result<()>),
}

/// How far the session's end is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// The runtime serves.
    NotYet,
    /// What is ready is sent, then the connection ends.
    Flushing { until: Instant },
    /// The runtime is gone and the kubelet has not noticed: its tunnel looks only when the peer sends something.
    Unnoticed,
}

impl Session {
    pub(super) fn new(
        io: Box<dyn Io>,
        framing: Framing,
        pod: Arc<Pod>,
        faults: &Faults,
        commands: Commands,
    ) -> Self {
        let settings = faults.watch();
        let profile = {
            let settings = settings.borrow();
            Profile {
                flavor: settings.flavor,
                idle_timeout: settings.idle_timeout,
                place: Place {
                    network_namespace: pod.network_namespace().into(),
                    sandbox: pod.id().into(),
                },
                reply: settings.reply,
            }
        };
        let (reader, writer) = tokio::io::split(io);
        Self {
            runtime: Runtime::new(profile, Time::ZERO),
            framing,
            pod,
            epoch: Instant::now(),
            _faults: faults.clone(),
            settings,
            commands,
            peer: Some(Peer { reader, writer }),
            raw: BytesMut::new(),
            input: BytesMut::new(),
            output: BytesMut::new(),
            unflushed: false,
            end: End::NotYet,
            connections: BTreeMap::new(),
            work: FuturesUnordered::new(),
        }
    }

    /// Runs until the peer's connection and every connection into the pod are over.
    pub(super) async fn run(mut self) {
        loop {
            self.feed();
            self.fill_output();
            self.perform();
            self.go_on_ending();
            // A stuck worker alone keeps nothing that could be seen from outside.
            if self.peer.is_none() && (self.runtime.is_finished() || self.runtime.connections() == 0) {
                return;
            }
            self.step().await;
        }
    }

    /// Waits for one thing to happen and takes it in.
    async fn step(&mut self) {
        let deadline = self.deadline();
        let reads = self.input.is_empty() && self.runtime.wants_input() && self.output.len() < WRITE;
        let writes = !self.output.is_empty() || self.unflushed;
        let (reader, writer) = match &mut self.peer {
            Some(Peer { reader, writer }) => (Some(reader), Some(writer)),
            None => (None, None),
        };
        self.raw.reserve(READ);
        tokio::select! {
            Some(report) = self.work.next(), if !self.work.is_empty() => self.take_report(report),
            result = read(reader, &mut self.raw), if reads => self.take_read(&result),
            result = write(writer, &mut self.output, &mut self.unflushed), if writes => {
                if result.is_err() {
                    self.lose_peer();
                }
            }
            () = tokio::time::sleep_until(deadline.unwrap_or(self.epoch)), if deadline.is_some() => {
                self.runtime.handle_timeout(self.now());
            }
            command = self.commands.next() => match command {
                Some(command) => self.obey(command),
                // The node is gone.
                None => self.lose_peer(),
            },
            Ok(()) = self.settings.changed() => {
                let reply = self.settings.borrow_and_update().reply;
                self.runtime.set_reply(reply);
            }
        }
    }

    fn now(&self) -> Time {
        Time::from_duration(self.epoch.elapsed())
    }

    /// When to go on although nothing happened.
    fn deadline(&self) -> Option<Instant> {
        let runtime = self
            .runtime
            .poll_timeout()
            .map(|(due, _)| self.epoch + due.as_duration());
        let end = match self.end {
            End::Flushing { until } if self.peer.is_some() => Some(until),
            _ => None,
        };
        [runtime, end].into_iter().flatten().min()
    }

    /// Gives the runtime what it takes.
    fn feed(&mut self) {
        if self.input.is_empty() {
            return;
        }
        let now = self.now();
        let mut rest: &[u8] = &self.input;
        self.runtime.handle_input(now, &mut rest);
        let taken = self.input.len() - rest.len();
        self.input.advance(taken);
    }

    fn fill_output(&mut self) {
        let now = self.now();
        while self.output.len() < WRITE {
            let Some(bytes) = self.runtime.poll_transmit(now, self.framing.piece()) else {
                break;
            };
            self.framing.encode(&bytes, &mut self.output);
        }
    }

    fn perform(&mut self) {
        while let Some(action) = self.runtime.poll_action() {
            match action {
                Action::ClosePod { pair } => {
                    if let Some(connection) = self.connections.remove(&pair) {
                        connection.ended.cancel();
                    }
                }
                Action::Dial { pair, port } => {
                    let ended = CancellationToken::new();
                    let (pod, faults) = (Arc::clone(&self.pod), self.settings.borrow().clone());
                    let dial = async move {
                        let result = pod.dial(port, &faults).await;
                        Report {
                            pair,
                            event: PodEvent::Dialed(result),
                        }
                    };
                    self.work
                        .push(Box::pin(ended.clone().run_until_cancelled_owned(dial)));
                    self.connections.insert(pair, Connection { ended, stream: None });
                }
                Action::HangUp => {
                    if self.end == End::NotYet {
                        self.end = End::Flushing {
                            until: Instant::now() + CLOSE_TIMEOUT,
                        };
                    }
                }
                Action::ReadPod { pair } => {
                    self.work_on(pair, |stream| async move {
                        PodEvent::Read(read_pod(&stream.stream).await)
                    });
                }
                Action::WritePod { pair, bytes } => {
                    self.work_on(pair, |stream| async move {
                        PodEvent::Written(write_pod(&stream.stream, &bytes).await)
                    });
                }
            }
        }
    }

    fn work_on<F>(&mut self, pair: PairId, work: impl FnOnce(Arc<PodConnection>) -> F)
    where
        F: Future<Output = PodEvent> + Send + 'static,
    {
        if let Some(Connection {
            ended,
            stream: Some(stream),
        }) = self.connections.get(&pair)
        {
            let work = work(Arc::clone(stream));
            let report = async move {
                Report {
                    pair,
                    event: work.await,
                }
            };
            self.work
                .push(Box::pin(ended.clone().run_until_cancelled_owned(report)));
        }
    }

    fn take_report(&mut self, report: Option<Report>) {
        // Nothing is reported of what was cancelled.
        let Some(Report { pair, event }) = report else {
            return;
        };
        let now = self.now();
        match event {
            PodEvent::Dialed(Ok(dialed)) => match dialed.stream.local_addr() {
                Ok(local) => {
                    if let Some(connection) = self.connections.get_mut(&pair) {
                        connection.stream = Some(Arc::new(dialed));
                    }
                    self.runtime.handle_dialed(now, pair, local);
                }
                Err(error) => {
                    self.runtime
                        .handle_dial_failure(now, pair, DialFailure::Other(error.to_string()));
                }
            },
            PodEvent::Dialed(Err(failure)) => {
                self.connections.remove(&pair);
                self.runtime.handle_dial_failure(now, pair, failure);
            }
            PodEvent::Read(Ok(bytes)) if bytes.is_empty() => {
                self.runtime.handle_pod_end(now, pair, PodEnd::Fin);
            }
            PodEvent::Read(Ok(bytes)) => self.runtime.handle_pod_bytes(now, pair, &bytes),
            PodEvent::Read(Err(error)) => {
                self.runtime
                    .handle_pod_end(now, pair, PodEnd::Failed(pod_error(&error)));
            }
            PodEvent::Written(result) => {
                self.runtime
                    .handle_pod_written(now, pair, result.map_err(|error| pod_error(&error)));
            }
        }
    }

    fn take_read(&mut self, result: &io::Result<usize>) {
        if matches!(result, Ok(0) | Err(_)) {
            return self.lose_peer();
        }
        let received = self
            .framing
            .decode(&mut self.raw, &mut self.input, &mut self.output);
        if received.closed {
            // The rest of what the peer sent before is still taken in.
            self.feed();
            self.runtime.lose_connection(self.now());
        }
        if received.closed || (received.message && self.end == End::Unnoticed) {
            self.framing.encode_end(&mut self.output);
            self.end = End::Flushing {
                until: Instant::now() + CLOSE_TIMEOUT,
            };
            // What follows is nobody's any more.
            self.framing = Framing::Plain;
        }
    }

    /// Ends the peer's connection once everything is sent.
    fn go_on_ending(&mut self) {
        let (End::Flushing { until }, Some(_)) = (self.end, &self.peer) else {
            return;
        };
        let sent = self.output.is_empty() && !self.unflushed;
        if sent && self.framing.is_tunnel() {
            self.end = End::Unnoticed;
        } else if sent || until <= Instant::now() {
            self.lose_peer();
        }
    }

    fn obey(&mut self, command: SessionCommand) {
        match command {
            SessionCommand::Cut => self.lose_peer(),
            SessionCommand::CutBackend if self.framing.is_tunnel() => {
                self.runtime.lose_connection(self.now());
                self.end = End::Unnoticed;
            }
            SessionCommand::CutBackend => self.lose_peer(),
            SessionCommand::Expire => self.runtime.expire_idle(self.now()),
        }
    }

    /// The peer's connection is gone.
    fn lose_peer(&mut self) {
        self.peer = None;
        self.output.clear();
        self.unflushed = false;
        self.runtime.handle_disconnect(self.now());
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

async fn read(reader: Option<&mut ReadHalf<Box<dyn Io>>>, raw: &mut BytesMut) -> io::Result<usize> {
    match reader {
        Some(reader) => reader.read_buf(raw).await,
        None => std::future::pending().await,
    }
}

/// Writes some of the output, or flushes when there is none.
async fn write(
    writer: Option<&mut WriteHalf<Box<dyn Io>>>,
    output: &mut BytesMut,
    unflushed: &mut bool,
) -> io::Result<()> {
    let Some(writer) = writer else {
        return std::future::pending().await;
    };
    if output.is_empty() {
        writer.flush().await?;
        *unflushed = false;
        return Ok(());
    }
    match writer.write_buf(output).await? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        _ => {
            *unflushed = true;
            Ok(())
        }
    }
}

/// Reads once; no bytes are the end.
async fn read_pod(stream: &TcpStream) -> io::Result<BytesMut> {
    loop {
        stream.readable().await?;
        let mut buffer = BytesMut::with_capacity(COPY_BUFFER);
        match stream.try_read_buf(&mut buffer) {
            Ok(_) => return Ok(buffer),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

async fn write_pod(stream: &TcpStream, bytes: &Bytes) -> io::Result<()> {
    let mut rest: &[u8] = bytes;
    while !rest.is_empty() {
        match stream.try_write(rest) {
            Ok(length) => rest = &rest[length..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

pub(super) fn pod_error(error: &io::Error) -> PodError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => PodError::BrokenPipe,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => PodError::Reset,
        _ => PodError::Other(error.to_string()),
    }
}
