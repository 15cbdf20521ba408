//! What a session has to send, in order, until it is handed to the connection.

use std::collections::VecDeque;

use bytes::BytesMut;
use podline_wire::session::PairId;

use crate::spares;

/// Senders wait while more bytes than this are queued. Enough to keep the connection busy between two looks at it,
/// small enough that a reset does not wait behind much.
const LIMIT: usize = 256 * 1024;

/// Bytes handed over at once.
const BATCH: usize = 256 * 1024;

/// Frames to be sent, in order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    segments: VecDeque<Segment>,
    bytes: usize,
}

#[derive(Debug)]
struct Segment {
    /// Whose DATA frame this is; None for control frames.
    pair: Option<PairId>,
    frame: BytesMut,
}

impl Outbox {
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= LIMIT
    }

    /// Whether senders that wait may go on; below the limit, so that they do not go on one at a time.
    pub(super) fn has_room_again(&self) -> bool {
        self.bytes <= LIMIT / 2
    }

    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    pub(super) fn push_control(&mut self, frames: BytesMut) {
        if !frames.is_empty() {
            self.push(None, frames);
        }
    }

    pub(super) fn push_data(&mut self, pair: PairId, frame: BytesMut) {
        self.push(Some(pair), frame);
    }

    /// Drops the DATA of `pair` that was not handed over; tells whether there was any.
    pub(super) fn purge(&mut self, pair: PairId) -> bool {
        let before = self.segments.len();
        self.segments.retain(|segment| segment.pair != Some(pair));
        self.bytes = self.segments.iter().map(|segment| segment.frame.len()).sum();
        self.segments.len() < before
    }

    /// Takes the next frames, whole, as parts to be written one behind the other.
    pub(super) fn take_batch(&mut self, batch: &mut Vec<BytesMut>) -> usize {
        let mut taken = 0;
        while let Some(segment) = self.segments.pop_front_if(|_| taken < BATCH) {
            taken += segment.frame.len();
            batch.push(segment.frame);
        }
        self.bytes -= taken;
        taken
    }

    fn push(&mut self, pair: Option<PairId>, frame: BytesMut) {
        self.bytes += frame.len();
        self.segments.push_back(Segment { pair, frame });
    }
}

/// A batch on its way into the connection.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    parts: VecDeque<BytesMut>,
    /// What of the first part is written.
    written: usize,
}

impl Outgoing {
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub(super) fn push(&mut self, part: BytesMut) {
        if !part.is_empty() {
            self.parts.push_back(part);
        }
    }

    /// As many of the parts as `slices` holds.
    pub(super) fn slices<'a>(&'a self, slices: &mut [std::io::IoSlice<'a>]) -> usize {
        let mut count = 0;
        let mut skipped = self.written;
        for (slice, part) in slices.iter_mut().zip(&self.parts) {
            *slice = std::io::IoSlice::new(&part[std::mem::take(&mut skipped)..]);
            count += 1;
        }
        count
    }

    pub(super) fn advance(&mut self, written: usize) {
        self.written += written;
        while let Some(part) = self.parts.pop_front_if(|part| part.len() <= self.written) {
            self.written -= part.len();
            spares::give_back(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What would be written, in pieces of `step` bytes.
    fn written(parts: &[&[u8]], step: usize) -> Vec<u8> {
        let mut outgoing = Outgoing::default();
        for part in parts {
            outgoing.push(BytesMut::from(*part));
        }
        let mut all = Vec::new();
        while !outgoing.is_empty() {
            let mut slices = [std::io::IoSlice::new(&[]); 3];
            let count = outgoing.slices(&mut slices);
            let bytes: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
            let taken = step.min(bytes.len());
            all.extend_from_slice(&bytes[..taken]);
            outgoing.advance(taken);
        }
        all
    }

    #[test]
    fn every_byte_is_written_once_however_much_each_write_takes() {
        for step in 1..12 {
            assert_eq!(written(&[b"abc", b"", b"d", b"efgh", b"ij"], step), b"abcdefghij");
        }
    }
}
