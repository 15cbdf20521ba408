//! What a session's driver and its pairs share, under one lock that is never held across an await.

mod pooled;

use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use podline_wire::Time;
use podline_wire::session::{Backlog, Event, PairId, Peer, Received, Session};
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::{Chunk, PairEnd, PairEnded, SessionError};

use super::inbox::Inbox;
use super::outbox::Outbox;

pub(crate) use self::pooled::Closing;

/// The state of a session on its connection.
#[derive(Debug)]
pub(crate) struct Core {
    pub(super) clock: Clock,
    pub(super) wire: Session,
    pub(super) outbox: Outbox,
    pairs: BTreeMap<PairId, PairState>,
    /// What waits in all inboxes.
    backlog: Backlog,
    /// How long a pair may take nothing while a neighbour waits behind it.
    stalled_reader: Duration,
    /// What the session was told last of whether it is read.
    reading: bool,
    driver: Option<Waker>,
    /// Who waits for the answer to a PING, by its number.
    timed_pings: BTreeMap<u32, oneshot::Sender<Duration>>,
    /// Lanes lent to connections that were used or given back since the last report.
    settled: usize,
    /// Set once the session is over.
    lost: Option<SessionError>,
    closing: Option<Closing>,
}

#[derive(Debug, Default)]
struct PairState {
    inbox: Inbox,
    end: Option<PairEnd>,
    /// The peer answered the opening.
    answered: bool,
    /// The peer takes no more.
    stopped: bool,
    /// Bytes were dropped that the app believes sent.
    dropped: bool,
    /// Bytes of the pod were dropped, because the app did not take them.
    cut: bool,
    receiver: Option<Waker>,
    sender: Option<Waker>,
    waits_for_outbox: bool,
}

impl Core {
    pub(super) fn new(clock: Clock, known: Option<Peer>, stalled_reader: Duration) -> Self {
        let mut core = Self {
            clock,
            wire: Session::new(clock.now(), known),
            outbox: Outbox::default(),
            pairs: BTreeMap::new(),
            backlog: Backlog::default(),
            stalled_reader,
            reading: true,
            driver: None,
            timed_pings: BTreeMap::new(),
            settled: 0,
            lost: None,
            closing: None,
        };
        // A peer that is not known is asked at once: an idle one that never answered could not be found dead.
        core.collect();
        core
    }

    // For the pairs.

    /// Opens a pair for the pod's `port` on the cheapest free lane, or on one with others if that was agreed on.
    pub(crate) fn open(&mut self, port: u16, shared: bool) -> Result<PairId, SessionError> {
        self.settled += 1;
        if let Some(lost) = &self.lost {
            return Err(lost.clone());
        }
        if self.closing.is_some() {
            return Err(SessionError::ShutDown);
        }
        let now = self.clock.now();
        let lane = if shared {
            self.wire.shared_lane()
        } else {
            self.wire.free_lane()
        };
        let opened = lane.and_then(|lane| self.wire.open(now, lane, port).ok());
        let Some(pair) = opened else {
            self.wake_driver();
            return Err(SessionError::Closed);
        };
        self.collect();
        self.pairs.insert(pair, PairState::default());
        self.backlog.handle_opened(now, pair);
        self.note_reading();
        self.wake_driver();
        Ok(pair)
    }

    /// A lane was lent and is not used.
    pub(crate) fn give_back(&mut self) {
        self.settled += 1;
        self.wake_driver();
    }

    /// Sends a PING; what is given gets the time until its answer, or nothing if the session ends before. None: it can have no
    /// answer now.
    pub(crate) fn time_ping(&mut self) -> Result<Option<oneshot::Receiver<Duration>>, SessionError> {
        if let Some(lost) = &self.lost {
            return Err(lost.clone());
        }
        let Some(ping) = self.wire.time_ping(self.clock.now()) else {
            return Ok(None);
        };
        let (sender, receiver) = oneshot::channel();
        self.timed_pings.insert(ping, sender);
        self.collect();
        self.wake_driver();
        Ok(Some(receiver))
    }

    /// Why the session is over, if it is.
    pub(crate) fn lost(&self) -> Option<SessionError> {
        self.lost.clone()
    }

    /// How many bytes may be sent as one frame now; None: `waker` is called when that changes.
    pub(crate) fn allowance(&mut self, pair: PairId, waker: &Waker) -> Result<Option<usize>, PairEnded> {
        let Some(state) = self.pairs.get_mut(&pair) else {
            return Err(PairEnded);
        };
        if state.stopped || state.end.is_some() {
            return Err(PairEnded);
        }
        if self.outbox.is_full() {
            state.waits_for_outbox = true;
        } else {
            let bytes = self.wire.allowance(pair);
            if bytes > 0 {
                return Ok(Some(bytes));
            }
        }
        remember(&mut state.sender, waker);
        Ok(None)
    }

