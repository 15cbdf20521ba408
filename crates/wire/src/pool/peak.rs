//! How many sessions were in use at once lately.

use std::time::Duration;

use crate::Time;

/// How long is looked at at a time; a peak is remembered for one to two of these.
const WINDOW: Duration = Duration::from_secs(30);

/// The most sessions in use at once, in this window and the one before.
#[derive(Debug)]
pub(super) struct Peak {
    window: Time,
    current: usize,
    previous: usize,
}

impl Peak {
    pub(super) fn new(now: Time) -> Self {
        Self {
            window: now,
            current: 0,
            previous: 0,
        }
    }

    /// So many are in use now.
    pub(super) fn note(&mut self, now: Time, used: usize) {
        let passed = now.saturating_since(self.window);
        if passed >= WINDOW {
            self.previous = if passed < 2 * WINDOW { self.current } else { used };
            self.current = used;
            self.window = now;
        }
        self.current = self.current.max(used);
    }

    pub(super) fn most(&self) -> usize {
        self.current.max(self.previous)
    }

    /// When it may be less.
    pub(super) fn next(&self) -> Time {
        self.window + WINDOW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_forgotten_after_two_windows_at_most() {
        let mut peak = Peak::new(Time::ZERO);
        peak.note(Time::ZERO, 7);
        peak.note(Time::ZERO, 1);
        assert_eq!(peak.most(), 7);
        peak.note(peak.next(), 1);
        assert_eq!(peak.most(), 7);
        peak.note(peak.next(), 2);
        assert_eq!(peak.most(), 2);
        peak.note(peak.next() + WINDOW, 0);
        assert_eq!(peak.most(), 0);
    }
}
