use std::io::IoSlice;
use std::sync::Arc;

use podline::{Outcome, Tap, Way};
use podline_wire::Time;

use super::forward::Record;
use super::{Closed, Exchanged, Observed, What};
use crate::http::{Dissector, Finding};
use crate::pcap::{self, Recorder};

/// The one tap of a connection, which hands on to all parts of the monitor.
pub(super) struct ConnectionTap {
    record: Arc<Record>,
    observed: Arc<Observed>,
    recorder: Option<Recorder>,
    /// As long as it has something to find.
    dissector: Option<Dissector>,
}

impl ConnectionTap {
    pub(super) fn new(record: Arc<Record>, observed: Arc<Observed>) -> Self {
        let recorder = record.recorder(observed.connection);
        let dissector = record.show_query().map(Dissector::new);
        Self {
            record,
            observed,
            recorder,
            dissector,
        }
    }

    /// Hands something to the dissector and tells what it finds.
    fn dissect(&mut self, hand: impl FnOnce(&mut Dissector, Time)) {
        let Some(dissector) = &mut self.dissector else {
            return;
        };
        hand(dissector, self.observed.time());
        while let Some(finding) = dissector.poll() {
            self.record.tell_found(&self.observed, finding);
        }
        if dissector.is_done() {
            self.dissector = None;
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
        self.dissect(|dissector, now| dissector.sent(bytes, now));
    }

    fn received(&mut self, bytes: &[u8]) {
        self.received_parts(&[IoSlice::new(bytes)], bytes.len());
    }

    fn received_parts(&mut self, parts: &[IoSlice<'_>], length: usize) {
        self.observed.handle_received(length);
        if let Some(recorder) = &mut self.recorder {
            recorder.received(parts, pcap::now());
        }
        self.dissect(|dissector, now| {
            for part in parts {
                dissector.received(part, now);
            }
        });
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
        self.dissect(|dissector, now| dissector.ended(outcome, now));
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

impl Record {
    /// Tells something that was found on a connection.
    fn tell_found(&self, observed: &Observed, finding: Finding) {
        let connection = observed.connection;
        match finding {
            Finding::Exchange(exchange) => self.tell(|| {
                What::Exchanged(Box::new(Exchanged {
                    connection,
                    started: observed.at(exchange.started),
                    exchange: *exchange,
                }))
            }),
            Finding::Recognised(protocol) => {
                observed.handle_recognised(&protocol);
                self.tell(|| What::Recognised { connection, protocol });
            }
            Finding::Skipped(exchanges) => self.tell(|| What::Overlooked {
                connection,
                exchanges,
            }),
        }
    }
}
