//! The sessions that a pool begins with, all at once, and who waits for them.

use std::time::Duration;

use crate::Time;

use super::SessionKey;

/// How long after the first of them the others are waited for, at most. Begun in the same moment they are there in the
/// same moment; one that needs a second more has lost a packet at the least.
const TOGETHER: Duration = Duration::from_secs(1);

/// Which sessions were begun before any was ready.
#[derive(Debug, Default)]
pub(super) struct Founders {
    /// When the first of them was ready, and the last key that was given until then.
    first_ready: Option<(Time, SessionKey)>,
}

impl Founders {
    /// Whether none was ready yet.
    pub(super) fn are_begun(&self) -> bool {
        self.first_ready.is_none()
    }

    /// Up to which key those that are still on their way are expected soon, now that the first is there.
    pub(super) fn expected(&self, now: Time) -> Option<SessionKey> {
        let (at, last) = self.first_ready?;
        (now < at + TOGETHER).then_some(last)
    }

    /// When they are expected no longer.
    pub(super) fn until(&self) -> Option<Time> {
        self.first_ready.map(|(at, _)| at + TOGETHER)
    }

    /// A session is ready; keys up to `last` were given.
    pub(super) fn handle_ready(&mut self, now: Time, last: SessionKey) {
        self.first_ready.get_or_insert((now, last));
    }
}
