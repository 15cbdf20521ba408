use std::collections::VecDeque;

use super::{Exchange, Finding, Protocol};

/// What was found and is not told yet.
#[derive(Debug, Default)]
pub(super) struct Findings {
    protocol: Option<Protocol>,
    /// With what each weighs. A connection changes what it speaks a few times at most.
    queue: VecDeque<(Finding, usize)>,
    weight: usize,
    skipped: u64,
}

impl Findings {
    /// What the connection looks like, if it is known.
    pub(super) fn protocol(&self) -> Option<&Protocol> {
        self.protocol.as_ref()
    }

    pub(super) fn recognise(&mut self, protocol: Protocol) {
        if self.protocol.as_ref() != Some(&protocol) {
            self.protocol = Some(protocol.clone());
            self.queue.push_back((Finding::Recognised(protocol), 0));
        }
    }

    pub(super) fn push(&mut self, exchange: Box<Exchange>, weight: usize) {
        self.queue.push_back((Finding::Exchange(exchange), weight));
        self.weight += weight;
    }

    /// Leaves out the oldest exchanges until all of them take no more than `room` bytes.
    pub(super) fn shrink_to(&mut self, room: usize) {
        while self.kept() > room
            && let Some(oldest) = self.queue.iter().position(|(_, weight)| *weight > 0)
        {
            if let Some((_, weight)) = self.queue.remove(oldest) {
                self.weight -= weight;
                self.skipped += 1;
            }
        }
        if self.kept() > room {
            self.queue.shrink_to_fit();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.skipped == 0
    }

    /// Bytes on the heap.
    pub(super) fn kept(&self) -> usize {
        self.weight + self.queue.capacity() * size_of::<(Finding, usize)>()
    }

    pub(super) fn poll(&mut self) -> Option<Finding> {
        if self.skipped > 0 {
            return Some(Finding::Skipped(std::mem::take(&mut self.skipped)));
        }
        let Some((finding, weight)) = self.queue.pop_front() else {
            // What many at once took is not kept for the next time.
            self.queue = VecDeque::new();
            return None;
        };
        self.weight -= weight;
        Some(finding)
    }
}
