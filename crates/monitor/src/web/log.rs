use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;

use super::Request;
use crate::{Fact, Facts, Next, Saying, Weight, What, say, say_end};

/// Events that are remembered for a page that is opened later.
const EVENTS: usize = 500;

/// HTTP requests that are remembered likewise.
const REQUESTS: usize = 1000;

/// What happened lately in all forwards: events in words, and HTTP requests. Both are counted by one row of numbers.
#[derive(Debug)]
pub(super) struct Log {
    lines: Mutex<Lines>,
    /// The last number.
    last: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Lines {
    events: VecDeque<Arc<EventLine>>,
    requests: VecDeque<Arc<Request>>,
    /// Requests that there were.
    count: u64,
}

/// Something that happened.
#[derive(Debug, Serialize)]
pub(super) struct EventLine {
    /// Its number, from 1.
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
            lines: Mutex::default(),
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
        let lines = self.lines();
        let first = lines.events.partition_point(|event| event.number <= after);
        lines.events.range(first..).cloned().collect()
    }

    /// The requests behind number `after` that are still known, the latest `most` of them, the latest last; and how many
    /// requests there were.
    pub(super) fn requests_since(&self, after: u64, most: usize) -> (Vec<Arc<Request>>, u64) {
        let lines = self.lines();
        let first = lines.requests.partition_point(|request| request.number <= after);
        let first = first.max(lines.requests.len().saturating_sub(most));
        (lines.requests.range(first..).cloned().collect(), lines.count)
    }

    /// The request of this number, if it is still known.
    pub(super) fn request(&self, number: u64) -> Option<Arc<Request>> {
        let lines = self.lines();
        let at = lines
            .requests
            .binary_search_by_key(&number, |request| request.number);
        at.ok().map(|at| Arc::clone(&lines.requests[at]))
    }

    fn handle_fact(&self, fact: &Arc<Fact>) {
        let saying = match &fact.what {
            What::Closed(closed) => say_end(
                closed.connection.id,
                closed.connection.local.port(),
                &closed.outcome,
            ),
            What::Exchanged(_) => return self.push_request(fact),
            What::Happened(event) => say(event),
            What::Overlooked { exchanges, .. } => {
                self.lines().count += exchanges;
                None
            }
            _ => None,
        };
        if let Some(saying) = saying.filter(|saying| saying.weight != Weight::Detail) {
            self.push(fact.at, Some(fact.forward.index), saying);
        }
    }

    fn push_request(&self, fact: &Arc<Fact>) {
        let mut lines = self.lines();
        lines.count += 1;
        let number = *self.last.borrow() + 1;
        if lines.requests.len() == REQUESTS {
            lines.requests.pop_front();
        }
        let request = Request::new(number, fact);
        lines.requests.extend(request.map(Arc::new));
        self.last.send_replace(number);
    }

    fn push(&self, at: Timestamp, forward: Option<usize>, saying: Saying) {
        let mut lines = self.lines();
        if lines.events.len() == EVENTS {
            lines.events.pop_front();
        }
        let number = *self.last.borrow() + 1;
        lines.events.push_back(Arc::new(EventLine {
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
        // While the lines are held, so that numbers are told in order.
        self.last.send_replace(number);
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
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
