//! A connection's near end: a program that writes, reads and ends.

use std::time::Duration;

use podline_wire::Time;

use crate::{facts::Facts, pattern};

/// What an app does with its connection.
#[derive(Clone, Debug)]
pub(crate) struct AppPlan {
    /// When it asks for a connection.
    pub(crate) starts: Time,
    pub(crate) writes: AppWrites,
    /// Reads nothing for the second duration, the first one after the opening.
    pub(crate) pause: Option<(Duration, Duration)>,
    pub(crate) end: AppEnd,
    /// What comes back is the pod's own, not what was sent.
    pub(crate) source: bool,
    /// Its last bytes and its end are one.
    pub(crate) end_with_bytes: bool,
    /// The longest time between a question and the whole answer.
    pub(crate) patience: Duration,
}

/// What an app writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AppWrites {
    /// All of it as fast as it is taken, so much at a time.
    Bulk { total: u64, chunk: usize },
    /// A question, then nothing until it came back whole.
    Rounds {
        count: u64,
        size: usize,
        every: Duration,
    },
}

/// When an app ends its direction, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AppEnd {
    /// In order, once everything is sent.
    Sent,
    /// In order, once so many bytes came.
    Received(u64),
    /// In order, so long after the opening.
    After(Duration),
    /// By reset, so long after the opening.
    Reset(Duration),
    /// Not before the pod does.
    Never,
}

/// What an app wants now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Finish,
    Nothing,
    Reset,
    Write { length: usize, fin: bool },
}

/// One app.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) plan: AppPlan,
    opened: Time,
    /// Bytes read by the program.
    consumed: u64,
    /// When the question was ready that has no answer yet.
    asked: Option<Time>,
    next_round: Time,
    rounds: u64,
    /// The session gave no allowance: nothing is asked until it says so.
    pub(crate) blocked: bool,
    /// Time in which no answer can be expected, so far.
    excused: Duration,
    /// The longest that an answer took.
    pub(crate) slowest: Duration,
}

impl App {
    pub(crate) fn new(plan: AppPlan) -> Self {
        Self {
            plan,
            opened: Time::ZERO,
            consumed: 0,
            asked: None,
            next_round: Time::ZERO,
            rounds: 0,
            blocked: false,
            excused: Duration::ZERO,
            slowest: Duration::ZERO,
        }
    }

    pub(crate) fn open(&mut self, now: Time) {
        self.opened = now;
        self.next_round = now;
    }

    /// The stream that comes back.
    pub(crate) fn stream(&self, connection: usize) -> u64 {
        if self.plan.source {
            pattern::downstream(connection)
        } else {
            pattern::upstream(connection)
        }
    }

    /// Bytes that it has to send.
    pub(crate) fn total(&self) -> u64 {
        match self.plan.writes {
            AppWrites::Bulk { total, .. } => total,
            AppWrites::Rounds { count, size, .. } => count * size as u64,
        }
    }

    /// Whether it reads now.
    pub(crate) fn reads(&self, now: Time) -> bool {
        self.plan
            .pause
            .is_none_or(|(from, time)| now < self.opened + from || now >= self.opened + from + time)
    }

    /// Reads what came; gives how much of it was new.
    pub(crate) fn read(&mut self, now: Time, facts: &Facts) -> Result<u64, String> {
        let new = facts.received - self.consumed;
        self.consumed = facts.received;
        if let Some(asked) = self.asked
            && self.consumed == facts.sent
        {
            self.asked = None;
            self.check(now, asked)?;
            let AppWrites::Rounds { every, .. } = self.plan.writes else {
                return Ok(new);
            };
            self.next_round = now + every;
        }
        Ok(new)
    }

    /// Nothing could be answered for so long.
    pub(crate) fn excuse(&mut self, time: Duration) {
        if self.asked.is_some() {
            self.excused += time;
        }
    }

    /// Whether an answer is overdue.
    pub(crate) fn check_overdue(&mut self, now: Time) -> Result<(), String> {
        match self.asked {
            Some(asked) => self.check(now, asked),
            None => Ok(()),
        }
    }

    /// From now on pods end where they are, and answers need not come.
    pub(crate) fn relax(&mut self) {
        self.plan.patience = Duration::MAX;
    }

    /// The connection is over: nobody waits for an answer any more.
    pub(crate) fn end(&mut self) {
        self.asked = None;
    }

    pub(crate) fn wish(&mut self, now: Time, facts: &Facts) -> Wish {
        if let AppEnd::Reset(time) = self.plan.end
            && self.opened + time <= now
        {
            return Wish::Reset;
        }
        if facts.finished.is_some() || facts.stopped.is_some() {
            return Wish::Nothing;
        }
        let left = self.total() - facts.sent;
        let due = match self.plan.end {
            AppEnd::Sent => left == 0,
            AppEnd::Received(bytes) => self.consumed >= bytes,
            AppEnd::After(time) => self.opened + time <= now,
            AppEnd::Reset(_) | AppEnd::Never => false,
        };
        if due {
            return Wish::Finish;
        }
        if left == 0 || self.blocked {
            return Wish::Nothing;
        }
        match self.plan.writes {
            AppWrites::Bulk { chunk, .. } => {
                let length = chunk.min(usize::try_from(left).unwrap_or(usize::MAX));
                let last = length as u64 == left && matches!(self.plan.end, AppEnd::Sent);
                Wish::Write {
                    length,
                    fin: last && self.plan.end_with_bytes,
                }
            }
            AppWrites::Rounds { size, .. } => {
                if self.next_round > now
                    || facts.sent == (self.rounds + 1) * size as u64 && self.asked.is_some()
                {
                    return Wish::Nothing;
                }
                if self.asked.is_none() {
                    self.asked = Some(now);
                    self.excused = Duration::ZERO;
                    self.rounds = facts.sent / size as u64;
                }
                let whole = (self.rounds + 1) * size as u64;
                Wish::Write {
                    length: (whole - facts.sent) as usize,
                    fin: false,
                }
            }
        }
    }

    /// When it wants something by itself.
    pub(crate) fn next(&self, now: Time) -> Option<Time> {
        let end = match self.plan.end {
            AppEnd::After(time) | AppEnd::Reset(time) => Some(self.opened + time),
            AppEnd::Sent | AppEnd::Received(_) | AppEnd::Never => None,
        };
        let pause = self
            .plan
            .pause
            .map(|(from, time)| [self.opened + from, self.opened + from + time]);
        pause
            .into_iter()
            .flatten()
            .chain(end)
            .chain([self.next_round])
            .filter(|at| *at > now)
            .min()
    }

    fn check(&mut self, now: Time, asked: Time) -> Result<(), String> {
        let took = now.saturating_since(asked).saturating_sub(self.excused);
        self.slowest = self.slowest.max(took);
        if took > self.plan.patience {
            return Err(format!(
                "an answer took {took:?}, and {:?} is the most that it may",
                self.plan.patience
            ));
        }
        Ok(())
    }
}
