use std::sync::Arc;

use podline::{Outcome, Tap, Way};

use super::forward::Record;
use super::{Closed, Observed, What};
use crate::pcap::{self, Recorder};

/// The one tap of a connection, which hands on to all parts of the monitor.
pub(super) struct ConnectionTap {
    record: Arc<Record>,
    observed: Arc<Observed>,
    recorder: Option<Recorder>,
}

impl ConnectionTap {
    pub(super) fn new(record: Arc<Record>, observed: Arc<Observed>) -> Self {
        let recorder = record.recorder(observed.connection);
        Self {
            record,
            observed,
            recorder,
        }
    }
}

impl Tap for ConnectionTap {
    fn opened(&mut self, way: &Way) {
        self.observed.handle_opened(way);
        if let Some(recorder) = &mut self.recorder {
            recorder.opened(way, pcap::now());
        }
        let connection = self.observed.connection;
        self.record.tell(|| What::Opened {
            connection,
            way: way.clone(),
        });
    }

    fn sent(&mut self, bytes: &[u8]) {
        self.observed.handle_sent(bytes.len());
        if let Some(recorder) = &mut self.recorder {
            recorder.sent(bytes, pcap::now());
        }
    }

    fn received(&mut self, bytes: &[u8]) {
        self.observed.handle_received(bytes.len());
        if let Some(recorder) = &mut self.recorder {
            recorder.received(bytes, pcap::now());
        }
    }

    fn sent_all(&mut self) {
        self.observed.handle_sent_all();
        if let Some(recorder) = &mut self.recorder {
            recorder.sent_all(pcap::now());
        }
    }

    fn ended(&mut self, outcome: &Outcome) {
        if let Some(recorder) = &mut self.recorder {
            recorder.ended(outcome, pcap::now());
        }
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
