use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;

use crate::{Fact, Facts, Next, Saying, Weight, What, say, say_end};

/// Events that are remembered for a page that is opened later.
const EVENTS: usize = 500;

/// What happened lately in all forwards, in words.
#[derive(Debug)]
pub(super) struct Log {
    events: Mutex<VecDeque<Arc<EventLine>>>,
    /// The number of the last event.
    last: watch::Sender<u64>,
}

/// Something that happened.
#[derive(Debug, Serialize)]
pub(super) struct EventLine {
    /// Counts events, from 1.
    pub(super) number: u64,
    at: Timestamp,
    /// The number of the forward, if it is of one.
    forward: Option<usize>,
    weight: &'static str,
    pub(super) sentence: String,
    hint: Option<String>,
}

impl Log {
    pub(super) fn new() -> Self {
        Self {
            events: Mutex::default(),
            last: watch::Sender::new(0),
        }
    }

    /// Writes down what happens, until nothing does any more.
    pub(super) async fn follow(&self, mut facts: Facts) {
        while let Some(next) = facts.next().await {
            match next {
                Next::Fact(fact) => self.handle_fact(&fact),
                Next::Skipped(number) => {
                    let sentence = format!("{number} things happened too fast to be noted here");
                    self.push(Timestamp::now(), None, Saying::warning(sentence));
                }
            }
        }
    }

    /// Tells of each new number from now on.
    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// The events behind number `after` that are still known, the latest last.
    pub(super) fn since(&self, after: u64) -> Vec<Arc<EventLine>> {
        let events = self.events();
        let first = events.partition_point(|event| event.number <= after);
        events.range(first..).cloned().collect()
    }

    fn handle_fact(&self, fact: &Fact) {
        let saying = match &fact.what {
            What::Closed(closed) => say_end(
                closed.connection.id,
                closed.connection.local.port(),
                &closed.outcome,
            ),
            What::Happened(event) => say(event),
            _ => None,
        };
        if let Some(saying) = saying.filter(|saying| saying.weight != Weight::Detail) {
            self.push(fact.at, Some(fact.forward.index), saying);
        }
    }

    fn push(&self, at: Timestamp, forward: Option<usize>, saying: Saying) {
        let mut events = self.events();
        if events.len() == EVENTS {
            events.pop_front();
        }
        let number = *self.last.borrow() + 1;
        events.push_back(Arc::new(EventLine {
            number,
            at,
            forward,
            weight: match saying.weight {
                Weight::Warning => "warning",
                Weight::Detail | Weight::Note => "note",
            },
            sentence: saying.sentence,
            hint: saying.hint,
        }));
        // While the events are held, so that numbers are told in order.
        self.last.send_replace(number);
    }

    fn events(&self) -> MutexGuard<'_, VecDeque<Arc<EventLine>>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(text: &str) -> Saying {
        Saying {
            weight: Weight::Note,
            sentence: text.to_owned(),
            hint: None,
        }
    }

    #[test]
    fn who_comes_later_is_told_the_last_events_and_who_comes_back_only_the_new_ones() {
        let log = Log::new();
        let mut news = log.news();
        for number in 1..=EVENTS + 10 {
            log.push(Timestamp::now(), Some(0), note(&format!("event {number}")));
        }
        assert!(news.has_changed().unwrap());
        assert_eq!(*news.borrow_and_update(), 510);
        let all = log.since(0);
        assert_eq!((all.len(), all[0].number), (EVENTS, 11));
        assert_eq!(all[EVENTS - 1].sentence, "event 510");
        let numbers: Vec<u64> = log.since(508).iter().map(|event| event.number).collect();
        assert_eq!(numbers, [509, 510]);
        assert!(log.since(510).is_empty());
        // A number that this run never had, as of a page that outlived the last one.
        assert!(log.since(u64::MAX).is_empty());
    }
}
