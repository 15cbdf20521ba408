use std::collections::BTreeSet;

use podline_wire::Time;

use super::PairId;

/// What can be due.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Timer {
    Dial(PairId),
    Idle,
    Linger(PairId),
    Pairing(PairId),
    /// A delayed SYN_REPLY of this lane's worker.
    Reply(u32),
}

/// The deadlines of a session.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeSet<(Time, Timer)>,
}

impl Timers {
    pub(super) fn set(&mut self, deadline: Time, timer: Timer) {
        self.due.insert((deadline, timer));
    }

    pub(super) fn stop(&mut self, deadline: Time, timer: Timer) {
        self.due.remove(&(deadline, timer));
    }

    pub(super) fn next(&self) -> Option<(Time, &'static str)> {
        self.due
            .first()
            .map(|(deadline, timer)| (*deadline, timer.name()))
    }

    /// Takes a timer that is due at `now`.
    pub(super) fn pop(&mut self, now: Time) -> Option<Timer> {
        let (deadline, timer) = *self.due.first()?;
        (deadline <= now).then(|| {
            self.due.pop_first();
            timer
        })
    }
}

impl Timer {
    fn name(self) -> &'static str {
        match self {
            Self::Dial(_) => "dial into the pod",
            Self::Idle => "idle session",
            Self::Linger(_) => "second direction of a connection",
            Self::Pairing(_) => "other stream of a pair",
            Self::Reply(_) => "delayed SYN_REPLY",
        }
    }
}
