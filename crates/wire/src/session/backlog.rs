//! What came for the apps of a session and was not taken yet: when reading pauses for it, and which app holds up the
//! others.
//!
//! The peer has no flow control, so the only way to hold a pod back is not to read its session, and that holds up all
//! pods' bytes on it. Alone on its session an app may take as long as it wants. On a shared one the neighbours of a slow
//! app are paced by it, and freed of it if it takes nothing at all.

use std::collections::BTreeMap;

use crate::Time;

use super::PairId;

/// Reading a session pauses while so many bytes wait for its apps: with one pair, and with several.
const ALONE: usize = 1024 * 1024;
const SHARED: usize = 8 * 1024 * 1024;

/// The bytes that wait for the apps of one session.
#[derive(Debug)]
pub struct Backlog {
    /// Reading pauses while so many bytes wait: with one pair, and with several.
    alone: usize,
    shared: usize,
    pairs: BTreeMap<PairId, Waiting>,
    bytes: usize,
    paused_since: Option<Time>,
}

#[derive(Debug)]
struct Waiting {
    bytes: usize,
    opened: Time,
    /// When the app took something for the last time, or had nothing to take.
    took: Time,
    /// The pod may send more.
    open: bool,
}

impl Default for Backlog {
    fn default() -> Self {
        Self::with_limits(ALONE, SHARED)
    }
}

impl Backlog {
    /// Nothing waits yet. Reading is to pause while `alone` bytes wait for one pair, or `shared` for several.
    pub fn with_limits(alone: usize, shared: usize) -> Self {
        Self {
            alone,
            shared,
            pairs: BTreeMap::new(),
            bytes: 0,
            paused_since: None,
        }
    }

    /// Whether the session is to be read.
    pub fn is_reading(&self) -> bool {
        self.paused_since.is_none()
    }

    /// A pair was opened.
    pub fn handle_opened(&mut self, now: Time, pair: PairId) {
        let waiting = Waiting {
            bytes: 0,
            opened: now,
            took: now,
            open: true,
        };
        self.pairs.insert(pair, waiting);
        // More may wait for several than for one.
        self.resume();
    }

    /// Bytes came for `pair`.
    pub fn handle_received(&mut self, now: Time, pair: PairId, bytes: usize) {
        let Some(waiting) = self.pairs.get_mut(&pair) else {
            return;
        };
        if waiting.bytes == 0 {
            waiting.took = now;
        }
        waiting.bytes += bytes;
        self.bytes += bytes;
    }

    /// All that has come was counted: pauses if it is too much. Not in the midst of it, so that what was read is whole.
    pub fn handle_read(&mut self, now: Time) {
        if self.paused_since.is_none() && self.bytes >= self.limit() {
            self.paused_since = Some(now);
        }
    }

    /// The app of `pair` took bytes that waited here.
    pub fn handle_taken(&mut self, now: Time, pair: PairId, bytes: usize) {
        let Some(waiting) = self.pairs.get_mut(&pair) else {
            return;
        };
        waiting.bytes -= bytes;
        waiting.took = now;
        self.bytes -= bytes;
        self.resume();
    }

    /// The app of `pair` took bytes that had been handed out before.
    pub fn handle_progress(&mut self, now: Time, pair: PairId) {
        if let Some(waiting) = self.pairs.get_mut(&pair) {
            waiting.took = now;
        }
    }

    /// The pod sends nothing more on `pair`; what came may still be taken.
    pub fn handle_ended(&mut self, pair: PairId) {
        if let Some(waiting) = self.pairs.get_mut(&pair) {
            waiting.open = false;
        }
    }

    /// Nobody takes what came for `pair` any more.
    pub fn remove(&mut self, pair: PairId) {
        if let Some(waiting) = self.pairs.remove(&pair) {
            self.bytes -= waiting.bytes;
            self.resume();
        }
    }

    /// The pair whose app keeps the session from being read for its neighbours, and since when it has taken nothing
    /// while a neighbour waited. Of several, the one for which most waits: it may be enough to free the others.
    pub fn stalled(&self) -> Option<(PairId, Time)> {
        let paused = self.paused_since?;
        let (&pair, waiting) = self
            .pairs
            .iter()
            .filter(|(_, waiting)| waiting.bytes > 0)
            .max_by_key(|(_, waiting)| waiting.bytes)?;
        let neighbour = self
            .pairs
            .iter()
            .filter(|&(&other, waiting)| other != pair && waiting.open)
            .map(|(_, waiting)| waiting.opened)
            .min()?;
        Some((pair, waiting.took.max(paused).max(neighbour)))
    }

