//! What a session's driver and its pairs share, under one lock that is never held across an await.

use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;

use bytes::Bytes;
use podline_wire::Time;
use podline_wire::pool::Report;
use podline_wire::session::{Event, PairId, Peer, Received, Session};

use crate::clock::Clock;
use crate::{Chunk, PairEnd, PairEnded, SessionError};

use super::inbox::Inbox;
use super::outbox::Outbox;

/// Reading a session pauses while so many bytes wait for its apps: with one pair, and with several.
const LONE_BUFFER: usize = 1024 * 1024;
const SHARED_BUFFER: usize = 8 * 1024 * 1024;

/// The state of a session on its connection.
#[derive(Debug)]
pub(crate) struct Core {
    pub(super) clock: Clock,
    pub(super) wire: Session,
    pub(super) outbox: Outbox,
    pairs: BTreeMap<PairId, PairState>,
    /// Bytes that wait in all inboxes.
    buffered: usize,
    reading: bool,
    driver: Option<Waker>,
    /// Lanes lent to connections that were used or given back since the last report.
    settled: usize,
    /// Set once the session is over.
    lost: Option<SessionError>,
    closing: Option<Closing>,
}

/// How a session is to be ended by us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// At once: nothing uses it.
    Now,
    /// Once the ends of its pairs have been answered, or at the time given.
    Until(Time),
}

#[derive(Debug, Default)]
struct PairState {
    inbox: Inbox,
    end: Option<PairEnd>,
    /// The peer takes no more.
    stopped: bool,
    /// Bytes were dropped that the app believes sent.
    dropped: bool,
    receiver: Option<Waker>,
    sender: Option<Waker>,
    waits_for_outbox: bool,
}

impl Core {
    pub(super) fn new(clock: Clock, known: Option<Peer>) -> Self {
        Self {
            clock,
            wire: Session::new(clock.now(), known),
            outbox: Outbox::default(),
            pairs: BTreeMap::new(),
            buffered: 0,
            reading: true,
            driver: None,
            settled: 0,
            lost: None,
            closing: None,
        }
    }

    // For the pairs.

    /// Opens a pair for the pod's `port` on the cheapest free lane.
    pub(crate) fn open(&mut self, port: u16) -> Result<PairId, SessionError> {
        self.settled += 1;
        if let Some(lost) = &self.lost {
            return Err(lost.clone());
        }
        if self.closing.is_some() {
            return Err(SessionError::ShutDown);
        }
        let now = self.clock.now();
        let opened = self
            .wire
            .free_lane()
            .and_then(|lane| self.wire.open(now, lane, port).ok());
        let Some(pair) = opened else {
            self.wake_driver();
            return Err(SessionError::Closed);
        };
        self.collect();
        self.pairs.insert(pair, PairState::default());
        self.wake_driver();
        Ok(pair)
    }

    /// A lane was lent and is not used.
    pub(crate) fn give_back(&mut self) {
        self.settled += 1;
        self.wake_driver();
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
        if let Some(mut state) = self.pairs.remove(&pair) {
            self.buffered -= state.inbox.take(&mut VecDeque::new());
            self.resume_reading();
        }
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
            self.buffered -= taken;
            self.resume_reading();
            return Some(None);
        }
        if let Some(end) = state.end.clone() {
            return Some(Some(end));
        }
        remember(&mut state.receiver, waker);
        None
    }

    /// The receiver is gone.
    pub(crate) fn forget(&mut self, pair: PairId) {
        if self.pairs.get(&pair).is_some_and(|state| state.end.is_none()) {
            self.reset(pair);
        } else if let Some(mut state) = self.pairs.remove(&pair) {
            self.buffered -= state.inbox.take(&mut VecDeque::new());
            self.resume_reading();
        }
    }

    // For the pool.

    /// Ends the session: its pairs by reset, then the connection.
    pub(crate) fn close(&mut self, closing: Closing) {
        if self.closing.is_some() {
            return;
        }
        self.closing = Some(closing);
        self.end_all(&SessionError::ShutDown);
        let now = self.clock.now();
        for pair in self.pairs.keys().copied().collect::<Vec<_>>() {
            self.outbox.purge(pair);
            self.wire.reset(now, pair);
        }
        self.collect();
        self.wake_driver();
    }

    pub(crate) fn report(&mut self) -> (Report, usize) {
        let report = Report {
            clean: self.wire.is_clean(),
            free_lanes: self.wire.free_lanes(),
            hindered: self.wire.is_late() || !self.reading,
            pairs: self.wire.pairs(),
            retired: self.wire.is_retired() || self.closing.is_some() || self.lost.is_some(),
        };
        (report, std::mem::take(&mut self.settled))
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
                        self.buffered += payload.len();
                        state.inbox.push(source, payload);
                        wake(&mut state.receiver);
                    }
                }
                Some(_) => self.handle_events(),
                None => break,
            }
        }
        self.collect();
        let limit = if self.wire.pairs() > 1 {
            SHARED_BUFFER
        } else {
            LONE_BUFFER
        };
        if self.reading && self.buffered >= limit {
            self.reading = false;
            self.wire.handle_reading(now, false);
        }
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
        let closing = match self.closing {
            Some(Closing::Until(at)) if at > now => Some(at),
            Some(Closing::Until(_) | Closing::Now) | None => None,
        };
        self.wire
            .poll_timeout()
            .map(|(at, _)| at)
            .into_iter()
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
                Event::Ended(pair, end) => {
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
        for state in self.pairs.values_mut() {
            state
                .end
                .get_or_insert_with(|| PairEnd::SessionLost(error.clone()));
            wake(&mut state.sender);
            wake(&mut state.receiver);
        }
    }

    fn resume_reading(&mut self) {
        let limit = if self.wire.pairs() > 1 {
            SHARED_BUFFER
        } else {
            LONE_BUFFER
        };
        if !self.reading && self.buffered <= limit / 2 {
            self.reading = true;
            self.wire.handle_reading(self.clock.now(), true);
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
