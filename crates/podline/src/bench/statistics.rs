//! What many times say together. No io.

use std::time::Duration;

/// The most times that one measure takes.
pub(super) const MOST_SAMPLES: usize = 100_000;

/// Times of one sort, in the order in which they were measured.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples(Vec<Duration>);

/// How some times are spread.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Times {
    /// How many there are; one at least.
    pub count: usize,
    /// The shortest.
    pub least: Duration,
    /// The one in the middle; of an even number, the mean of the two there.
    pub median: Duration,
    /// The shortest that nine tenths of them do not exceed.
    pub p90: Duration,
    /// The shortest that 99 of 100 do not exceed.
    pub p99: Duration,
    /// The longest.
    pub most: Duration,
}

impl Samples {
    pub(super) fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MOST_SAMPLES
    }

    /// What they say together; None where there are none.
    pub(super) fn times(mut self) -> Option<Times> {
        self.0.sort_unstable();
        let sorted = self.0;
        let (&least, &most) = (sorted.first()?, sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            // Halved first, so that no sum is too large.
            sorted[middle - 1] + (sorted[middle] - sorted[middle - 1]) / 2
        };
        Some(Times {
            count: sorted.len(),
            least,
            median,
            p90: sorted[rank(sorted.len(), 90)],
            p99: sorted[rank(sorted.len(), 99)],
            most,
        })
    }
}

/// The place, in order, of the first of `count` values that `percent` of them do not exceed (nearest rank).
fn rank(count: usize, percent: usize) -> usize {
    (count * percent).div_ceil(100).saturating_sub(1)
}

/// How many there are in a second, of `number` in `time`; none in no time.
pub(super) fn per_second(number: u64, time: Duration) -> f64 {
    if time.is_zero() {
        return 0.0;
    }
    #[allow(clippy::cast_precision_loss, reason = "a rate is not that exact")]
    let number = number as f64;
    number / time.as_secs_f64()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use proptest::prelude::*;

    use super::*;

    fn times(ms: impl IntoIterator<Item = u64>) -> Option<Times> {
        Samples(ms.into_iter().map(Duration::from_millis).collect()).times()
    }

    fn ms(times: Times) -> [u128; 5] {
        [times.least, times.median, times.p90, times.p99, times.most].map(|time| time.as_millis())
    }

    #[test]
    fn nothing_measured_says_nothing() {
        assert_eq!(times([]), None);
    }

    #[test]
    fn one_time_is_all_of_them() {
        assert_eq!(ms(times([7]).unwrap()), [7; 5]);
    }

    #[test]
    fn an_even_count_takes_the_mean_of_the_two_in_the_middle() {
        assert_eq!(ms(times([9, 1, 4]).unwrap())[1], 4);
        assert_eq!(ms(times([8, 1, 2, 4]).unwrap())[1], 3);
    }

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        assert_eq!(ms(times(1..=100).unwrap()), [1, 50, 90, 99, 100]);
        assert_eq!(ms(times(1..=10).unwrap()), [1, 5, 9, 10, 10]);
        assert_eq!(ms(times(1..=1000).unwrap()), [1, 500, 900, 990, 1000]);
    }

    #[test]
    fn a_rate_is_by_the_second() {
        assert!((per_second(300, Duration::from_millis(1500)) - 200.0).abs() < 1e-9);
        assert!(per_second(300, Duration::ZERO).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn they_are_in_order_and_as_many_do_not_exceed_them_as_is_said(
            values in prop::collection::vec(0..1000_u64, 1..300),
        ) {
            let times = times(values.iter().copied()).unwrap();
            let order = [times.least, times.median, times.p90, times.p99, times.most];
            prop_assert!(order.is_sorted());
            let within = |limit| values.iter().filter(|&&value| Duration::from_millis(value) <= limit).count();
            prop_assert!(within(times.p90) * 100 >= values.len() * 90);
            prop_assert!(within(times.p99) * 100 >= values.len() * 99);
            prop_assert_eq!(within(times.most), values.len());
        }
    }
}