    fn limit(&self) -> usize {
        if self.pairs.len() > 1 {
            self.shared
        } else {
            self.alone
        }
    }

    fn resume(&mut self) {
        if self.bytes <= self.limit() / 2 {
            self.paused_since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::spdy::StreamId;

    use super::*;

    fn pair(stream: u32) -> PairId {
        PairId::of_data(StreamId::new(stream).expect("an id"))
    }

    fn at(seconds: u64) -> Time {
        Time::from_duration(Duration::from_secs(seconds))
    }

    fn filled(backlog: &mut Backlog, now: Time, of: PairId, bytes: usize) {
        backlog.handle_received(now, of, bytes);
        backlog.handle_read(now);
    }

    #[test]
    fn an_app_alone_is_waited_for_for_ever() {
        let mut backlog = Backlog::default();
        backlog.handle_opened(at(0), pair(13));
        filled(&mut backlog, at(0), pair(13), ALONE);
        assert!(!backlog.is_reading());
        assert_eq!(backlog.stalled(), None);
        backlog.handle_taken(at(9_999), pair(13), ALONE / 2);
        assert!(backlog.is_reading());
    }

    #[test]
    fn an_app_that_takes_nothing_while_a_neighbour_waits_is_stalled() {
        let mut backlog = Backlog::default();
        backlog.handle_opened(at(0), pair(13));
        backlog.handle_opened(at(1), pair(15));
        filled(&mut backlog, at(2), pair(13), SHARED - 1);
        assert!(backlog.is_reading());
        assert_eq!(backlog.stalled(), None, "nobody waits behind it yet");
        filled(&mut backlog, at(3), pair(15), 1);
        assert!(!backlog.is_reading());
        assert_eq!(backlog.stalled(), Some((pair(13), at(3))));
        backlog.handle_progress(at(6), pair(13));
        assert_eq!(backlog.stalled(), Some((pair(13), at(6))), "it is slow, no more");
        backlog.remove(pair(13));
        assert!(backlog.is_reading());
        assert_eq!(backlog.stalled(), None);
    }

    #[test]
    fn a_neighbour_that_comes_later_starts_the_time_and_one_that_ended_is_none() {
        let mut backlog = Backlog::default();
        backlog.handle_opened(at(0), pair(13));
        filled(&mut backlog, at(1), pair(13), SHARED);
        backlog.handle_opened(at(100), pair(15));
        assert_eq!(backlog.stalled(), Some((pair(13), at(100))));
        backlog.handle_ended(pair(15));
        assert_eq!(backlog.stalled(), None);
    }

    #[test]
    fn bytes_of_a_pair_that_ended_hold_up_the_others_too() {
        let mut backlog = Backlog::default();
        backlog.handle_opened(at(0), pair(13));
        backlog.handle_opened(at(0), pair(15));
        filled(&mut backlog, at(1), pair(13), SHARED);
        backlog.handle_ended(pair(13));
        assert_eq!(backlog.stalled(), Some((pair(13), at(1))));
    }

    #[test]
    fn a_second_pair_makes_room() {
        let mut backlog = Backlog::default();
        backlog.handle_opened(at(0), pair(13));
        filled(&mut backlog, at(1), pair(13), ALONE);
        assert!(!backlog.is_reading());
        backlog.handle_opened(at(2), pair(15));
        assert!(backlog.is_reading());
    }

    #[test]
    fn of_two_slow_apps_the_one_with_more_is_stalled_first() {
        let mut backlog = Backlog::default();
        for (stream, bytes) in [(13, 1000), (15, SHARED), (17, 0)] {
            backlog.handle_opened(at(0), pair(stream));
            backlog.handle_received(at(0), pair(stream), bytes);
        }
        backlog.handle_read(at(0));
        assert_eq!(backlog.stalled().map(|(pair, _)| pair), Some(pair(15)));
    }
}
