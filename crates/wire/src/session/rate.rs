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
    last: Time,
    fast: bool,
}

impl Rate {
    pub(super) fn new(now: Time) -> Self {
        Self {
            window: now,
            bytes: 0,
            last: now,
            fast: false,
        }
    }

    pub(super) fn is_fast(&self) -> bool {
        self.fast
    }

    /// Bytes came. After `quiet_after` without any the session is not fast, whatever came before: a short download is over
    /// then, and one that goes on has its next bytes there by then.
    pub(super) fn handle_received(&mut self, now: Time, quiet_after: Duration, bytes: usize) {
        self.handle_timeout(now, quiet_after);
        self.bytes += bytes as u64;
        self.last = now;
        self.fast |= self.bytes >= FAST;
    }

    /// Begins another window if one is over, or if nothing comes any more.
    pub(super) fn handle_timeout(&mut self, now: Time, quiet_after: Duration) {
        if self.fast && self.last + quiet_after <= now {
            *self = Self::new(now);
            return;
        }
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
    pub(super) fn poll_timeout(&self, quiet_after: Duration) -> Option<(Time, &'static str)> {
        let at = (self.last + quiet_after).min(self.window + WINDOW);
        self.fast.then_some((at, "downstream rate"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_duration(Duration::from_millis(millis))
    }

    const QUIET_AFTER: Duration = Duration::from_millis(600);

    #[test]
    fn a_megabyte_within_a_second_is_fast_at_once() {
        let mut rate = Rate::new(at(0));
        rate.handle_received(at(100), QUIET_AFTER, 600_000);
        assert!(!rate.is_fast() && rate.poll_timeout(QUIET_AFTER).is_none());
        rate.handle_received(at(500), QUIET_AFTER, 600_000);
        assert!(rate.is_fast());
        assert_eq!(rate.poll_timeout(QUIET_AFTER).unwrap().0, at(1000));
    }

    #[test]
    fn a_slow_stream_is_never_fast() {
        let mut rate = Rate::new(at(0));
        for n in 0..100 {
            rate.handle_received(at(n * 100), QUIET_AFTER, 90_000);
            assert!(!rate.is_fast());
        }
    }

    #[test]
    fn a_rate_near_the_bound_does_not_change_its_mind() {
        let mut rate = Rate::new(at(0));
        rate.handle_received(at(0), QUIET_AFTER, 1_100_000);
        for n in 1..100 {
            let bytes = if n % 20 < 10 { 110_000 } else { 70_000 };
            rate.handle_received(at(n * 100), QUIET_AFTER, bytes);
            assert!(rate.is_fast(), "after {n}");
        }
    }

    #[test]
    fn a_session_is_slow_again_once_nothing_comes() {
        for (quiet_after, quiet) in [(QUIET_AFTER, at(1100)), (Duration::from_millis(50), at(550))] {
            let mut rate = Rate::new(at(0));
            rate.handle_received(at(500), quiet_after, 2_000_000);
            assert!(rate.is_fast());
            while let Some((at, _)) = rate.poll_timeout(quiet_after) {
                assert!(at <= quiet);
                rate.handle_timeout(at, quiet_after);
                assert_eq!(rate.is_fast(), at < quiet);
            }
            // What came before counts no more.
            rate.handle_received(quiet, quiet_after, 900_000);
            assert!(!rate.is_fast());
        }
    }

    #[test]
    fn a_session_is_slow_again_after_a_slow_second() {
        let mut rate = Rate::new(at(0));
        rate.handle_received(at(500), QUIET_AFTER, 2_000_000);
        for n in 10..=20 {
            rate.handle_received(at(n * 100), QUIET_AFTER, 10_000);
        }
        assert!(!rate.is_fast());
    }
}
