//! Bytes on their way to the peer, as far as its answers tell.

use std::time::Duration;

/// The slowest link on which an answer is waited for behind our own bytes, in bytes a second.
const SLOWEST_LINK: u64 = 32 * 1024;

/// However much is under way, an answer is not waited for longer on its account.
const LONGEST_EXTRA: Duration = Duration::from_secs(30);

/// DATA bytes sent and not known to have arrived. What is sent leaves in order, so the answer to a fence tells that
/// everything before it, of whatever lane, has arrived.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    sent: u64,
    arrived: u64,
}

impl InFlight {
    pub(super) fn handle_sent(&mut self, length: usize) {
        self.sent += length as u64;
    }

    /// The first `sent` bytes have arrived.
    pub(super) fn handle_arrived(&mut self, sent: u64) {
        self.arrived = self.arrived.max(sent);
    }

    /// All bytes sent so far.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether nothing is known to be under way.
    pub(super) fn is_empty(&self) -> bool {
        self.sent == self.arrived
    }

    /// How long a slow link may take until it has sent them all.
    pub(super) fn slowest(&self) -> Duration {
        let millis = (self.sent - self.arrived).saturating_mul(1000) / SLOWEST_LINK;
        Duration::from_millis(millis).min(LONGEST_EXTRA)
    }
}
