//! What the pool asks of a session, and tells it.

use podline_wire::Time;
use podline_wire::pool::{Health, Report};
use podline_wire::session::Peer;

use crate::SessionError;

use super::Core;

/// How a session is to be ended by us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// At once: nothing uses it.
    Now,
    /// Once the ends of its pairs have been answered, or at the time given.
    Until(Time),
}

impl Core {
    /// Ends the session: its pairs by reset, then the connection.
    pub(crate) fn close(&mut self, closing: Closing) {
        if self.closing.is_some() {
            return;
        }
        self.closing = Some(closing);
        self.end_all(&SessionError::ShutDown);
        let now = self.clock.now();
        for pair in self.pairs.keys().copied().collect::<Vec<_>>() {
            self.outbox.purge(pair);
            self.wire.reset(now, pair);
        }
        self.collect();
        self.wake_driver();
    }

    pub(crate) fn report(&mut self) -> (Report, usize) {
        let report = Report {
            clean: self.wire.is_clean(),
            free_lanes: self.wire.free_lanes(),
            health: self.health(),
            open: self.wire.open_pairs(),
            pairs: self.wire.pairs(),
            retired: self.wire.is_retired() || self.closing.is_some() || self.lost.is_some(),
            shared_room: self.wire.shared_room(),
            tails: self.wire.has_tails(),
        };
        (report, std::mem::take(&mut self.settled))
    }

    /// Asks the peer what it is.
    pub(crate) fn prove(&mut self) {
        self.wire.prove();
        self.collect();
        self.wake_driver();
    }

    /// Another session found out what the peer is.
    pub(crate) fn handle_peer_known(&mut self, peer: Peer) {
        self.wire.handle_peer_known(peer);
        self.wake_driver();
    }

    /// The machine slept: the peer is asked for a sign of life at once.
    pub(crate) fn handle_wake(&mut self) {
        self.wire.handle_wake(self.clock.now());
        self.handle_asked();
    }

    /// Another session to the same pod was found dead: the peer is asked for a sign of life at once.
    pub(crate) fn handle_doubt(&mut self) {
        self.wire.handle_doubt(self.clock.now());
        self.handle_asked();
    }

    fn handle_asked(&mut self) {
        self.handle_events();
        self.collect();
        self.wake_driver();
    }

    fn health(&self) -> Health {
        if !self.reading {
            Health::Paused
        } else if self.wire.is_late() {
            Health::Late
        } else if self.wire.is_fast() {
            Health::Fast
        } else {
            Health::Well
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::BytesMut;

    use crate::clock::Clock;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_is_not_known_is_asked_for_a_sign_of_life_at_once() {
        let mut core = Core::new(Clock::new(), None, Duration::from_secs(5));
        let mut batch: Vec<BytesMut> = Vec::new();
        core.outbox.take_batch(&mut batch);
        assert_eq!(batch[0][..4], [0x80, 0x03, 0x00, 0x06]);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_sleep_the_peer_is_asked_for_a_sign_of_life_at_once() {
        let mut core = Core::new(Clock::new(), Some(Peer::Spdystream), Duration::from_secs(5));
        assert_eq!(core.outbox.take_batch(&mut Vec::new()), 0);
        core.handle_wake();
        let mut batch: Vec<BytesMut> = Vec::new();
        core.outbox.take_batch(&mut batch);
        // A SPDY control frame of type 6, PING.
        assert_eq!(batch[0][..4], [0x80, 0x03, 0x00, 0x06]);
    }
}
