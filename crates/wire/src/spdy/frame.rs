//! One file for each kind of frame: what it looks like on the wire, in both directions.

use super::{GoAwayStatus, ResetStatus, StreamId};

mod data;
pub use data::data_head;

mod frame_type;
pub use frame_type::FrameType;

mod go_away;
pub use go_away::go_away;

mod head;
pub(super) use head::{ControlHead, FIN, Head};

mod headers;

mod ping;
pub use ping::ping;

mod reset;
pub use reset::reset;

mod settings;

mod syn_reply;
pub use syn_reply::ReplyBlock;

mod syn_stream;

mod window_update;

/// What [`FrameReader`](super::FrameReader) reads: a whole control frame or a piece of a DATA frame.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Frame<'a> {
    /// Bytes of a DATA frame, as they came. A frame is never assembled: it may come in any number of pieces.
    Data {
        /// Whose bytes they are.
        stream: StreamId,
        /// The bytes; empty only for the one piece of an empty frame.
        payload: &'a [u8],
        /// Whether the frame begins with this piece.
        first: bool,
        /// Whether the frame ends with this piece.
        last: bool,
        /// Whether the peer sends nothing more on this stream. Only a last piece says so.
        fin: bool,
    },

    /// The peer ends the session.
    GoAway {
        /// The last of our streams that it handled; 0 if none.
        last_stream: u32,
        /// Why.
        status: GoAwayStatus,
    },

    /// More headers of a stream. Their block is not kept: nobody sends them in a port-forward. On a server the
    /// decoder is out of step after one.
    Headers {
        /// Which stream.
        stream: StreamId,
        /// Whether the peer sends nothing more on this stream.
        fin: bool,
    },

    /// A ping or the answer to one: the parity of the id tells which.
    Ping {
        /// Not 0.
        id: u32,
    },

    /// The peer ends a stream for both directions.
    Reset {
        /// Which stream.
        stream: StreamId,
        /// Why; not 0.
        status: ResetStatus,
    },

    /// Settings, which mean nothing in a port-forward. Their entries are not kept.
    Settings,

    /// The peer takes a stream.
    SynReply {
        /// Which stream.
        stream: StreamId,
        /// Whether the peer sends nothing more on this stream.
        fin: bool,
        /// What its header block looks like.
        block: ReplyBlock,
    },

    /// The peer opens a stream.
    SynStream {
        /// Which stream.
        stream: StreamId,
        /// Whether the peer sends nothing more on this stream.
        fin: bool,
        /// Whether the peer wants nothing back on this stream.
        unidirectional: bool,
        /// 0 (highest) to 7.
        priority: u8,
        /// The compressed headers; empty for a client, which has no use for them.
        block: Vec<u8>,
    },

    /// More room in a window, which means nothing in a port-forward: there is no flow control.
    WindowUpdate {
        /// Which stream; 0 for the session.
        stream: u32,
        /// How much, in bytes.
        delta: u32,
    },
}

/// The 31-bit number at the start of `payload`.
///
/// # Panics
///
/// If there are fewer than 4 bytes; the length of a frame is checked when its head is parsed.
fn number31(payload: &[u8]) -> u32 {
    number(payload) & super::MAX_STREAM_ID
}

/// The 32-bit number at the start of `payload`; panics as [`number31`] does.
fn number(payload: &[u8]) -> u32 {
    let bytes = payload.first_chunk().expect("lengths are checked with the head");
    u32::from_be_bytes(*bytes)
}
