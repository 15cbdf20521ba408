use std::collections::VecDeque;

/// Seconds that are remembered.
const SECONDS: usize = 120;

/// What went through a forward in each of the last 120 seconds.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    last: Sample,
    seconds: VecDeque<Sample>,
}

/// Counts: of one second, or since the beginning.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Sample {
    /// Connections that were accepted.
    pub accepted: u64,
    /// Bytes that apps sent.
    pub sent: u64,
    /// Bytes that apps received.
    pub received: u64,
}

impl Rates {
    /// A second has passed, in which the counts since the beginning became `now`.
    pub(crate) fn handle_second(&mut self, now: Sample) {
        if self.seconds.len() == SECONDS {
            self.seconds.pop_front();
        }
        self.seconds.push_back(now.since(self.last));
        self.last = now;
    }

    /// The seconds, the latest last.
    pub fn seconds(&self) -> impl DoubleEndedIterator<Item = Sample> + ExactSizeIterator + '_ {
        self.seconds.iter().copied()
    }

    /// The mean of the last `seconds` at most, per second.
    pub fn mean(&self, seconds: usize) -> Sample {
        let count = seconds.min(self.seconds.len()) as u64;
        let sum = self
            .seconds()
            .rev()
            .take(seconds)
            .fold(Sample::default(), Sample::plus);
        let mean = |sum: u64| sum.checked_div(count).unwrap_or(0);
        Sample {
            accepted: mean(sum.accepted),
            sent: mean(sum.sent),
            received: mean(sum.received),
        }
    }
}

impl Sample {
    pub(crate) fn new(accepted: u64, sent: u64, received: u64) -> Self {
        Self {
            accepted,
            sent,
            received,
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            accepted: self.accepted + other.accepted,
            sent: self.sent + other.sent,
            received: self.received + other.received,
        }
    }

    /// What has been added since `before`. Never less than nothing: counts of a connection are read while it goes on.
    fn since(self, before: Self) -> Self {
        Self {
            accepted: self.accepted.saturating_sub(before.accepted),
            sent: self.sent.saturating_sub(before.sent),
            received: self.received.saturating_sub(before.received),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_what_was_added_in_it() {
        let mut rates = Rates::default();
        assert_eq!(rates.mean(10), Sample::default());
        for now in [(1, 10, 100), (1, 40, 400), (3, 40, 1000)] {
            rates.handle_second(Sample::new(now.0, now.1, now.2));
        }
        let seconds: Vec<Sample> = rates.seconds().collect();
        assert_eq!(
            seconds,
            [
                Sample::new(1, 10, 100),
                Sample::new(0, 30, 300),
                Sample::new(2, 0, 600)
            ]
        );
        assert_eq!(rates.mean(2), Sample::new(1, 15, 450));
        assert_eq!(rates.mean(60), Sample::new(1, 13, 333));
    }

    #[test]
    fn only_the_last_seconds_are_kept() {
        let mut rates = Rates::default();
        for second in 1..=300 {
            rates.handle_second(Sample::new(0, second * second, 0));
        }
        assert_eq!(rates.seconds().len(), SECONDS);
        let last = rates.seconds().next_back().unwrap();
        assert_eq!(last.sent, 300 * 300 - 299 * 299);
    }
}
