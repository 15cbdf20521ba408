//! Whether something may be asked for, and when again. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// How long a missing right is taken for missing. Rights are given now and then, but not every minute.
const RECHECK: Duration = Duration::from_secs(300);
/// The pause after the first failure; it doubles.
const FAILED_FIRST: Duration = Duration::from_millis(200);
/// The longest pause after a failure.
const FAILED_MOST: Duration = Duration::from_secs(15);
/// What lived for so long did not fail.
const LIVED: Duration = Duration::from_secs(10);

/// Whether one sort of request is worth making: a right that podline uses if it is there, and never requires.
#[derive(Debug, Default)]
pub(super) struct Leave {
    refused: Option<Instant>,
    failed: Option<Instant>,
    /// Failures in a row.
    failures: u32,
}

impl Leave {
    /// From when on it may be asked for; `None` is at once.
    pub(super) fn since(&self) -> Option<Instant> {
        if let Some(refused) = self.refused {
            return Some(refused + RECHECK);
        }
        let doublings = self.failures.saturating_sub(1).min(16);
        Some(self.failed? + (FAILED_FIRST * (1 << doublings)).min(FAILED_MOST))
    }

    /// Whether it may be asked for.
    pub(super) fn is_given(&self, now: Instant) -> bool {
        self.since().is_none_or(|since| since <= now)
    }

    /// Whether the right was missing when it was asked for last.
    pub(super) fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// The right is missing.
    pub(super) fn handle_refused(&mut self, now: Instant) {
        self.refused = Some(now);
    }

    /// The right is there.
    pub(super) fn handle_granted(&mut self) {
        self.refused = None;
    }

    /// It may be asked for at once, if the right is there.
    pub(super) fn forget_failures(&mut self) {
        self.failures = 0;
        self.failed = None;
    }

    /// What was asked for came to its end after `lived`.
    pub(super) fn handle_end(&mut self, now: Instant, lived: Duration) {
        if lived >= LIVED {
            self.forget_failures();
        } else {
            self.failures = self.failures.saturating_add(1);
            self.failed = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_is_asked_for_again_after_a_while() {
        let now = Instant::now();
        let mut leave = Leave::default();
        assert!(leave.is_given(now) && !leave.is_refused());
        leave.handle_refused(now);
        assert!(leave.is_refused() && !leave.is_given(now + RECHECK / 2));
        assert!(leave.is_given(now + RECHECK) && leave.is_refused());
        leave.handle_granted();
        assert!(leave.is_given(now) && !leave.is_refused());
    }

    #[test]
    fn what_ends_at_once_is_asked_for_less_and_less_often() {
        let now = Instant::now();
        let mut leave = Leave::default();
        let mut pause = |lived| {
            leave.handle_end(now, lived);
            leave.since().map(|since| (since - now).as_millis())
        };
        let pauses: Vec<_> = (0..9).map(|_| pause(Duration::ZERO)).collect();
        let expected = [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 15_000, 15_000];
        assert_eq!(pauses, expected.map(Some));
        assert_eq!(pause(LIVED), None);
        assert_eq!(pause(Duration::ZERO), Some(200));
    }
}
