use crate::spdy::PeerMisbehaved;

use super::head::{FIN, stream_id};
use super::{Frame, FrameType, number};

/// Bytes before the header block: stream, associated stream, priority, slot.
pub(super) const FIXED: usize = 10;

const UNIDIRECTIONAL: u8 = 0x02;

/// Reads a SYN_STREAM frame (SPDY/3.1 2.6.1). `kept` ends after the fixed part where the block is not wanted.
pub(super) fn load(flags: u8, kept: &[u8]) -> Result<Frame<'static>, PeerMisbehaved> {
    Ok(Frame::SynStream {
        stream: stream_id(FrameType::SynStream, number(kept))?,
        fin: flags & FIN != 0,
        unidirectional: flags & UNIDIRECTIONAL != 0,
        priority: kept[8] >> 5,
        block: kept[FIXED..].to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spdy::StreamId;

    #[test]
    fn flags_and_priority_are_read() {
        let payload = [0, 0, 0, 1, 0, 0, 0, 0, 0xff, 0, b'x'];
        let frame = Frame::SynStream {
            stream: StreamId::new(1).expect("31 bits"),
            fin: false,
            unidirectional: true,
            priority: 7,
            block: vec![b'x'],
        };
        assert_eq!(load(UNIDIRECTIONAL, &payload), Ok(frame));
    }
}
