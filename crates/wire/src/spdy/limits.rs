//! The numbers of the protocol, of the peer's implementation and of ours.

/// Workers of the peer. A frame of stream N is handled by worker N mod 5, and a PING, SETTINGS or WINDOW_UPDATE
/// by the workers in turn (spdystream: `FRAME_WORKERS`).
pub const WORKERS: u8 = 5;

/// Frames that wait for one worker of the peer. The next one blocks the peer's reader, and with it the whole
/// session (spdystream: `QUEUE_SIZE`).
pub const QUEUE_FRAMES: usize = 50;

/// Highest stream id (SPDY/3.1 2.3.2: 31 bits).
pub const MAX_STREAM_ID: u32 = 0x7fff_ffff;

/// Smallest step from one stream id to the next that the peer takes, whatever the parity (spdystream).
pub const STREAM_ID_STEP: u32 = 2;

/// Largest payload of a frame, in bytes (SPDY/3.1 2.2: 24 bits of length).
pub const MAX_FRAME_LENGTH: usize = (1 << 24) - 1;

/// Largest payload of a control frame that we take or send, in bytes. Those of a port-forward are below 200.
pub const MAX_CONTROL_LENGTH: usize = 64 * 1024;

/// Most bytes that one header block may inflate to. The blocks of a port-forward are below 100.
pub const MAX_HEADER_BLOCK: usize = 64 * 1024;

/// Most name/value pairs of a header block. A port-forward uses three.
pub const MAX_HEADERS: usize = 64;

/// Bytes before the payload of any frame (SPDY/3.1 2.2).
pub const HEAD_LENGTH: usize = 8;

/// The version in every control frame: SPDY/3.1 says 3 on the wire (SPDY/3.1 2.2.1).
pub(crate) const VERSION: u16 = 3;
