//! What has to be seen to now and then: how many sessions are kept ready.

use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::super::floors::{Demand, QUIET_AFTER};
use super::Supervisor;

impl Supervisor {
    /// Keeps the right number of sessions ready with each pod.
    pub(super) fn spread(&self) {
        let demand = Demand {
            balance: self.roster.balance,
            forwards: self.share.forwards(),
            is_quiet: self.last_turn.1.elapsed() >= QUIET_AFTER,
            pods: self.routes.len(),
            next: self.shared.turn.load(Ordering::Relaxed),
        };
        for (place, route) in self.routes.iter().enumerate() {
            route.sessions.set_floor(demand.floor(place), &self.shared);
        }
    }

    pub(super) fn keep_up(&mut self) {
        let turn = self.shared.turn.load(Ordering::Relaxed);
        if turn != self.last_turn.0 {
            self.last_turn = (turn, Instant::now());
        }
        self.spread();
    }
}
