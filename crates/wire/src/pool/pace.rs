//! How fast sessions may be made: a rate for all, and a growing pause after failures.

use std::collections::VecDeque;
use std::time::Duration;

use crate::Time;

/// Sessions started a second, at most: an upgrade costs the API server, the kubelet and the runtime some milliseconds.
const A_SECOND: usize = 50;

/// The pause after the first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause that comes from doubling.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// The longest pause that a server may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Pace {
    starts: VecDeque<Time>,
    failures: u32,
    not_before: Time,
}

impl Pace {
    pub(super) fn new(now: Time) -> Self {
        Self {
            starts: VecDeque::new(),
            failures: 0,
            not_before: now,
        }
    }

    pub(super) fn allows(&self, now: Time) -> bool {
        self.next(now) <= now
    }

    /// When the next session may be started.
    pub(super) fn next(&self, now: Time) -> Time {
        let rate = match self.starts.front() {
            Some(&oldest) if self.starts.len() >= A_SECOND => oldest + Duration::from_secs(1),
            _ => now,
        };
        rate.max(self.not_before)
    }

    pub(super) fn handle_start(&mut self, now: Time) {
        self.starts.push_back(now);
        if self.starts.len() > A_SECOND {
            self.starts.pop_front();
        }
    }

    pub(super) fn handle_success(&mut self) {
        self.failures = 0;
    }

    pub(super) fn handle_failure(&mut self, now: Time, retry_after: Option<Duration>, entropy: u64) {
        let doubled = FIRST_PAUSE
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST_PAUSE);
        self.failures += 1;
        // Half of the pause is fixed and half drawn, so that many clients do not come back together.
        let drawn = doubled.mul_f64(0.5 + 0.5 * (entropy as f64 / u64::MAX as f64));
        let pause = retry_after.map_or(drawn, |asked| asked.min(LONGEST_ASKED).max(drawn));
        self.not_before = now + pause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_success_ends_them() {
        let mut pace = Pace::new(Time::ZERO);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            pace.handle_failure(Time::ZERO, None, u64::MAX);
            pauses.push(pace.next(Time::ZERO).saturating_since(Time::ZERO));
        }
        assert_eq!(pauses[0], FIRST_PAUSE);
        assert_eq!(pauses[1], FIRST_PAUSE * 2);
        assert_eq!(pauses[11], LONGEST_PAUSE);
        pace.handle_success();
        pace.handle_failure(Time::ZERO, None, 0);
        assert_eq!(pace.next(Time::ZERO), Time::ZERO + FIRST_PAUSE / 2);
    }

    #[test]
    fn no_more_than_so_many_start_in_a_second() {
        let mut pace = Pace::new(Time::ZERO);
        for _ in 0..A_SECOND {
            assert!(pace.allows(Time::ZERO));
            pace.handle_start(Time::ZERO);
        }
        assert!(!pace.allows(Time::ZERO));
        assert!(pace.allows(Time::ZERO + Duration::from_secs(1)));
    }

    #[test]
    fn a_server_may_ask_for_a_longer_pause_within_bounds() {
        let mut pace = Pace::new(Time::ZERO);
        pace.handle_failure(Time::ZERO, Some(Duration::from_secs(3600)), 0);
        assert_eq!(pace.next(Time::ZERO), Time::ZERO + LONGEST_ASKED);
    }
}
