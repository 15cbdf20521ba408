//! One pair: the error and the data stream of one forwarded connection.
//!
//! ```text
//!   opened ──both answered──▶ open ──our FIN──▶ finished ─┐
//!      │                        └──peer's end──▶ stopped ──┤
//!      └──nothing for 30 s──▶ unanswered                   ▼
//!                      data stream ended + error stream ended (+ our last bytes acknowledged) ──▶ over
//! ```
//!
//! The peer ends the data stream first and tells an error after that, so a pair is over only when its error stream
//! ended too.

use std::time::Duration;

use crate::{Time, Untrusted};

use super::credit::Credit;
use super::lending::BULK;
use super::{FailureKind, PairEnd};

/// How long the peer may take to answer both SYN_STREAMs of a pair; it gives up an incomplete pair after the same time
/// (cri-streaming: StreamCreationTimeout).
pub const PAIR_DEADLINE: Duration = Duration::from_secs(30);

/// How long the end of the other stream is awaited once an error text has come: what the pair came to is known then, and a
/// peer that forgets an end is not waited for.
pub const END_GRACE: Duration = Duration::from_secs(1);

/// How long the end of the other stream is awaited where nothing has been said against the pair. Their ends follow each
/// other in one burst, but the network may stop between them, and the second one is what tells a failure; so without it
/// nothing is known, and the pair did not end well. A peer is found dead sooner.
pub const END_DEADLINE: Duration = Duration::from_secs(30);

/// The most of an error text that is kept, in bytes.
const ERROR_TEXT: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Pair {
    opened: Time,
    /// The number of the data stream's SYN_STREAM on the lane; the error stream's is the one before.
    opening: u64,
    data_answered: bool,
    error_answered: bool,
    local: Local,
    data_end: Option<End>,
    error_end: Option<End>,
    /// When one of the streams ended, or told more of why, if the other has not ended.
    half_ended: Option<Time>,
    text: Vec<u8>,
    /// The numbers on the lane of the first and the last DATA frame with bytes of ours, since when there are such that may
    /// not be taken yet, and how many bytes we sent.
    first_data: Option<u64>,
    last_data: Option<u64>,
    unacknowledged_since: Time,
    sent: u64,
    delivery: Delivery,
    pub(super) credit: Credit,
}

/// Our direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Local {
    Open,
    Finished,
    Stopped,
}

/// Which of a pair's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Data,
    Error,
}

/// How the peer ended a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Finished,
    Reset,
}

/// Whether what we sent was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivery {
    NothingAgainstIt,
    Awaited { seq: u64, until: Time },
    Missed,
}

/// An answer to one SYN_STREAM.
pub(super) struct Answered {
    /// The number of that SYN_STREAM on the lane, which the peer has thus taken.
    pub(super) taken: u64,
    /// Both streams are answered now.
    pub(super) complete: bool,
}

impl Pair {
    pub(super) fn new(now: Time, opening: u64) -> Self {
        Self {
            opened: now,
            opening,
            data_answered: false,
            error_answered: false,
            local: Local::Open,
            data_end: None,
            error_end: None,
            half_ended: None,
            text: Vec::new(),
            first_data: None,
            last_data: None,
            unacknowledged_since: now,
            sent: 0,
            delivery: Delivery::NothingAgainstIt,
            credit: Credit::default(),
        }
    }

    pub(super) fn may_send(&self) -> bool {
        self.local == Local::Open
    }

    pub(super) fn error_ended(&self) -> bool {
        self.error_end.is_some()
    }

    /// The number on the lane of the last DATA frame with bytes of ours.
    pub(super) fn last_data(&self) -> Option<u64> {
        self.last_data
    }

    /// An error text whose stream ends by FIN comes from a runtime that leaves early data in the worker for ever.
    pub(super) fn jams_its_lane(&self) -> bool {
        self.error_end == Some(End::Finished) && !self.text.is_empty() && self.last_data.is_some()
    }

    /// How the pair ended, once it has.
    pub(super) fn end(&self) -> Option<PairEnd> {
        let (Some(data), Some(error)) = (self.data_end, self.error_end) else {
            return None;
        };
        if matches!(self.delivery, Delivery::Awaited { .. }) {
            return None;
        }
        Some(self.conclude(data == End::Reset || error == End::Reset))
    }

    /// When the pair is overdue, and for what.
    pub(super) fn deadline(&self) -> Option<(Time, &'static str)> {
        let opening = (!self.data_answered || !self.error_answered)
            .then(|| (self.opened + PAIR_DEADLINE, "pair opening"));
        let delivery = match self.delivery {
            Delivery::Awaited { until, .. } => Some((until, "pair delivery")),
            Delivery::NothingAgainstIt | Delivery::Missed => None,
        };
        [opening, self.end_due().map(|at| (at, "pair end")), delivery]
            .into_iter()
            .flatten()
            .min()
    }

