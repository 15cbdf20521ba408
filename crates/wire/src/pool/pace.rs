//! How fast sessions may be made: a rate for all, a slower one for those that nobody waits for, and a growing pause
//! after failures.

use std::collections::VecDeque;
use std::time::Duration;

use crate::Time;

/// Sessions started a second, at most: an upgrade costs the API server, the kubelet and the runtime some milliseconds.
const A_SECOND: usize = 50;

/// The least time between two sessions that nobody waits for, so that making them takes little from the connections
/// that are there.
const SPARE_PAUSE: Duration = Duration::from_millis(50);

/// How long a connection that takes an idle session has the machines on the way for itself before another is made in its place:
/// longer than the round trip of most clusters, so that connections which come together get their first bytes before, and those
/// that last no longer need no other session at all.
const SPARE_DELAY: Duration = Duration::from_millis(200);

/// The pause after the first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause that comes from doubling, and while a connection waits.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
const LONGEST_PAUSE_HELD: Duration = Duration::from_secs(1);

/// The longest pause that a server may ask for, and while a connection waits.
const LONGEST_ASKED: Duration = Duration::from_secs(60);
const LONGEST_ASKED_HELD: Duration = Duration::from_secs(5);

/// Who wants the next session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// A connection waits for it.
    Held,
    /// Nobody yet.
    Spare,
}

#[derive(Debug)]
pub(super) struct Pace {
    starts: VecDeque<Time>,
    failures: u32,
    failed_at: Option<Time>,
    /// When the last of `failures` was known.
    counted_at: Option<Time>,
    spare_from: Time,
    /// The end of the pause after a failure, if a connection waits.
    held_from: Time,
    /// Until when the server wants to be left alone, if a connection waits.
    asked_until: Time,
}

impl Pace {
    pub(super) fn new(now: Time) -> Self {
        Self {
            starts: VecDeque::new(),
            failures: 0,
            failed_at: None,
            counted_at: None,
            spare_from: now,
            held_from: now,
            asked_until: now,
        }
    }

    /// Whether the last that is known is a failure.
    pub(super) fn is_failing(&self) -> bool {
        self.failures > 0
    }

    pub(super) fn allows(&self, now: Time, need: Need) -> bool {
        self.next(now, need) <= now
    }

    /// When the next session may be started.
    pub(super) fn next(&self, now: Time, need: Need) -> Time {
        let rate = match self.starts.front() {
            Some(&oldest) if self.starts.len() >= A_SECOND => oldest + Duration::from_secs(1),
            _ => now,
        };
        let paused = match need {
            Need::Held => self.held_from.max(self.asked_until),
            Need::Spare => self.spare_from,
        };
        rate.max(paused)
    }

    pub(super) fn handle_start(&mut self, now: Time) {
        self.starts.push_back(now);
        if self.starts.len() > A_SECOND {
            self.starts.pop_front();
        }
        self.spare_from = self.spare_from.max(now + SPARE_PAUSE);
    }

    /// A connection comes, and no session that nobody waits for was wanted until now.
    pub(super) fn handle_request(&mut self, now: Time) {
        self.spare_from = self.spare_from.max(now + SPARE_DELAY);
    }

    /// A connection begins to wait: it is tried for at once, whatever failed before. Only a try that has just failed
    /// is not repeated, and what the server asked for is heeded.
    pub(super) fn handle_held(&mut self, now: Time) {
        let soonest = self.failed_at.map_or(now, |at| at + FIRST_PAUSE / 2).max(now);
        self.held_from = self.held_from.min(soonest);
    }

    pub(super) fn handle_success(&mut self, now: Time) {
        self.forget_failures();
        self.held_from = self.held_from.min(now);
    }

    fn forget_failures(&mut self) {
        self.failures = 0;
        self.failed_at = None;
        self.counted_at = None;
    }

    /// The way there may be another one now: what failed before says nothing.
    pub(super) fn handle_wake(&mut self, now: Time) {
        self.forget_failures();
        self.held_from = self.held_from.min(now);
        self.spare_from = self.spare_from.min(now);
    }

