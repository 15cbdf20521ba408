//! Whether so much comes down a session that a newcomer's bytes would wait behind it.

use std::time::Duration;

use crate::Time;

/// How long is counted at a time.
const WINDOW: Duration = Duration::from_secs(1);

/// A session is fast from so many bytes in a window on: 1 MB/s.
const FAST: u64 = 1_000_000;

/// It is fast until fewer than this came in a whole window, so that one near the bound does not change all the time.
const SLOW: u64 = FAST / 2;

/// The rate at which the pod's bytes come, as far as it matters to neighbours.
#[derive(Debug)]
pub(super) struct Rate {
    window: Time,
    bytes: u64,
    fast: bool,
}

impl Rate {
    pub(super) fn new(now: Time) -> Self {
        Self {
            window: now,
            bytes: 0,
            fast: false,
        }
    }

    pub(super) fn is_fast(&self) -> bool {
        self.fast
    }

    pub(super) fn handle_received(&mut self, now: Time, bytes: usize) {
        self.handle_timeout(now);
        self.bytes += bytes as u64;
        self.fast |= self.bytes >= FAST;
    }

    /// Begins another window if one is over.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        let passed = now.saturating_since(self.window);
        if passed < WINDOW {
            return;
        }
        // What came in a window says nothing of one that is over without a byte.
        if self.bytes < SLOW || passed >= 2 * WINDOW {
            self.fast = false;
        }
        self.window = now;
        self.bytes = 0;
    }

    /// When the session may cease to be fast.
    pub(super) fn poll_timeout(&self) -> Option<(Time, &'static str)> {
        self.fast.then(|| (self.window + WINDOW, "downstream rate"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_duration(Duration::from_millis(millis))
    }

    #[test]
    fn a_megabyte_within_a_second_is_fast_at_once() {
        let mut rate = Rate::new(at(0));
        rate.handle_received(at(100), 600_000);
        assert!(!rate.is_fast() && rate.poll_timeout().is_none());
        rate.handle_received(at(200), 600_000);
        assert!(rate.is_fast());
        assert_eq!(rate.poll_timeout().unwrap().0, at(1000));
    }

    #[test]
    fn a_slow_stream_is_never_fast() {
        let mut rate = Rate::new(at(0));
        for n in 0..100 {
            rate.handle_received(at(n * 100), 90_000);
            assert!(!rate.is_fast());
        }
    }

    #[test]
    fn a_rate_near_the_bound_does_not_change_its_mind() {
        let mut rate = Rate::new(at(0));
        rate.handle_received(at(0), 1_100_000);
        for n in 1..100 {
            rate.handle_received(at(n * 100), if n % 20 < 10 { 110_000 } else { 70_000 });
            assert!(rate.is_fast(), "after {n}");
        }
    }

    #[test]
    fn a_session_is_slow_again_after_a_quiet_second() {
        let mut rate = Rate::new(at(0));
        rate.handle_received(at(500), 2_000_000);
        rate.handle_timeout(at(1000));
        assert!(rate.is_fast(), "all of that came within the second");
        rate.handle_timeout(at(2000));
        assert!(!rate.is_fast());
        assert_eq!(rate.poll_timeout(), None);
    }
}
