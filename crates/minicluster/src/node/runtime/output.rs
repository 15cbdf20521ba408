use bytes::{BufMut, Bytes, BytesMut};
use podline_wire::spdy::{
    GoAwayStatus, HeaderEncoder, ResetStatus, StreamId, data_head, go_away, ping, reset,
};

use super::{COPY_BUFFER, Flavor, OUTPUT_FULL, OUTPUT_OVERFULL};

/// A SYN_REPLY's head up to its length: version 3, type 2, no flags.
const SYN_REPLY: [u8; 5] = [0x80, 0x03, 0x00, 0x02, 0x00];

/// The empty header list as Go's zlib writes it with the preset dictionary: at the start of the stream, and later.
const FIRST_BLOCK: [u8; 16] = [
    0x78, 0xf9, 0xe3, 0xc6, 0xa7, 0xc2, 0x62, 0x60, 0x60, 0x60, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff,
];
const LATER_BLOCK: [u8; 8] = [0x02, 0x61, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff];

/// Frames that wait to be sent.
#[derive(Debug)]
pub(super) struct Output {
    bytes: BytesMut,
    replies: Replies,
    closed: bool,
}

/// How the empty header list of a SYN_REPLY is written.
#[derive(Debug)]
enum Replies {
    Go { first: bool },
    Stored(HeaderEncoder),
}

impl Output {
    pub(super) fn new(flavor: Flavor) -> Self {
        let replies = if flavor.has_workers() {
            Replies::Go { first: true }
        } else {
            Replies::Stored(HeaderEncoder::new())
        };
        Self {
            bytes: BytesMut::new(),
            replies,
            closed: false,
        }
    }

    /// Whether writers have to wait. Writing to a lost connection fails at once instead.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= OUTPUT_FULL
    }

    pub(super) fn is_overfull(&self) -> bool {
        self.bytes.len() >= OUTPUT_OVERFULL
    }

    /// Whether what is written goes nowhere.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// The connection is lost.
    pub(super) fn close(&mut self) {
        self.bytes.clear();
        self.closed = true;
    }

    /// The connection ends after what was written so far.
    pub(super) fn finish(&mut self) {
        self.closed = true;
    }

    pub(super) fn take(&mut self, limit: usize) -> Option<Bytes> {
        let length = self.bytes.len().min(limit);
        (length > 0).then(|| self.bytes.split_to(length).freeze())
    }

    pub(super) fn data(&mut self, stream: StreamId, payload: &[u8], fin: bool) {
        debug_assert!(payload.len() <= COPY_BUFFER, "pods are read by the copy buffer");
        if !self.closed {
            self.bytes.put_slice(&data_head(stream, payload.len(), fin));
            self.bytes.put_slice(payload);
        }
    }

    pub(super) fn syn_reply(&mut self, stream: StreamId) {
        if self.closed {
            return;
        }
        match &mut self.replies {
            Replies::Go { first } => {
                let block: &[u8] = if std::mem::take(first) {
                    &FIRST_BLOCK
                } else {
                    &LATER_BLOCK
                };
                self.bytes.put_slice(&SYN_REPLY);
                self.bytes.put_uint(4 + block.len() as u64, 3);
                self.bytes.put_u32(stream.get());
                self.bytes.put_slice(block);
            }
            Replies::Stored(encoder) => encoder.syn_reply(&mut self.bytes, stream, false, &[]),
        }
    }

    pub(super) fn reset(&mut self, stream: StreamId, status: ResetStatus) {
        self.put(&reset(stream, status));
    }

    pub(super) fn ping(&mut self, id: u32) {
        self.put(&ping(id));
    }

    pub(super) fn go_away(&mut self, last: u32, status: GoAwayStatus) {
        self.put(&go_away(last, status));
    }

    fn put(&mut self, frame: &[u8]) {
        if !self.closed {
            self.bytes.put_slice(frame);
        }
    }
}
