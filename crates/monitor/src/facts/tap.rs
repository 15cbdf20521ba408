use std::sync::Arc;

use podline::{Outcome, Tap, Way};

use super::forward::Record;
use super::{Closed, Observed, What};

/// The one tap of a connection, which hands on to all parts of the monitor.
pub(super) struct ConnectionTap {
    record: Arc<Record>,
    observed: Arc<Observed>,
}

impl ConnectionTap {
    pub(super) fn new(record: Arc<Record>, observed: Arc<Observed>) -> Self {
        Self { record, observed }
    }
}

impl Tap for ConnectionTap {
    fn opened(&mut self, way: &Way) {
        self.observed.handle_opened(way);
        let connection = self.observed.connection;
        self.record.tell(|| What::Opened {
            connection,
            way: way.clone(),
        });
    }

    fn sent(&mut self, bytes: &[u8]) {
        self.observed.handle_sent(bytes.len());
    }

    fn received(&mut self, bytes: &[u8]) {
        self.observed.handle_received(bytes.len());
    }

    fn sent_all(&mut self) {
        self.observed.handle_sent_all();
    }

    fn ended(&mut self, outcome: &Outcome) {
        let closed = Closed {
            connection: self.observed.connection,
            way: self.observed.way(),
            outcome: outcome.clone(),
            first_byte: self.observed.first_byte(),
        };
        self.record.handle_closed(&self.observed, &closed);
        self.record.tell(|| What::Closed(Box::new(closed)));
    }
}
