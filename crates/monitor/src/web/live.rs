use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{self, Instant, Interval, MissedTickBehavior};

use super::view::{CaptureRow, Chart, ForwardRow, Hello, Line, Now};
use super::{Log, Query, Speeds};
use crate::{Monitor, pcap::Capture};

/// How often a page is told how everything is.
const SECOND: Duration = Duration::from_secs(1);

/// The least pause between two tellings of events, so that many of them cost no more than a few.
const PAUSE: Duration = Duration::from_millis(100);

/// Requests that are told at a time; how many there were besides is told as a number.
const REQUESTS: usize = 200;

/// What one page is told, for as long as it listens. Lines are made when the last one was taken: a page that is slow is
/// told less often, and nothing waits for it.
pub(super) struct Live {
    monitor: Monitor,
    capture: Option<Capture>,
    log: Arc<Log>,
    news: watch::Receiver<u64>,
    query: Query,
    speeds: Arc<Mutex<Speeds>>,
    told: Instant,
    /// How many requests there had been when they were told of last; none if they never were.
    counted: Option<u64>,
    seconds: Interval,
    begun: bool,
    /// Held for as long as the stream is there.
    _slot: OwnedSemaphorePermit,
}

impl Live {
    pub(super) fn new(
        monitor: Monitor,
        capture: Option<Capture>,
        log: Arc<Log>,
        speeds: Arc<Mutex<Speeds>>,
        query: Query,
        slot: OwnedSemaphorePermit,
    ) -> Self {
        let mut seconds = time::interval(SECOND);
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            monitor,
            capture,
            news: log.news(),
            log,
            query,
            speeds,
            told: Instant::now(),
            counted: None,
            seconds,
            begun: false,
            _slot: slot,
        }
    }

    /// The lines as the body of an answer.
    pub(super) fn into_body(self) -> Body {
        Body::from_stream(stream::unfold(self, async |mut live| {
            let lines = live.next().await;
            Some((Ok::<Bytes, Infallible>(lines), live))
        }))
    }

    /// The next lines, when there are some.
    async fn next(&mut self) -> Bytes {
        let mut lines = Vec::new();
        if !self.begun {
            self.begun = true;
            let version = env!("CARGO_PKG_VERSION");
            write(&mut lines, &Line::Hello(Hello { version }));
        }
        let next = self.told + PAUSE;
        let news = async {
            // The log outlives this, which has a share of it.
            let _ = self.news.changed().await;
            time::sleep_until(next).await;
        };
        let is_second = tokio::select! {
            _ = self.seconds.tick() => true,
            () = news => false,
        };
        self.tell(&mut lines);
        self.told = Instant::now();
        if is_second {
            write(&mut lines, &Line::Now(Box::new(self.now())));
        }
        lines.into()
    }

    /// Tells of events and requests that are new.
    fn tell(&mut self, lines: &mut Vec<u8>) {
        let events = self.log.since(self.query.since);
        let (requests, count) = self.log.requests_since(self.query.since, REQUESTS);
        for event in &events {
            write(lines, &Line::Event(event));
        }
        for row in requests.iter().filter_map(|request| request.row()) {
            write(lines, &Line::Request(Box::new(row)));
        }
        let told = requests.len() as u64;
        let before = self.counted.unwrap_or_else(|| count.saturating_sub(told));
        let missed = count.saturating_sub(before).saturating_sub(told);
        if missed > 0 {
            write(lines, &Line::Missed { requests: missed });
        }
        self.counted = Some(count);
        let last = events.last().map(|event| event.number);
        let last = last.max(requests.last().map(|request| request.number));
        self.query.since = last.unwrap_or(self.query.since);
    }

    fn now(&mut self) -> Now {
        let forwards = self.monitor.forwards();
        let mut speeds = self.speeds.lock().unwrap_or_else(PoisonError::into_inner);
        speeds.handle_look(Instant::now().into_std(), &forwards);
        Now {
            at: Timestamp::now(),
            forwards: forwards.iter().map(ForwardRow::new).collect(),
            capture: self.capture.as_ref().and_then(CaptureRow::new),
            rates: Chart::of(self.query.forwards(&forwards).map(|forward| &forward.rates)),
            connections: self.query.window(&forwards, &speeds),
            watched: self.query.watched(&forwards, &speeds),
        }
    }
}

fn write(lines: &mut Vec<u8>, line: &impl Serialize) {
    // Into memory, and of types that all have a form in JSON.
    serde_json::to_writer(&mut *lines, line).expect("the lines are made of text and numbers");
    lines.push(b'\n');
}
