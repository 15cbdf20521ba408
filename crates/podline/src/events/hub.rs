use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

use super::{Event, Skipped};

/// Events that wait for a watcher before those of single connections are counted rather than queued.
const QUEUE: usize = 1024;
/// Events that wait for a watcher at most; a forward has few that are not of single connections.
const QUEUE_WHOLE: usize = 2 * QUEUE;

/// Where a forward tells what happens.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    watchers: Vec<Weak<Watcher>>,
    /// What those who begin to watch later are told too: of each listener once, and what is said once.
    lasting: Vec<Event>,
    closed: bool,
}

/// The events of a forward, in order, from the moment when it was asked for. What lasts is told again to each who begins
/// to watch: [`Event::Listening`], [`Event::HeldElsewhere`], [`Event::NotReady`] and [`Event::TransportFellBack`].
///
/// Nobody waits for a watcher. For a slow one 1024 events are kept; beyond that, events of single connections and
/// sessions are not queued but counted, and the counts are told by [`Event::Skipped`] at their place, so that sums
/// stay right. All other events find 1024 further places.
#[derive(Debug)]
pub struct Events {
    watcher: Arc<Watcher>,
}

#[derive(Debug, Default)]
struct Watcher {
    queue: Mutex<Queue>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<Event>,
    skipped: Skipped,
    closed: bool,
}

impl Hub {
    /// Tells `event` to all who watch.
    pub(crate) fn tell(&self, event: Event) {
        let mut inner = lock(&self.inner);
        inner.watchers.retain(|watcher| match watcher.upgrade() {
            Some(watcher) => {
                lock(&watcher.queue).push(event.clone());
                watcher.changed.notify_one();
                true
            }
            None => false,
        });
        if event.is_lasting() {
            inner.lasting.push(event);
        }
    }

    pub(crate) fn watch(&self) -> Events {
        let mut inner = lock(&self.inner);
        let watcher = Arc::new(Watcher {
            queue: Mutex::new(Queue {
                events: inner.lasting.iter().cloned().collect(),
                closed: inner.closed,
                ..Queue::default()
            }),
            changed: Notify::new(),
        });
        inner.watchers.push(Arc::downgrade(&watcher));
        Events { watcher }
    }

    /// Nothing will be told any more.
    pub(crate) fn close(&self) {
        let mut inner = lock(&self.inner);
        inner.closed = true;
        for watcher in inner.watchers.drain(..).filter_map(|watcher| watcher.upgrade()) {
            lock(&watcher.queue).closed = true;
            watcher.changed.notify_one();
        }
    }
}

impl Events {
    /// The next event; `None` when the forward has ended and all was told. May be dropped while it waits.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            match lock(&self.watcher.queue).pop() {
                Pop::Closed => return None,
                Pop::Empty => {}
                Pop::Event(event) => return Some(event),
            }
            self.watcher.changed.notified().await;
        }
    }
}

enum Pop {
    Closed,
    Empty,
    Event(Event),
}

impl Queue {
    fn push(&mut self, event: Event) {
        let limit = if event.is_one_of_many() {
            QUEUE
        } else {
            QUEUE_WHOLE
        };
        // One place is for the counts, so that they stand where events are missing.
        if self.events.len() + 1 >= limit {
            self.skipped.add(&event);
            return;
        }
        if !self.skipped.is_empty() {
            self.events
                .push_back(Event::Skipped(mem::take(&mut self.skipped)));
        }
        self.events.push_back(event);
    }

    fn pop(&mut self) -> Pop {
        if let Some(event) = self.events.pop_front() {
            Pop::Event(event)
        } else if !self.skipped.is_empty() {
            Pop::Event(Event::Skipped(mem::take(&mut self.skipped)))
        } else if self.closed {
            Pop::Closed
        } else {
            Pop::Empty
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole between any two statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use podline_tunnel::PodAddress;

    use super::*;
    use crate::{End, LocalAddress, Outcome};

    fn opened(id: u64) -> Event {
        Event::ConnectionOpened {
            id,
            local: ([127, 0, 0, 1], 80).into(),
            peer: ([127, 0, 0, 1], 40000).into(),
        }
    }

    fn ended(id: u64, end: End) -> Event {
        Event::ConnectionEnded {
            id,
            local: ([127, 0, 0, 1], 80).into(),
            outcome: Outcome {
                sent: 10,
                received: 100,
                duration: Duration::ZERO,
                end,
            },
            is_counted: false,
        }
    }

    fn pod() -> PodAddress {
        PodAddress {
            namespace: "default".to_owned(),
            name: "web".to_owned(),
        }
    }

    #[tokio::test]
    async fn events_come_in_order_to_every_watcher() {
        let hub = Hub::default();
        let (mut first, mut second) = (hub.watch(), hub.watch());
        for id in 1..=3 {
            hub.tell(opened(id));
        }
        hub.close();
        for events in [&mut first, &mut second] {
            for expected in 1..=3 {
                assert!(
                    matches!(events.next().await, Some(Event::ConnectionOpened { id, .. }) if id == expected)
                );
            }
            assert!(events.next().await.is_none());
        }
    }

    #[tokio::test]
    async fn what_lasts_is_told_to_those_who_come_later() {
        let hub = Hub::default();
        hub.tell(opened(1));
        let address = LocalAddress {
            socket: ([127, 0, 0, 1], 8080).into(),
            remote: 80,
        };
        hub.tell(Event::Listening(address));
        hub.close();
        let mut late = hub.watch();
        assert!(matches!(late.next().await, Some(Event::Listening(told)) if told == address));
        assert!(late.next().await.is_none());
    }

    #[tokio::test]
    async fn a_slow_watcher_loses_single_events_but_no_counts() {
        let hub = Hub::default();
        let mut events = hub.watch();
        for id in 0..2000 {
            hub.tell(opened(id));
            hub.tell(ended(id, if id % 2 == 0 { End::PodReset } else { End::ShutDown }));
        }
        hub.tell(Event::Resumed(pod()));
        hub.close();

        let mut sums = Skipped::default();
        let mut told = 0;
        let mut last = None;
        while let Some(event) = events.next().await {
            told += 1;
            match &event {
                Event::Skipped(skipped) => {
                    sums.opened += skipped.opened;
                    sums.ended += skipped.ended;
                    sums.failed += skipped.failed;
                    sums.sent += skipped.sent;
                    sums.received += skipped.received;
                    sums.others += skipped.others;
                }
                other => sums.add(other),
            }
            last = Some(event);
        }
        assert!(told <= QUEUE_WHOLE);
        assert_eq!(
            sums,
            Skipped {
                opened: 2000,
                ended: 2000,
                failed: 2000,
                sent: 20_000,
                received: 200_000,
                others: 1,
            }
        );
        assert!(matches!(last, Some(Event::Resumed(_))));
    }

    #[tokio::test]
    async fn the_queue_is_bounded_whatever_is_told() {
        let hub = Hub::default();
        let mut events = hub.watch();
        for _ in 0..10_000 {
            hub.tell(Event::Resumed(pod()));
        }
        hub.close();
        let mut told = 0;
        while events.next().await.is_some() {
            told += 1;
        }
        assert!(told <= QUEUE_WHOLE);
    }

    #[test]
    fn a_watcher_that_went_away_is_forgotten() {
        let hub = Hub::default();
        drop(hub.watch());
        hub.tell(opened(1));
        assert!(lock(&hub.inner).watchers.is_empty());
    }
}
