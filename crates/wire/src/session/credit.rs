//! How much one pair may send: frames within its lane's window, of a size that grows where the window limits.

/// The largest payload of a pair's first DATA frames, in bytes.
pub const FIRST_FRAME: usize = 64 * 1024;

/// The largest payload of any DATA frame, in bytes. 40 of them in flight fill a link of 50 ms and 250 MB/s; a stalled
/// lane holds as much in the node's memory.
pub const LARGEST_FRAME: usize = 320 * 1024;

/// DATA frames are sent while fewer frames than this are unacknowledged on their lane. The peer's queue holds 50
/// (spdystream: QUEUE_SIZE); what is left is for SYN_STREAM, RST_STREAM and PING.
const WINDOW: u64 = 40;

/// A pair's share of its lane.
#[derive(Debug)]
pub(super) struct Credit {
    frame: usize,
    blocked: bool,
}

impl Default for Credit {
    fn default() -> Self {
        Self {
            frame: FIRST_FRAME,
            blocked: false,
        }
    }
}

impl Credit {
    pub(super) fn allows(unacknowledged: u64) -> bool {
        unacknowledged < WINDOW
    }

    /// Whether so many frames without a fence behind them are enough for one.
    pub(super) fn wants_fence(unfenced: u64) -> bool {
        unfenced >= WINDOW / 4
    }

    /// The largest payload of the next frame, in bytes.
    pub(super) fn frame(&self) -> usize {
        self.frame
    }

    pub(super) fn was_blocked(&self) -> bool {
        self.blocked
    }

    pub(super) fn blocked(&mut self) {
        self.blocked = true;
    }

    /// The window opened for a sender that waited: it limits, so the frames grow.
    pub(super) fn unblocked(&mut self) {
        self.blocked = false;
        self.frame = (self.frame + FIRST_FRAME).min(LARGEST_FRAME);
    }
}
