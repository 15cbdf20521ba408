//! The sessions that a pool begins with, all at once, and who waits for them.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::Time;

use super::SessionKey;

/// How long after the first of them the others are waited for, at most. Begun in the same moment they are there in the
/// same moment; one that needs a second more has lost a packet at the least.
const TOGETHER: Duration = Duration::from_secs(1);

/// The sessions that were begun before any was ready.
#[derive(Debug, Default)]
pub(super) struct Founders {
    connecting: BTreeSet<SessionKey>,
    first_ready: Option<Time>,
}

impl Founders {
    /// Whether none was ready yet.
    pub(super) fn are_begun(&self) -> bool {
        self.first_ready.is_none()
    }

    /// How many of them are still on their way and expected soon, now that the first is there.
    pub(super) fn expected(&self, now: Time) -> usize {
        match self.first_ready {
            Some(at) if now < at + TOGETHER => self.connecting.len(),
            _ => 0,
        }
    }

    /// When they are expected no longer.
    pub(super) fn until(&self) -> Option<Time> {
        Some(self.first_ready? + TOGETHER)
    }

    pub(super) fn handle_start(&mut self, session: SessionKey) {
        if self.first_ready.is_none() {
            self.connecting.insert(session);
        }
    }

    pub(super) fn handle_ready(&mut self, now: Time, session: SessionKey) {
        self.connecting.remove(&session);
        self.first_ready.get_or_insert(now);
    }

    pub(super) fn handle_failed(&mut self, session: SessionKey) {
        self.connecting.remove(&session);
    }
}