    /// Sends `chunk`; `fin` ends our direction with it.
    pub(crate) fn send(&mut self, pair: PairId, chunk: Chunk, fin: bool) {
        self.collect();
        match self.wire.data_head(self.clock.now(), pair, chunk.len(), fin) {
            Some(head) => self.outbox.push_data(pair, chunk.into_frame(head)),
            None => {
                if let Some(state) = self.pairs.get_mut(&pair) {
                    state.dropped |= !chunk.is_empty();
                }
            }
        }
        self.collect();
        self.wake_driver();
    }

    /// Ends the pair at once. Its receiver gets nothing more.
    pub(crate) fn reset(&mut self, pair: PairId) {
        self.drop_pair(pair);
        self.outbox.purge(pair);
        self.wire.reset(self.clock.now(), pair);
        self.collect();
        self.wake_driver();
    }

    /// Takes bytes that came, or the end behind them; None: `waker` is called when there is something.
    pub(crate) fn receive(
        &mut self,
        pair: PairId,
        into: &mut VecDeque<Bytes>,
        waker: &Waker,
    ) -> Option<Option<PairEnd>> {
        let Some(state) = self.pairs.get_mut(&pair) else {
            return Some(Some(PairEnd::Reset));
        };
        let taken = state.inbox.take(into);
        if taken > 0 {
            self.backlog.handle_taken(self.clock.now(), pair, taken);
            self.note_reading();
            return Some(None);
        }
        if let Some(end) = state.end.clone() {
            return Some(Some(end));
        }
        remember(&mut state.receiver, waker);
        None
    }

    /// Whether bytes were dropped because the app took nothing; if not, `waker` is called when that changes.
    pub(crate) fn is_cut(&mut self, pair: PairId, waker: &Waker) -> bool {
        match self.pairs.get_mut(&pair) {
            Some(state) if state.cut => true,
            Some(state) => {
                remember(&mut state.receiver, waker);
                false
            }
            None => false,
        }
    }

    /// Whether the peer has answered the pair's opening, or ended the pair; if not, `waker` is called when that changes.
    pub(crate) fn is_answered(&mut self, pair: PairId, waker: &Waker) -> bool {
        match self.pairs.get_mut(&pair) {
            Some(state) if !state.answered && state.end.is_none() => {
                remember(&mut state.receiver, waker);
                false
            }
            _ => true,
        }
    }

    /// The app took bytes that were received before.
    pub(crate) fn took(&mut self, pair: PairId) {
        self.backlog.handle_progress(self.clock.now(), pair);
    }

    /// The receiver is gone.
    pub(crate) fn forget(&mut self, pair: PairId) {
        if self.pairs.get(&pair).is_some_and(|state| state.end.is_none()) {
            self.reset(pair);
        } else {
            self.drop_pair(pair);
        }
    }

    // For the driver.

    pub(super) fn is_reading(&self) -> bool {
        self.reading
    }

    pub(super) fn register_driver(&mut self, waker: &Waker) {
        remember(&mut self.driver, waker);
    }

    /// Whether the connection may be closed now.
    pub(super) fn may_close(&self) -> bool {
        match self.closing {
            None => false,
            Some(Closing::Now) => true,
            Some(Closing::Until(at)) => self.wire.is_clean() || at <= self.clock.now(),
        }
    }

    /// Takes SPDY bytes, slices of `source`.
    pub(super) fn handle_bytes(&mut self, source: &Bytes, mut input: &[u8]) -> Result<(), SessionError> {
        let now = self.clock.now();
        loop {
            match self.wire.handle_bytes(now, &mut input)? {
                Some(Received::Data { pair, payload }) => {
                    if let Some(state) = self.pairs.get_mut(&pair) {
                        self.backlog.handle_received(now, pair, payload.len());
                        state.inbox.push(source, payload);
                        wake(&mut state.receiver);
                    }
                }
                Some(_) => self.handle_events(),
                None => break,
            }
        }
        self.collect();
        self.backlog.handle_read(now);
        self.note_reading();
        Ok(())
    }

    /// Does what is due; gives the time when something is due next.
    pub(super) fn handle_timeout(&mut self) -> Option<Time> {
        let now = self.clock.now();
        if self.wire.poll_timeout().is_some_and(|(at, _)| at <= now) {
            self.wire.handle_timeout(now);
            self.handle_events();
            self.collect();
        }
        let stalled = self.cut_stalled(now);
        let closing = match self.closing {
            Some(Closing::Until(at)) if at > now => Some(at),
            Some(Closing::Until(_) | Closing::Now) | None => None,
        };
        self.wire
            .poll_timeout()
            .map(|(at, _)| at)
            .into_iter()
            .chain(stalled)
            .chain(closing)
            .min()
    }

