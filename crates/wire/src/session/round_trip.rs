//! The smoothed time from a fence to its answer.

use std::time::Duration;

/// A lane that takes longer than this to answer is late, however quick it was before.
const LATE_AFTER: Duration = Duration::from_secs(1);

/// A lane is late after so many smoothed round trips.
const LATE_ROUND_TRIPS: u32 = 8;

/// A lane that takes longer than this to answer is late, however slow it was before: the peer would be taken for dead
/// ([`super::PONG_DEADLINE`]) before a stalled lane is seen to be late.
const LATE_AT_LAST: Duration = Duration::from_secs(5);

/// The shortest pause that tells that nothing more is on its way, however short the way is.
const QUIET_AFTER: Duration = Duration::from_millis(50);

/// An exponentially smoothed round trip (RFC 6298 section 2: one eighth of each new sample).
#[derive(Debug, Default)]
pub(super) struct RoundTrip {
    smoothed: Option<Duration>,
}

impl RoundTrip {
    pub(super) fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }

    /// How long an answer may take.
    pub(super) fn late_after(&self) -> Duration {
        self.smoothed.map_or(LATE_AFTER, |smoothed| {
            (smoothed * LATE_ROUND_TRIPS).clamp(LATE_AFTER, LATE_AT_LAST)
        })
    }

    /// After how long without a byte a stream of them is over, and not only waited for.
    pub(super) fn quiet_after(&self) -> Duration {
        QUIET_AFTER.max(2 * self.smoothed.unwrap_or_default())
    }

    /// An answer took so long. What is beyond the time after which a lane is late tells of the pod, not of the way: a pod that
    /// reads again after an hour makes no answer late that is.
    pub(super) fn handle_sample(&mut self, took: Duration) {
        let took = took.min(LATE_AT_LAST);
        self.smoothed = Some(self.smoothed.map_or(took, |smoothed| smoothed * 7 / 8 + took / 8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_over_after_two_round_trips_and_not_sooner_than_after_a_moment() {
        let mut round_trip = RoundTrip::default();
        assert_eq!(round_trip.quiet_after(), Duration::from_millis(50));
        round_trip.handle_sample(Duration::from_millis(300));
        assert_eq!(round_trip.quiet_after(), Duration::from_millis(600));
    }
}
