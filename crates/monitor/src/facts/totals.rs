use std::collections::BTreeMap;

use super::{Closed, FirstBytes};

/// Sums over the connections of a forward that are over, and a count of all.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Totals {
    /// Connections that were accepted.
    pub accepted: u64,
    /// Connections that are over, by [`podline::End::name`].
    pub ended: BTreeMap<&'static str, u64>,
    /// How long the first byte of the pod took, of those that are over and had one.
    pub first_bytes: FirstBytes,
    /// Bytes that apps sent.
    pub sent: u64,
    /// Bytes that apps received.
    pub received: u64,
}

impl Totals {
    /// Connections that are over.
    pub fn closed(&self) -> u64 {
        self.ended.values().sum()
    }

    pub(super) fn handle_closed(&mut self, closed: &Closed) {
        *self.ended.entry(closed.outcome.end.name()).or_default() += 1;
        if let Some(waited) = closed.first_byte {
            self.first_bytes.handle(waited);
        }
        self.sent += closed.outcome.sent;
        self.received += closed.outcome.received;
    }
}
