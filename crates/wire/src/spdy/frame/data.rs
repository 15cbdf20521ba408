use crate::spdy::StreamId;
use crate::spdy::limits::{HEAD_LENGTH, MAX_FRAME_LENGTH};

use super::head::FIN;

/// The head of a DATA frame (SPDY/3.1 2.2.2), to be followed by `length` bytes.
///
/// # Panics
///
/// If `length` is above [`MAX_FRAME_LENGTH`](crate::spdy::MAX_FRAME_LENGTH).
pub fn data_head(stream: StreamId, length: usize, fin: bool) -> [u8; HEAD_LENGTH] {
    assert!(length <= MAX_FRAME_LENGTH, "a frame cannot carry {length} bytes");
    let [a, b, c, d] = stream.get().to_be_bytes();
    let [_, x, y, z] = (length as u32).to_be_bytes();
    [a, b, c, d, if fin { FIN } else { 0 }, x, y, z]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_stream_flags_and_length() {
        let stream = StreamId::new(0x0102_0304).expect("31 bits");
        assert_eq!(data_head(stream, 0x05_06_07, false), [1, 2, 3, 4, 0, 5, 6, 7]);
        assert_eq!(data_head(stream, 0, true), [1, 2, 3, 4, 1, 0, 0, 0]);
        assert_eq!(data_head(stream, MAX_FRAME_LENGTH, false)[5..], [0xff; 3]);
    }

    #[test]
    #[should_panic(expected = "cannot carry 16777216 bytes")]
    fn more_than_24_bits_of_length_cannot_be_said() {
        let stream = StreamId::new(1).expect("31 bits");
        let _ = data_head(stream, MAX_FRAME_LENGTH + 1, false);
    }
}
