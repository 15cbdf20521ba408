use crate::spdy::PeerMisbehaved;

use super::head::stream_id;
use super::{Frame, FrameType, number};

/// spdystream's empty header list at the start of its zlib stream: zlib head, dictionary id, four zero bytes, flush.
const FIRST: [u8; 16] = [
    0x78, 0xf9, 0xe3, 0xc6, 0xa7, 0xc2, 0x62, 0x60, 0x60, 0x60, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff,
];

/// spdystream's empty header list after that: a repetition, flush.
const LATER: [u8; 8] = [0x02, 0x61, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff];

/// The stream id and enough of the block to tell that it is longer than the known ones.
pub(super) const KEPT: usize = 4 + FIRST.len() + 1;

/// How the header block of a SYN_REPLY looks. Blocks are compared, never inflated.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ReplyBlock {
    /// The first block of a session, as spdystream writes an empty list.
    First,

    /// A later block, as spdystream writes an empty list.
    Later,

    /// Any other block: the peer is no spdystream, or has something to say that has no meaning here.
    Other,
}

impl ReplyBlock {
    fn of(block: &[u8]) -> Self {
        if block == FIRST {
            Self::First
        } else if block == LATER {
            Self::Later
        } else {
            Self::Other
        }
    }
}

/// Reads a SYN_REPLY frame (SPDY/3.1 2.6.2).
pub(super) fn load(fin: bool, kept: &[u8]) -> Result<Frame<'static>, PeerMisbehaved> {
    let stream = stream_id(FrameType::SynReply, number(kept))?;
    Ok(Frame::SynReply {
        stream,
        fin,
        block: ReplyBlock::of(&kept[4..]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_blocks_count_as_known() {
        assert_eq!(ReplyBlock::of(&FIRST), ReplyBlock::First);
        assert_eq!(ReplyBlock::of(&LATER), ReplyBlock::Later);
        assert_eq!(ReplyBlock::of(&[]), ReplyBlock::Other);
        assert_eq!(ReplyBlock::of(&FIRST[..15]), ReplyBlock::Other);
        assert_eq!(ReplyBlock::of(&[&FIRST[..], &[0]].concat()), ReplyBlock::Other);
        assert_eq!(ReplyBlock::of(&[&LATER[..], &[0]].concat()), ReplyBlock::Other);
    }
}