    /// Wakes the senders that waited for the outbox, if it has room again.
    pub(super) fn handle_handed_over(&mut self) {
        if self.outbox.has_room_again() {
            for state in self.pairs.values_mut().filter(|state| state.waits_for_outbox) {
                state.waits_for_outbox = false;
                wake(&mut state.sender);
            }
        }
    }

    /// The session is over: all its pairs end.
    pub(super) fn lose(&mut self, error: &SessionError) {
        if self.lost.is_none() {
            self.lost = Some(error.clone());
        }
        self.end_all(error);
    }

    pub(super) fn go_away(&mut self) {
        self.wire.go_away();
        self.collect();
    }

    fn handle_events(&mut self) {
        while let Some(event) = self.wire.poll_event() {
            match event {
                Event::Opened(pair) => {
                    if let Some(state) = self.pairs.get_mut(&pair) {
                        state.answered = true;
                        wake(&mut state.receiver);
                    }
                }
                Event::Stopped(pair) => {
                    // Queued bytes must not follow the peer's end: the reset stands in their place.
                    let purged = self.outbox.purge(pair);
                    if let Some(state) = self.pairs.get_mut(&pair) {
                        state.dropped |= purged;
                        state.stopped = true;
                        wake(&mut state.sender);
                    }
                }
                Event::Writable(pair) => {
                    if let Some(state) = self.pairs.get_mut(&pair) {
                        wake(&mut state.sender);
                    }
                }
                Event::RoundTrip { ping, took } => {
                    if let Some(waiting) = self.timed_pings.remove(&ping) {
                        // Who asked may not want to know any more.
                        let _ = waiting.send(took);
                    }
                }
                Event::Ended(pair, end) => {
                    self.backlog.handle_ended(pair);
                    if let Some(state) = self.pairs.get_mut(&pair) {
                        state.end = Some(PairEnd::of(end, state.dropped));
                        wake(&mut state.sender);
                        wake(&mut state.receiver);
                    }
                }
                _ => {}
            }
        }
    }

    fn collect(&mut self) {
        let control = self.wire.take_output();
        self.outbox.push_control(control);
    }

    fn end_all(&mut self, error: &SessionError) {
        self.timed_pings.clear();
        for state in self.pairs.values_mut() {
            state
                .end
                .get_or_insert_with(|| PairEnd::SessionLost(error.clone()));
            wake(&mut state.sender);
            wake(&mut state.receiver);
        }
    }

    /// Ends the pairs that have taken nothing for too long while a neighbour waited; gives the time of the next one.
    fn cut_stalled(&mut self, now: Time) -> Option<Time> {
        loop {
            let by_app = self.backlog.stalled().map(|(pair, since)| (since, pair, true));
            let by_pod = self.wire.stalled().map(|(pair, since)| (since, pair, false));
            let (since, pair, is_by_app) = by_app.into_iter().chain(by_pod).min()?;
            let at = since + self.stalled_reader;
            if at > now {
                return Some(at);
            }
            self.outbox.purge(pair);
            self.wire.reset(now, pair);
            self.backlog.handle_ended(pair);
            if let Some(state) = self.pairs.get_mut(&pair) {
                state.end = Some(PairEnd::StalledReader);
                if is_by_app {
                    state.cut = true;
                    state.inbox = Inbox::default();
                    self.backlog.remove(pair);
                }
                wake(&mut state.sender);
                wake(&mut state.receiver);
            }
            self.collect();
            self.note_reading();
        }
    }

    /// Nobody asks for the pair any more.
    fn drop_pair(&mut self, pair: PairId) {
        if self.pairs.remove(&pair).is_some() {
            self.backlog.remove(pair);
            self.note_reading();
        }
    }

    /// Tells the session if it is read again, or not any more.
    fn note_reading(&mut self) {
        let reading = self.backlog.is_reading();
        if reading != self.reading {
            self.reading = reading;
            self.wire.handle_reading(self.clock.now(), reading);
            self.wake_driver();
        }
    }

    fn wake_driver(&mut self) {
        wake(&mut self.driver);
    }
}

fn remember(slot: &mut Option<Waker>, waker: &Waker) {
    match slot {
        Some(known) => known.clone_from(waker),
        None => *slot = Some(waker.clone()),
    }
}

fn wake(slot: &mut Option<Waker>) {
    if let Some(waker) = slot.take() {
        waker.wake();
    }
}
