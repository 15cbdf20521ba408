use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use podline::{Connection, End, Outcome, Way};
use podline_wire::Time;

use crate::http::Protocol;

/// Stands for a first byte that has not come.
const NONE: u64 = u64::MAX;

/// What is known of a connection that is open. Written by the task that carries it, read by whoever looks.
#[derive(Debug)]
pub(super) struct Observed {
    pub(super) connection: Connection,
    accepted: Timestamp,
    since: Instant,
    sent: AtomicU64,
    received: AtomicU64,
    /// Nanoseconds from its acceptance to the first byte of the pod.
    first_byte: AtomicU64,
    sent_all: AtomicBool,
    way: Mutex<Option<Way>>,
    protocol: Mutex<Option<Protocol>>,
}

/// One connection, as it is now or was at its end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionView {
    /// Which.
    pub connection: Connection,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// Where it goes; none if it has no pod yet, or never got one.
    pub way: Option<Way>,
    /// Bytes that the app sent.
    pub sent: u64,
    /// Bytes that the app received.
    pub received: u64,
    /// From its acceptance to the first byte of the pod.
    pub first_byte: Option<Duration>,
    /// From its acceptance until now, or until its end.
    pub age: Duration,
    /// What it speaks, where that is looked for and once it is known.
    pub protocol: Option<Protocol>,
    /// How far it is.
    pub state: ConnectionState,
}

/// How far a connection is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConnectionState {
    /// It is over.
    Ended(End),
    /// The app sends no more, and waits for the pod's answer.
    HalfClosed,
    /// It has no pod yet.
    Held,
    /// Bytes go both ways.
    Open,
}

impl ConnectionState {
    /// In a word, the same in every output; of one that is over, how it ended.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ended(end) => end.name(),
            Self::HalfClosed => "half_closed",
            Self::Held => "held",
            Self::Open => "open",
        }
    }
}

impl Observed {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            accepted: Timestamp::now(),
            since: Instant::now(),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            first_byte: AtomicU64::new(NONE),
            sent_all: AtomicBool::new(false),
            way: Mutex::new(None),
            protocol: Mutex::new(None),
        }
    }

    pub(super) fn handle_opened(&self, way: &Way) {
        *self.way.lock().unwrap_or_else(PoisonError::into_inner) = Some(way.clone());
    }

    pub(super) fn handle_sent(&self, length: usize) {
        add(&self.sent, length);
    }

    pub(super) fn handle_received(&self, length: usize) {
        if add(&self.received, length) == 0 {
            let waited = u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(NONE - 1);
            self.first_byte.store(waited, Ordering::Relaxed);
        }
    }

    pub(super) fn handle_recognised(&self, protocol: &Protocol) {
        *self.protocol.lock().unwrap_or_else(PoisonError::into_inner) = Some(protocol.clone());
    }

    pub(super) fn handle_sent_all(&self) {
        self.sent_all.store(true, Ordering::Relaxed);
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(super) fn first_byte(&self) -> Option<Duration> {
        let waited = self.first_byte.load(Ordering::Relaxed);
        (waited != NONE).then(|| Duration::from_nanos(waited))
    }

    pub(super) fn way(&self) -> Option<Way> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How long ago it was accepted, as the time of what is said on it.
    pub(super) fn time(&self) -> Time {
        Time::from_duration(self.since.elapsed())
    }

    /// When that time was.
    pub(super) fn at(&self, time: Time) -> Timestamp {
        // A wall clock at the end of all time has no later one.
        self.accepted
            .checked_add(time.as_duration())
            .unwrap_or(self.accepted)
    }

    /// As it is now.
    pub(super) fn view(&self) -> ConnectionView {
        let way = self.way();
        let state = if way.is_none() {
            ConnectionState::Held
        } else if self.sent_all.load(Ordering::Relaxed) {
            ConnectionState::HalfClosed
        } else {
            ConnectionState::Open
        };
        ConnectionView {
            connection: self.connection,
            accepted: self.accepted,
            way,
            sent: self.sent(),
            received: self.received(),
            first_byte: self.first_byte(),
            age: self.since.elapsed(),
            protocol: self
                .protocol
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            state,
        }
    }

    /// As it was at its end.
    pub(super) fn last_view(&self, outcome: &Outcome) -> ConnectionView {
        ConnectionView {
            sent: outcome.sent,
            received: outcome.received,
            age: outcome.duration,
            state: ConnectionState::Ended(outcome.end.clone()),
            ..self.view()
        }
    }
}

/// Adds to a count that nobody else writes, which needs no locked instruction; gives what it was.
fn add(count: &AtomicU64, length: usize) -> u64 {
    let before = count.load(Ordering::Relaxed);
    count.store(before + length as u64, Ordering::Relaxed);
    before
}
