//! What has to be seen to now and then: how many sessions are kept ready, and that they are fresh.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::super::floors::{Demand, QUIET_AFTER};
use super::Supervisor;

/// Idle sessions are replaced so long before credentials expire; those are renewed by then.
const RENEWAL: Duration = Duration::from_secs(25);

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
        let expiry = self.shared.cluster.credentials_expiry();
        let is_near = |expiry: &SystemTime| {
            let left = expiry.duration_since(SystemTime::now());
            left.is_ok_and(|left| left < RENEWAL)
        };
        if let Some(expiry) = expiry.filter(is_near)
            && self.renewed_for != Some(expiry)
        {
            self.renewed_for = Some(expiry);
            self.roster.renew_sessions();
            self.publish();
        } else {
            self.spread();
        }
    }
}