    /// Gives up what is overdue. Some: the pair is over by that.
    pub(super) fn overdue(&mut self, now: Time) -> Option<PairEnd> {
        if let Delivery::Awaited { until, .. } = self.delivery
            && until <= now
        {
            self.delivery = Delivery::Missed;
        }
        if self.end_due().is_some_and(|at| at <= now) {
            return Some(self.conclude(true));
        }
        let unanswered = !self.data_answered || !self.error_answered;
        (unanswered && self.opened + PAIR_DEADLINE <= now).then_some(PairEnd::Unanswered)
    }

    /// The peer answered the opening of one of the streams.
    pub(super) fn answered(&mut self, half: Half) -> Answered {
        let (taken, news) = match half {
            Half::Data => (self.opening, !std::mem::replace(&mut self.data_answered, true)),
            Half::Error => (
                self.opening - 1,
                !std::mem::replace(&mut self.error_answered, true),
            ),
        };
        Answered {
            taken,
            complete: news && self.data_answered && self.error_answered,
        }
    }

    /// Whether so much was sent that the pod may be the one that does not read.
    pub(super) fn sends_much(&self) -> bool {
        self.sent >= BULK
    }

    /// Whether the peer has taken its opening, and has not ended it; frames up to `acked` are taken.
    pub(super) fn is_open(&self, acked: u64) -> bool {
        self.opening <= acked && self.data_end.is_none()
    }

    /// Whether it may be the one that blocks its lane; frames up to `acked` are taken. Until the peer has taken something of it the
    /// pod may not even have answered its dial, and then a single byte is too much.
    pub(super) fn may_block(&self, acked: u64) -> bool {
        self.sends_much() || self.first_data.is_none_or(|seq| seq > acked)
    }

    /// Since when something of ours is not taken, if so; frames up to `acked` are.
    pub(super) fn waits_since(&self, acked: u64) -> Option<Time> {
        if self.last_data.is_some_and(|seq| seq > acked) {
            Some(self.unacknowledged_since)
        } else {
            (self.opening > acked || self.credit.was_blocked()).then_some(self.opened)
        }
    }

    /// A DATA frame of `bytes` is the lane's number `seq`; frames up to `acked` are taken.
    pub(super) fn data_sent(&mut self, now: Time, seq: u64, acked: u64, bytes: usize, fin: bool) {
        if bytes > 0 {
            if self.last_data.is_none_or(|last| last <= acked) {
                self.unacknowledged_since = now;
            }
            self.first_data.get_or_insert(seq);
            self.last_data = Some(seq);
            self.sent += bytes as u64;
        }
        if fin {
            self.local = Local::Finished;
        }
    }

    pub(super) fn stopped(&mut self) {
        self.local = Local::Stopped;
    }

    pub(super) fn error_text(&mut self, now: Time, text: &[u8]) {
        let room = ERROR_TEXT - self.text.len();
        self.text.extend_from_slice(&text[..text.len().min(room)]);
        self.half_ended = self.half_ended.map(|_| now);
    }

    /// The data stream ended. False if it had before.
    pub(super) fn data_ended(&mut self, now: Time, by_reset: bool) -> bool {
        if self.data_end.is_some() {
            return false;
        }
        self.data_end = Some(End::of(by_reset));
        self.half_ended(now);
        true
    }

    pub(super) fn error_stream_ended(&mut self, now: Time, by_reset: bool) {
        self.error_end = self.error_end.or_else(|| Some(End::of(by_reset)));
        self.half_ended(now);
    }

    /// Our last bytes were under way when the peer ended the pair: it is over once they are known to be taken, or are
    /// not taken by `until`.
    pub(super) fn await_delivery(&mut self, until: Time) {
        if let Some(seq) = self.last_data {
            self.delivery = Delivery::Awaited { seq, until };
        }
    }

    /// The lane's frames up to `seq` were taken. True if that is what the pair waited for.
    pub(super) fn delivered_up_to(&mut self, seq: u64) -> bool {
        match self.delivery {
            Delivery::Awaited { seq: last, .. } if last <= seq => {
                self.delivery = Delivery::NothingAgainstIt;
                true
            }
            _ => false,
        }
    }

    fn half_ended(&mut self, now: Time) {
        self.half_ended = (self.data_end.is_some() != self.error_end.is_some()).then_some(now);
        // An end is an answer, should the other one never come.
        self.data_answered = true;
        self.error_answered = true;
    }

    /// Until when the rest of a half-ended pair is awaited.
    fn end_due(&self) -> Option<Time> {
        let grace = if self.text.is_empty() {
            END_DEADLINE
        } else {
            END_GRACE
        };
        self.half_ended.map(|at| at + grace)
    }

    /// `reset`: one of the streams was reset, or has not ended.
    fn conclude(&self, reset: bool) -> PairEnd {
        if !self.text.is_empty() {
            let text = String::from_utf8_lossy(&self.text);
            return PairEnd::Failed {
                kind: FailureKind::of(&text),
                text: Untrusted::new(text),
            };
        }
        if reset {
            PairEnd::Reset
        } else {
            PairEnd::Clean {
                delivered: self.delivery != Delivery::Missed,
            }
        }
    }
}

impl End {
    fn of(by_reset: bool) -> Self {
        if by_reset { Self::Reset } else { Self::Finished }
    }
}
