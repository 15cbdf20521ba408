//! What the apps send, on its way into the network.

use bytes::BytesMut;
use podline_wire::{
    Time,
    session::{LARGEST_FRAME, PairId},
};

use super::{Client, Segment};
use crate::{
    app::{App, Wish},
    facts::{End, Facts},
    network::Direction,
    pattern,
};

/// Apps wait while more bytes than this are to be sent.
const OUTBOX: usize = 256 * 1024;

/// Bytes handed over at once.
const BATCH: usize = 256 * 1024;

/// Control frames that may wait beside.
const CONTROL: usize = 16 * 1024;

impl Client {
    pub(super) fn run_app(
        &mut self,
        now: Time,
        pair: PairId,
        app: &mut App,
        connection: usize,
        facts: &mut Facts,
    ) -> bool {
        let mut progress = false;
        loop {
            match app.wish(now, facts) {
                Wish::Nothing => return progress,
                Wish::Finish => {
                    self.session.finish(now, pair);
                    self.collect();
                    facts.finished = Some(now);
                }
                Wish::Reset => {
                    facts.sent -= self.purge(pair);
                    self.session.reset(now, pair);
                    self.collect();
                    self.pairs.remove(&pair);
                    self.waiting.remove(&pair);
                    self.backlog.remove(pair);
                    app.end();
                    facts.aborted = Some(now);
                    facts.ended = Some(now);
                    facts.end = Some(End::Aborted);
                    return true;
                }
                Wish::Write { length, fin } => {
                    if self.outbox_bytes >= OUTBOX {
                        return progress;
                    }
                    let allowed = self.session.allowance(pair);
                    if allowed == 0 {
                        app.blocked = true;
                        return progress;
                    }
                    let length = length.min(allowed);
                    let fin = fin && facts.sent + length as u64 == app.total();
                    self.send(now, pair, connection, length, fin, facts);
                }
            }
            progress = true;
        }
    }

    pub(super) fn send(
        &mut self,
        now: Time,
        pair: PairId,
        connection: usize,
        length: usize,
        fin: bool,
        facts: &mut Facts,
    ) {
        self.collect();
        let Some(head) = self.session.data_head(now, pair, length, fin) else {
            return;
        };
        let mut bytes = BytesMut::from(&head[..]);
        bytes.extend_from_slice(&pattern::bytes(pattern::upstream(connection), facts.sent, length));
        facts.sent += length as u64;
        if fin {
            facts.finished = Some(now);
        }
        self.outbox_bytes += bytes.len();
        self.outbox.push_back(Segment {
            pair: Some(pair),
            bytes,
            payload: length as u64,
        });
        self.collect();
    }

    /// Drops what was not handed over of a pair; gives the payload bytes of it.
    pub(super) fn purge(&mut self, pair: PairId) -> u64 {
        let of_pair = |segment: &&Segment| segment.pair == Some(pair);
        let dropped = self
            .outbox
            .iter()
            .filter(of_pair)
            .map(|segment| segment.payload)
            .sum();
        self.outbox.retain(|segment| segment.pair != Some(pair));
        self.outbox_bytes = self.outbox.iter().map(|segment| segment.bytes.len()).sum();
        dropped
    }

    pub(super) fn collect(&mut self) {
        let bytes = self.session.take_output();
        if !bytes.is_empty() {
            self.outbox_bytes += bytes.len();
            self.outbox.push_back(Segment {
                pair: None,
                bytes,
                payload: 0,
            });
        }
    }

    pub(super) fn transmit(&mut self, now: Time, up: &mut Direction) -> bool {
        let mut progress = false;
        loop {
            if self.outgoing.is_empty() {
                let mut batch = BytesMut::new();
                while let Some(segment) = self.outbox.pop_front_if(|_| batch.len() < BATCH) {
                    batch.extend_from_slice(&segment.bytes);
                }
                self.outbox_bytes -= batch.len();
                if batch.is_empty() {
                    return progress;
                }
                if let Some(trace) = &mut self.trace {
                    trace.sent(now, &batch);
                }
                self.framing.wrap(&batch, &mut self.outgoing);
            }
            let sent = up.send(now, &self.outgoing);
            let _sent = self.outgoing.split_to(sent);
            progress |= sent > 0;
            if !self.outgoing.is_empty() {
                return progress;
            }
        }
    }

    pub(super) fn check_bounds(&self) -> Result<(), String> {
        let most = OUTBOX + LARGEST_FRAME + CONTROL;
        if self.outbox_bytes > most {
            return Err(format!(
                "{} bytes wait to be sent, at most {most} may",
                self.outbox_bytes
            ));
        }
        Ok(())
    }
}
