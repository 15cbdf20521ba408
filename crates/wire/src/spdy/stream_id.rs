use std::fmt;
use std::num::NonZeroU32;

use super::limits::{MAX_STREAM_ID, WORKERS};

/// The number of a stream: 1 to 0x7fff_ffff (SPDY/3.1 2.3.2).
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StreamId(NonZeroU32);

impl StreamId {
    /// The id of that number, if there can be one.
    pub const fn new(id: u32) -> Option<Self> {
        if id > MAX_STREAM_ID {
            return None;
        }
        match NonZeroU32::new(id) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// Which of the peer's [`WORKERS`] handles this stream's frames (spdystream: the id modulo the workers).
    pub const fn worker(self) -> u8 {
        (self.get() % WORKERS as u32) as u8
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_31_bit_and_not_zero() {
        assert_eq!(StreamId::new(0), None);
        assert_eq!(StreamId::new(0x8000_0000), None);
        assert_eq!(StreamId::new(1).map(StreamId::get), Some(1));
        assert_eq!(StreamId::new(0x7fff_ffff).map(StreamId::get), Some(0x7fff_ffff));
    }

    #[test]
    fn the_worker_is_the_remainder_by_five() {
        let workers: Vec<_> = (1..=11).filter_map(StreamId::new).map(StreamId::worker).collect();
        assert_eq!(workers, [1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]);
    }
}
