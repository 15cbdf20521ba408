//! What has to be seen to now and then: how many sessions are kept ready.

use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::super::floors::{Demand, QUIET_AFTER};
use super::Supervisor;

impl Supervisor {
    /// Keeps the right number of sessions ready with each pod.
    pub(super) fn spread(&self) {
        let demand = self.demand(self.routes.len());
        for (place, route) in self.routes.iter().enumerate() {
            route.sessions.set_floor(demand.floor(place), &self.shared);
        }
    }

    /// What the number of sessions depends on, with so many pods.
    pub(super) fn demand(&self, pods: usize) -> Demand {
        Demand {
            balance: self.roster.balance,
            forwards: self.share.forwards(),
            is_quiet: self.last_turn.1.elapsed() >= QUIET_AFTER,
            pods,
            next: self.shared.turn.load(Ordering::Relaxed),
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
