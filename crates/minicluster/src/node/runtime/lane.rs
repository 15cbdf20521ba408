use std::collections::BTreeMap;

use bytes::Bytes;
use podline_wire::{Time, spdy::QUEUE_FRAMES};

/// One worker of the runtime and its queue.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// By priority, then by arrival.
    queue: BTreeMap<(u8, u64), Queued>,
    arrivals: u64,
    pub(super) worker: Worker,
}

/// What a worker is doing.
#[derive(Debug, Default)]
pub(super) enum Worker {
    /// Waits for somebody to take the DATA of a stream.
    HandingOver { stream: u32, payload: Bytes, fin: bool },
    /// Waits for somebody to take the HEADERS of a stream, which nobody does.
    HandingOverHeaders { stream: u32 },
    #[default]
    Idle,
    /// Waits to answer a SYN_STREAM, for ever if there is no time.
    Replying { stream: u32, until: Option<Time> },
}

/// A frame that waits for its worker.
#[derive(Debug)]
pub(super) enum Queued {
    Data {
        stream: u32,
        payload: Bytes,
        fin: bool,
    },
    Headers {
        stream: u32,
    },
    /// SETTINGS or WINDOW_UPDATE: takes its place in the queue and means nothing.
    Nothing,
    Ping {
        id: u32,
    },
    Reset {
        stream: u32,
    },
    SynStream {
        stream: u32,
        headers: Vec<(String, String)>,
    },
}

impl Lane {
    pub(super) fn has_room(&self) -> bool {
        self.queue.len() < QUEUE_FRAMES
    }

    /// Whether the worker has nothing to do and nothing waits for it.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && matches!(self.worker, Worker::Idle)
    }

    pub(super) fn push(&mut self, priority: u8, frame: Queued) {
        self.queue.insert((priority, self.arrivals), frame);
        self.arrivals += 1;
    }

    pub(super) fn peek(&self) -> Option<&Queued> {
        self.queue.first_key_value().map(|(_, frame)| frame)
    }

    pub(super) fn pop(&mut self) -> Option<Queued> {
        self.queue.pop_first().map(|(_, frame)| frame)
    }
}

impl Queued {
    /// Bytes of payload.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Data { payload, .. } => payload.len(),
            Self::Headers { .. }
            | Self::Nothing
            | Self::Ping { .. }
            | Self::Reset { .. }
            | Self::SynStream { .. } => 0,
        }
    }

    /// Whether the worker has to write to the peer for it.
    pub(super) fn is_answered(&self) -> bool {
        matches!(self, Self::Ping { .. } | Self::SynStream { .. })
    }
}
