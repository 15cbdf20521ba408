//! Whether the peer still lives: when to ask it, how, and when to give it up.

use std::time::Duration;

use crate::Time;

/// How long a session may be silent before it is asked for a sign of life. A WebSocket tunnel's client that is silent
/// never learns of a dead backend, and load balancers cut idle connections.
pub const KEEPALIVE: Duration = Duration::from_secs(10);

/// How long nothing may come after a sign of life was asked for, and what was sent before it is on its way.
pub const PONG_DEADLINE: Duration = Duration::from_secs(10);

/// A peer that owes a sign of life for so long, and for as long as makes a lane late, is silent: it may be dead, so nothing
/// new is entrusted to it.
const SILENT_AFTER: Duration = Duration::from_secs(2);

/// What is to be done about the peer now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Alive,
    Dead,
    Ping,
    ProbeReader,
}

/// What an answer, or none, would mean now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prospects {
    /// How long a question may take to get to the peer, behind what was sent before.
    pub(super) behind: Duration,
    /// The lane that the next PING falls to can answer it.
    pub(super) lane_answers: bool,
    /// The peer's reader answers by itself.
    pub(super) reader_answers: bool,
    /// Nothing but death explains a missing answer.
    pub(super) silence_counts: bool,
    /// How long an answer may take on this way before it is late.
    pub(super) late_after: Duration,
}

/// A question that is not answered.
#[derive(Clone, Copy, Debug)]
struct Asked {
    at: Time,
    /// How long it may take to get to the peer, behind what was sent before.
    behind: Duration,
}

#[derive(Debug)]
pub(super) struct Liveness {
    last_received: Time,
    /// When it was asked for something for the first time since anything came.
    awaited_since: Option<Time>,
    /// When something came after nothing had for long, though it was asked for.
    heard_again: Time,
    /// A sign of life was asked for and has not come.
    asked: Option<Asked>,
    ask_at: Time,
    /// The peer has answered before, so a missing answer means something.
    answers: bool,
    /// Since when nothing is read, if so.
    unread_since: Option<Time>,
    /// There is reason to believe that it may be dead, and no sign of life since.
    silent: bool,
}

impl Liveness {
    pub(super) fn new(now: Time) -> Self {
        Self {
            last_received: now,
            awaited_since: None,
            heard_again: now,
            asked: None,
            ask_at: now + KEEPALIVE,
            answers: false,
            unread_since: None,
            silent: false,
        }
    }

    pub(super) fn is_reading(&self) -> bool {
        self.unread_since.is_none()
    }

    /// Whether the peer may be dead.
    pub(super) fn is_silent(&self) -> bool {
        self.silent
    }

    /// Whether the peer was asked for a sign of life and has not given it.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// When the peer was heard again for the last time after it had not been for longer than an answer takes. Until then no
    /// answer could come, whatever it stands behind.
    pub(super) fn heard_again(&self) -> Time {
        self.heard_again
    }

    /// Something has come; an answer is late after `late_after`.
    pub(super) fn handle_received(&mut self, now: Time, late_after: Duration) {
        if self
            .awaited_since
            .take()
            .is_some_and(|since| since + late_after <= now)
        {
            self.heard_again = now;
        }
        self.last_received = now;
        self.silent = false;
    }

    pub(super) fn handle_probe_sent(&mut self, now: Time, behind: Duration) {
        self.asked.get_or_insert(Asked { at: now, behind });
        self.awaited_since.get_or_insert(now);
        self.ask_at = now + KEEPALIVE;
    }

    pub(super) fn handle_pong(&mut self) {
        self.asked = None;
        self.answers = true;
    }

    /// PINGs that fell to a stalled lane say nothing: ask the reader instead, now.
    pub(super) fn handle_lane_late(&mut self, now: Time) {
        self.asked = None;
        self.ask_at = now;
    }

    /// The connection is being read from now on, or not. Gives for how long it was not, if it is again.
    pub(super) fn handle_reading(&mut self, now: Time, reading: bool) -> Option<Duration> {
        if !reading {
            self.unread_since.get_or_insert(now);
            return None;
        }
        let since = self.unread_since.take()?;
        self.last_received = now;
        self.asked = self.asked.map(|asked| Asked { at: now, ..asked });
        Some(now.saturating_since(since))
    }

    pub(super) fn handle_wake(&mut self, now: Time, prospects: Prospects) {
        self.asked = None;
        self.last_received = now;
        self.ask_at = now;
        self.silent = self.must_answer(prospects);
    }

    /// The way to the peer may be broken: it is asked at once, unless it has been asked.
    pub(super) fn handle_doubt(&mut self, now: Time, prospects: Prospects) {
        if self.asked.is_none() {
            self.ask_at = now;
        }
        self.silent = self.must_answer(prospects);
    }

    pub(super) fn handle_timeout(&mut self, now: Time, prospects: Prospects) -> Verdict {
        if self.dead_at(prospects).is_some_and(|at| at <= now) {
            return Verdict::Dead;
        }
        self.silent |= self.silent_at(prospects).is_some_and(|at| at <= now);
        if !self.is_reading() || self.ask_at > now {
            return Verdict::Alive;
        }
        self.ask_at = now + KEEPALIVE;
        if prospects.lane_answers {
            return Verdict::Ping;
        }
        if prospects.reader_answers {
            self.handle_probe_sent(now, prospects.behind);
            return Verdict::ProbeReader;
        }
        Verdict::Alive
    }

    pub(super) fn poll_timeout(&self, prospects: Prospects) -> Option<(Time, &'static str)> {
        let ask = self.is_reading().then_some((self.ask_at, "keepalive"));
        self.dead_at(prospects)
            .map(|at| (at, "sign of life"))
            .into_iter()
            .chain(ask)
            .chain(self.silent_at(prospects).map(|at| (at, "silence")))
            .min()
    }

    fn dead_at(&self, prospects: Prospects) -> Option<Time> {
        Some(self.owed_since(prospects)? + PONG_DEADLINE)
    }

    /// When the peer is taken for silent, if it is not yet.
    fn silent_at(&self, prospects: Prospects) -> Option<Time> {
        let owed = self.owed_since(prospects).filter(|_| !self.silent)?;
        Some(owed + prospects.late_after.max(SILENT_AFTER))
    }

    /// Since when an answer is due whose absence says something.
    fn owed_since(&self, prospects: Prospects) -> Option<Time> {
        let counts = self.is_reading() && self.must_answer(prospects) && prospects.silence_counts;
        let asked = self.asked.filter(|_| counts)?;
        Some(asked.at.max(self.last_received) + asked.behind)
    }

    /// Whether the peer has answered before, or is of a kind that always does.
    fn must_answer(&self, prospects: Prospects) -> bool {
        self.answers || prospects.reader_answers
    }
}
