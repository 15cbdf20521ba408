//! The name of a pair.

use crate::spdy::{StreamId, WORKERS};

/// The distance between the two streams of a pair: the next odd id of the same worker.
pub(super) const STREAM_STEP: u32 = 2 * WORKERS as u32;

/// Names a pair within its session; never used again there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PairId(StreamId);

impl PairId {
    /// The pair whose data stream this is.
    pub(super) const fn of_data(stream: StreamId) -> Self {
        Self(stream)
    }

    /// The pair whose error stream this is. None past the last id that a data stream can have.
    pub(super) fn of_error(stream: StreamId) -> Option<Self> {
        StreamId::new(stream.get() + STREAM_STEP).map(Self)
    }

    /// The data stream's id.
    pub const fn data_stream(self) -> StreamId {
        self.0
    }

    /// The error stream's id.
    pub(super) fn error_stream(self) -> StreamId {
        StreamId::new(self.0.get() - STREAM_STEP).expect("a data stream's id is above its error stream's")
    }
}
