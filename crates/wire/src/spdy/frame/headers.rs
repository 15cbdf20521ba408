use crate::spdy::PeerMisbehaved;

use super::head::stream_id;
use super::{Frame, FrameType, number};

/// Reads a HEADERS frame (SPDY/3.1 2.6.7), all but its block. We never send one: on spdystream it blocks the
/// stream's worker for good.
pub(super) fn load(fin: bool, payload: &[u8]) -> Result<Frame<'static>, PeerMisbehaved> {
    Ok(Frame::Headers {
        stream: stream_id(FrameType::Headers, number(payload))?,
        fin,
    })
}
