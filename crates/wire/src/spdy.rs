//! SPDY/3.1 as container runtimes speak it for a port-forward (the implementation there is moby/spdystream).
//!
//! [`FrameReader`] takes bytes apart, the functions [`data_head`], [`reset`], [`ping`], [`go_away`] and the
//! [`HeaderEncoder`] put frames together. Nothing here knows which streams exist: that is the session's matter.
//!
//! The client never inflates a header block. What a runtime sends for a port-forward is an empty list in each
//! SYN_REPLY, so the reader compares its bytes with the two forms that spdystream gives them ([`ReplyBlock`]) and
//! skips all others. What the client sends is stored, not compressed ([`HeaderEncoder`]). Only a test server has
//! to inflate, with the `HeaderDecoder` of feature `server`.

mod frame;
pub use frame::{Frame, FrameType, ReplyBlock, data_head, go_away, ping, reset};

mod header;
pub use header::HeaderEncoder;
#[cfg(feature = "server")]
pub use header::{HeaderDecoder, HeaderError};

mod limits;
pub use limits::{
    HEAD_LENGTH, MAX_CONTROL_LENGTH, MAX_FRAME_LENGTH, MAX_HEADER_BLOCK, MAX_HEADERS, MAX_STREAM_ID,
    QUEUE_FRAMES, STREAM_ID_STEP, WORKERS,
};

mod peer_misbehaved;
pub use peer_misbehaved::PeerMisbehaved;

mod reader;
pub use reader::FrameReader;

mod status;
pub use status::{GoAwayStatus, ResetStatus};

mod stream_id;
pub use stream_id::StreamId;

pub use crate::Role;