    /// A session that was begun at `begun` could not be made. Those that were on their way together fail for the same
    /// reason, and count as one.
    pub(super) fn handle_failure(
        &mut self,
        now: Time,
        begun: Time,
        retry_after: Option<Duration>,
        entropy: u64,
    ) {
        if self.counted_at.is_none_or(|at| begun > at) {
            self.failures += 1;
            self.counted_at = Some(now);
        }
        self.failed_at = Some(now);
        let doubled = FIRST_PAUSE.saturating_mul(1 << (self.failures - 1).min(16));
        // Half of the pause is fixed and half drawn, so that many clients do not come back together.
        let drawn = |longest| {
            doubled
                .min(longest)
                .mul_f64(0.5 + 0.5 * (entropy as f64 / u64::MAX as f64))
        };
        self.held_from = now + drawn(LONGEST_PAUSE_HELD);
        let asked = retry_after.unwrap_or_default();
        self.asked_until = self.asked_until.max(now + asked.min(LONGEST_ASKED_HELD));
        self.spare_from = self
            .spare_from
            .max(now + drawn(LONGEST_PAUSE).max(asked.min(LONGEST_ASKED)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(need: Need) -> Vec<Duration> {
        let mut pace = Pace::new(Time::ZERO);
        let mut now = Time::ZERO;
        let mut pauses = Vec::new();
        for _ in 0..12 {
            pace.handle_failure(now, now, None, u64::MAX);
            let next = pace.next(now, need);
            pauses.push(next.saturating_since(now));
            now = next;
        }
        pauses
    }

    #[test]
    fn pauses_double_up_to_a_bound_that_is_lower_while_a_connection_waits() {
        for (need, longest) in [(Need::Held, LONGEST_PAUSE_HELD), (Need::Spare, LONGEST_PAUSE)] {
            let pauses = pauses(need);
            assert_eq!(pauses[0], FIRST_PAUSE);
            assert_eq!(pauses[1], FIRST_PAUSE * 2);
            assert_eq!(pauses[11], longest);
        }
    }

    #[test]
    fn success_ends_the_doubling_and_half_of_a_pause_is_drawn() {
        let mut pace = Pace::new(Time::ZERO);
        pace.handle_failure(Time::ZERO, Time::ZERO, None, u64::MAX);
        pace.handle_failure(Time::ZERO, Time::ZERO, None, u64::MAX);
        pace.handle_success(Time::ZERO);
        assert!(pace.allows(Time::ZERO, Need::Held));
        pace.handle_failure(Time::ZERO, Time::ZERO, None, 0);
        assert_eq!(pace.next(Time::ZERO, Need::Held), Time::ZERO + FIRST_PAUSE / 2);
    }

    #[test]
    fn sessions_that_fail_together_count_as_one_failure() {
        let mut pace = Pace::new(Time::ZERO);
        let mut now = Time::ZERO;
        for _ in 0..16 {
            now += Duration::from_millis(1);
            pace.handle_failure(now, Time::ZERO, None, u64::MAX);
        }
        assert_eq!(pace.next(now, Need::Spare), now + FIRST_PAUSE);
        // However many are on their way all the time.
        for (begun, pauses) in [(1, 1), (2, 2), (2, 2), (18, 2), (19, 4), (19, 4)] {
            now += Duration::from_millis(1);
            let begun = Time::ZERO + Duration::from_millis(begun);
            pace.handle_failure(now, begun, None, u64::MAX);
            assert_eq!(
                pace.next(now, Need::Spare),
                now + FIRST_PAUSE * pauses,
                "{begun:?}"
            );
        }
    }

    #[test]
    fn a_newly_held_connection_is_tried_for_at_once_but_not_right_after_a_failure() {
        let mut pace = Pace::new(Time::ZERO);
        let mut now = Time::ZERO;
        for _ in 0..8 {
            now += Duration::from_millis(1);
            pace.handle_failure(now, now, None, u64::MAX);
        }
        pace.handle_held(now);
        assert_eq!(pace.next(now, Need::Held), now + FIRST_PAUSE / 2);
        let later = now + FIRST_PAUSE;
        pace.handle_held(later);
        assert!(pace.allows(later, Need::Held));
        assert!(!pace.allows(later, Need::Spare));
    }

    #[test]
    fn no_more_than_so_many_start_in_a_second() {
        let mut pace = Pace::new(Time::ZERO);
        for _ in 0..A_SECOND {
            assert!(pace.allows(Time::ZERO, Need::Held));
            pace.handle_start(Time::ZERO);
        }
        assert!(!pace.allows(Time::ZERO, Need::Held));
        assert!(pace.allows(Time::ZERO + Duration::from_secs(1), Need::Held));
    }

    #[test]
    fn sessions_that_nobody_waits_for_are_started_one_after_the_other() {
        let mut pace = Pace::new(Time::ZERO);
        pace.handle_start(Time::ZERO);
        assert!(pace.allows(Time::ZERO, Need::Held));
        assert_eq!(pace.next(Time::ZERO, Need::Spare), Time::ZERO + SPARE_PAUSE);
    }

    #[test]
    fn a_connection_delays_the_sessions_that_nobody_waits_for() {
        let mut pace = Pace::new(Time::ZERO);
        pace.handle_request(Time::ZERO);
        assert!(pace.allows(Time::ZERO, Need::Held));
        assert_eq!(pace.next(Time::ZERO, Need::Spare), Time::ZERO + SPARE_DELAY);
    }

    #[test]
    fn a_server_may_ask_for_a_longer_pause_within_bounds() {
        let mut pace = Pace::new(Time::ZERO);
        pace.handle_failure(Time::ZERO, Time::ZERO, Some(Duration::from_secs(3600)), 0);
        assert_eq!(pace.next(Time::ZERO, Need::Spare), Time::ZERO + LONGEST_ASKED);
        pace.handle_held(Time::ZERO);
        assert_eq!(pace.next(Time::ZERO, Need::Held), Time::ZERO + LONGEST_ASKED_HELD);
    }

    #[test]
    fn after_a_wake_nothing_is_waited_for() {
        let mut pace = Pace::new(Time::ZERO);
        pace.handle_failure(Time::ZERO, Time::ZERO, None, 0);
        pace.handle_wake(Time::ZERO);
        assert!(pace.allows(Time::ZERO, Need::Spare) && pace.allows(Time::ZERO, Need::Held));
        assert!(!pace.is_failing());
    }
}
