//! The task of one session: moves bytes between its connection and its state, and keeps its deadlines.

use std::future::Future;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use podline_wire::pool::Report;
use podline_wire::session::Peer;
use tokio::io::AsyncWrite;
use tokio::time::{Instant, Sleep};

use crate::request::Upgraded;
use crate::{Io, SessionError, Transport};

use super::Shared;
use super::framing::{Demand, Framing};
use super::outbox::Outgoing;

/// Room for one read, in bytes: several TLS records.
const READ: usize = 64 * 1024;

/// Reads in one turn, so that the apps behind the session get theirs.
const READS_A_TURN: usize = 32;

/// Writes in one turn.
const WRITES_A_TURN: usize = 8;

/// Parts that one write takes.
const SLICES: usize = 32;

/// How long the farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// Who hears how a session does.
pub(crate) trait Observer: Send + Sync + 'static {
    /// The session's report changed, or lent lanes were used.
    fn reported(&self, report: Report, settled: usize);
    /// It is known what the peer is.
    fn peer_known(&self, peer: Peer);
}

/// Performs one session until it is over; gives the reason.
pub(crate) struct Driver<O> {
    shared: Arc<Shared>,
    observer: O,
    io: Box<dyn Io>,
    framing: Framing,
    read_buffer: BytesMut,
    /// Bytes to be looked at before any are read: those that came with the upgrade's answer.
    read_ahead: Bytes,
    batch: Vec<BytesMut>,
    outgoing: Outgoing,
    unflushed: bool,
    timer: Pin<Box<Sleep>>,
    reported: Option<Report>,
    peer: Option<Peer>,
    stage: Stage,
}

enum Stage {
    Open,
    Farewell(Pin<Box<Sleep>>),
}

impl<O: Observer + Unpin> Driver<O> {
    pub(super) fn new(shared: Arc<Shared>, upgraded: Upgraded, transport: Transport, observer: O) -> Self {
        Self {
            shared,
            observer,
            io: upgraded.io,
            framing: Framing::new(transport),
            read_buffer: BytesMut::new(),
            read_ahead: upgraded.read_ahead,
            batch: Vec::new(),
            outgoing: Outgoing::default(),
            unflushed: false,
            timer: Box::pin(tokio::time::sleep(Duration::from_secs(1))),
            reported: None,
            peer: None,
            stage: Stage::Open,
        }
    }

    /// Runs the session to its end.
    pub(crate) async fn run(mut self) -> SessionError {
        let error = std::future::poll_fn(|context| self.poll(context)).await;
        self.shared.lock().lose(&error);
        error
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<SessionError> {
        if let Stage::Farewell(deadline) = &mut self.stage {
            if deadline.as_mut().poll(context).is_ready() {
                return Poll::Ready(SessionError::ShutDown);
            }
            return self.poll_farewell(context).map(|_| SessionError::ShutDown);
        }
        self.shared.lock().register_driver(context.waker());
        match self.poll_open(context) {
            Err(error) => Poll::Ready(error),
            Ok(()) if self.shared.lock().may_close() => {
                self.shared.lock().go_away();
                self.stage = Stage::Farewell(Box::pin(tokio::time::sleep(FAREWELL)));
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Ok(()) => Poll::Pending,
        }
    }

    fn poll_open(&mut self, context: &mut Context<'_>) -> Result<(), SessionError> {
        self.poll_timer(context);
        // What was read may have to be answered, and what was taken makes room to read: one more turn costs little.
        self.poll_read(context)?;
        self.poll_write(context)?;
        self.poll_timer(context);
        // A deadline may have ended the session too: nothing comes from a dead peer that would tell.
        if let Some(fault) = self.shared.lock().wire.fault() {
            return Err(fault.clone().into());
        }
        self.report();
        Ok(())
    }

    fn poll_timer(&mut self, context: &mut Context<'_>) {
        loop {
            let mut core = self.shared.lock();
            let Some(at) = core.handle_timeout() else { return };
            let at: Instant = core.clock.instant(at);
            drop(core);
            if self.timer.deadline() != at {
                self.timer.as_mut().reset(at);
            }
            if self.timer.as_mut().poll(context).is_pending() {
                return;
            }
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Result<(), SessionError> {
        if !self.read_ahead.is_empty() {
            let ahead = std::mem::take(&mut self.read_ahead);
            self.handle_bytes(&ahead)?;
        }
        for _ in 0..READS_A_TURN {
            if !self.shared.lock().is_reading() {
                return Ok(());
            }
            self.read_buffer.reserve(READ);
            let Poll::Ready(read) =
                tokio_util::io::poll_read_buf(Pin::new(&mut self.io), context, &mut self.read_buffer)
            else {
                return Ok(());
            };
            if read? == 0 {
                return Err(SessionError::Closed);
            }
            let source = self.read_buffer.split().freeze();
            self.handle_bytes(&source)?;
        }
        context.waker().wake_by_ref();
        Ok(())
    }

    fn handle_bytes(&mut self, source: &Bytes) -> Result<(), SessionError> {
        let mut input = &source[..];
        let mut core = self.shared.lock();
        while let Some((bytes, demand)) = self.framing.unwrap(&mut input)? {
            core.handle_bytes(source, bytes)?;
            if let Demand::Pong(pong) = demand {
                // Between two messages of ours: a batch is one message, whole.
                self.outgoing.push(pong);
            }
        }
        Ok(())
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Result<(), SessionError> {
        for _ in 0..WRITES_A_TURN {
            if self.outgoing.is_empty() {
                let mut core = self.shared.lock();
                let length = core.outbox.take_batch(&mut self.batch);
                core.handle_handed_over();
                drop(core);
                if length == 0 {
                    break;
                }
                self.framing.wrap(&mut self.batch, length, &mut self.outgoing);
            }
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = self.outgoing.slices(&mut slices);
            let Poll::Ready(written) = Pin::new(&mut self.io).poll_write_vectored(context, &slices[..count])
            else {
                return Ok(());
            };
            match written? {
                0 => return Err(SessionError::Closed),
                written => self.outgoing.advance(written),
            }
            self.unflushed = true;
        }
        if !self.outgoing.is_empty() || !self.shared.lock().outbox.is_empty() {
            context.waker().wake_by_ref();
        }
        if self.unflushed
            && let Poll::Ready(flushed) = Pin::new(&mut self.io).poll_flush(context)
        {
            flushed?;
            self.unflushed = false;
        }
        Ok(())
    }

    fn poll_farewell(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SessionError>> {
        loop {
            self.poll_write(context)?;
            if !self.outgoing.is_empty() || self.unflushed {
                return Poll::Pending;
            }
            if matches!(self.framing, Framing::Plain) {
                break;
            }
            self.framing.close(&mut self.outgoing);
            self.framing = Framing::Plain;
        }
        ready!(Pin::new(&mut self.io).poll_shutdown(context))?;
        Poll::Ready(Ok(()))
    }

    fn report(&mut self) {
        let (report, settled, peer) = {
            let mut core = self.shared.lock();
            let (report, settled) = core.report();
            (report, settled, core.wire.peer())
        };
        if peer != self.peer {
            self.peer = peer;
            if let Some(peer) = peer {
                self.observer.peer_known(peer);
            }
        }
        if settled > 0 || self.reported != Some(report) {
            self.reported = Some(report);
            self.observer.reported(report, settled);
        }
    }
}
