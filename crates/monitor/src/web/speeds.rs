use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::ForwardSnapshot;

/// The least time between two looks: bytes of a shorter one say little about a second.
const LEAST: Duration = Duration::from_millis(900);

/// The most time between two looks, after which the last one says nothing about now.
const MOST: Duration = Duration::from_secs(5);

/// How fast each open connection is, by what it had carried when it was last looked at.
#[derive(Debug, Default)]
pub(super) struct Speeds {
    looked: Option<Instant>,
    counts: HashMap<(usize, u64), Count>,
}

/// Bytes a second.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Speed {
    /// From the app to the pod.
    pub(super) sent: u64,
    /// From the pod to the app.
    pub(super) received: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    sent: u64,
    received: u64,
    speed: Speed,
}

impl Speeds {
    /// Looks at all connections. Whoever looks too often is told the same again.
    pub(super) fn handle_look(&mut self, now: Instant, forwards: &[ForwardSnapshot]) {
        let since = self.looked.map(|looked| now.saturating_duration_since(looked));
        if since.is_some_and(|since| since < LEAST) {
            return;
        }
        self.looked = Some(now);
        let since = since.filter(|since| *since <= MOST);
        let before = std::mem::take(&mut self.counts);
        let open = forwards.iter().flat_map(|forward| {
            let index = forward.name.index;
            forward
                .connections
                .iter()
                .map(move |view| ((index, view.connection.id), (view.sent, view.received)))
        });
        for (key, (sent, received)) in open {
            // What a new one has carried, it carried since.
            let last = before.get(&key).copied().unwrap_or_default();
            let speed = since.map_or_else(Speed::default, |since| Speed {
                sent: per_second(sent.saturating_sub(last.sent), since),
                received: per_second(received.saturating_sub(last.received), since),
            });
            let count = Count {
                sent,
                received,
                speed,
            };
            self.counts.insert(key, count);
        }
    }

    /// The speed of connection `id` of the forward number `forward`; nothing if it is over.
    pub(super) fn of(&self, forward: usize, id: u64) -> Speed {
        let count = self.counts.get(&(forward, id));
        count.map(|count| count.speed).unwrap_or_default()
    }
}

impl Speed {
    /// Both ways.
    pub(super) fn sum(self) -> u64 {
        self.sent.saturating_add(self.received)
    }
}

fn per_second(bytes: u64, since: Duration) -> u64 {
    let bytes = u128::from(bytes) * 1000 / since.as_millis().max(1);
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
