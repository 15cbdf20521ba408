use bytes::{BufMut, BytesMut};

use crate::spdy::StreamId;
use crate::spdy::frame::{ControlHead, FIN, FrameType};
use crate::spdy::limits::MAX_CONTROL_LENGTH;

/// The head of a zlib stream without a preset dictionary (RFC 1950 2.2).
const ZLIB_HEAD: [u8; 2] = [0x78, 0x01];

/// Bytes before the contents of a stored block: type, length, its complement (RFC 1951 3.2.4).
const STORED_HEAD: usize = 5;

/// An empty stored block. Go's inflater gives out what it has when it meets one, and only then.
const FLUSH: [u8; 5] = [0x00, 0x00, 0x00, 0xff, 0xff];

/// Writes SYN_STREAM and SYN_REPLY frames, whose header blocks share one zlib stream.
///
/// Nothing is compressed: a block is one stored block and a flush, without the preset dictionary, which every
/// inflater reads. A port-forward's headers are some sixty bytes, so there is nothing to win and much to spare:
/// the compressor, its memory for each session, and attacks on compressed secrets.
#[derive(Debug, Default)]
pub struct HeaderEncoder {
    /// Whether the zlib stream has its head.
    started: bool,
}

impl HeaderEncoder {
    /// The encoder of a new session.
    pub const fn new() -> Self {
        Self { started: false }
    }

    /// Appends a SYN_STREAM frame (SPDY/3.1 2.6.1) of the highest priority; with `fin` we send nothing more on it.
    ///
    /// Header names have to be lower case, each at most once. An empty list is legal: spdystream resets such a
    /// stream, in its worker's turn.
    ///
    /// # Panics
    ///
    /// If the headers do not fit into [`MAX_CONTROL_LENGTH`](crate::spdy::MAX_CONTROL_LENGTH).
    pub fn syn_stream(&mut self, out: &mut BytesMut, stream: StreamId, fin: bool, headers: &[(&str, &str)]) {
        // Stream, no associated stream, priority 0, slot 0.
        let mut fixed = [0; 10];
        fixed[..4].copy_from_slice(&stream.get().to_be_bytes());
        self.frame(out, FrameType::SynStream, &fixed, fin, headers);
    }

    /// Appends a SYN_REPLY frame (SPDY/3.1 2.6.2); with `fin` we send nothing more on the stream.
    ///
    /// # Panics
    ///
    /// As [`syn_stream`](Self::syn_stream) does.
    pub fn syn_reply(&mut self, out: &mut BytesMut, stream: StreamId, fin: bool, headers: &[(&str, &str)]) {
        self.frame(
            out,
            FrameType::SynReply,
            &stream.get().to_be_bytes(),
            fin,
            headers,
        );
    }

    fn frame(
        &mut self,
        out: &mut BytesMut,
        frame: FrameType,
        fixed: &[u8],
        fin: bool,
        headers: &[(&str, &str)],
    ) {
        let zlib_head: &[u8] = if self.started { &[] } else { &ZLIB_HEAD };
        let plain = 4 + headers
            .iter()
            .map(|(name, value)| 8 + name.len() + value.len())
            .sum::<usize>();
        let length = fixed.len() + zlib_head.len() + STORED_HEAD + plain + FLUSH.len();
        assert!(
            length <= MAX_CONTROL_LENGTH,
            "headers of {plain} bytes do not fit into a frame"
        );
        let stored = u16::try_from(plain).expect("a control frame is shorter than a stored block can be");

        let flags = if fin { FIN } else { 0 };
        out.put_slice(
            &ControlHead {
                frame,
                flags,
                length: length as u32,
            }
            .encode(),
        );
        out.put_slice(fixed);
        out.put_slice(zlib_head);
        out.put_u8(0);
        out.put_u16_le(stored);
        out.put_u16_le(!stored);
        out.put_u32(headers.len() as u32);
        for (name, value) in headers {
            out.put_u32(name.len() as u32);
            out.put_slice(name.as_bytes());
            out.put_u32(value.len() as u32);
            out.put_slice(value.as_bytes());
        }
        out.put_slice(&FLUSH);
        self.started = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(id: u32) -> StreamId {
        StreamId::new(id).expect("an id")
    }

    #[test]
    fn only_the_first_block_has_the_zlib_head() {
        let mut encoder = HeaderEncoder::new();
        let mut out = BytesMut::new();
        encoder.syn_reply(&mut out, stream(1), false, &[]);
        let first = [0x78, 0x01, 0, 4, 0, 0xfb, 0xff, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
        assert_eq!(out[..12], [0x80, 3, 0, 2, 0, 0, 0, 20, 0, 0, 0, 1]);
        assert_eq!(out[12..], first);

        out.clear();
        encoder.syn_reply(&mut out, stream(3), true, &[]);
        assert_eq!(out[..12], [0x80, 3, 0, 2, 1, 0, 0, 18, 0, 0, 0, 3]);
        assert_eq!(out[12..], first[2..]);
    }

    #[test]
    fn a_syn_stream_has_its_headers_in_order() {
        let mut out = BytesMut::new();
        HeaderEncoder::new().syn_stream(&mut out, stream(1), true, &[("port", "80"), ("x", "")]);
        let plain = b"\0\0\0\x02\0\0\0\x04port\0\0\0\x0280\0\0\0\x01x\0\0\0\0";
        let length = 10 + 2 + 5 + plain.len() + 5;
        assert_eq!(out[..8], [0x80, 3, 0, 1, 1, 0, 0, length as u8]);
        assert_eq!(out[8..18], [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(
            out[18..25],
            [0x78, 0x01, 0, plain.len() as u8, 0, !plain.len() as u8, 0xff]
        );
        assert_eq!(out[25..25 + plain.len()], plain[..]);
        assert_eq!(out[25 + plain.len()..], [0, 0, 0, 0xff, 0xff]);
    }

    #[test]
    #[should_panic(expected = "do not fit into a frame")]
    fn headers_that_no_frame_can_hold_are_a_mistake_of_ours() {
        let value = "x".repeat(MAX_CONTROL_LENGTH);
        HeaderEncoder::new().syn_stream(&mut BytesMut::new(), stream(1), true, &[("x", &value)]);
    }
}
