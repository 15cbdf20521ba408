//! When to look at a target again. Pure: what happened and the time go in, the time of the next look comes out.

use std::time::Duration;

use tokio::time::Instant;

/// How often is looked while something is held or changes.
const OFTEN: Duration = Duration::from_secs(2);
/// How often is looked otherwise, and how long something counts as changing after it has.
const SELDOM: Duration = Duration::from_secs(15);
/// How often is looked where all changes are told: to be safe from what a watch did not tell.
const TOLD: Duration = Duration::from_secs(300);
/// The least time between two looks, however many ask for one.
const LEAST: Duration = Duration::from_millis(150);
/// The pause after the first failure; it doubles.
const FAILED_FIRST: Duration = Duration::from_millis(100);
/// The longest pause after a failure while something is held.
const FAILED_HURRIED: Duration = Duration::from_secs(1);

/// What came of a look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Seen {
    /// Something else than before.
    Change,
    /// A failure that may be over soon: there is no way to the server, or it is busy.
    Failure,
    /// A failure that lasts until somebody does something about it: a right is missing, a login.
    Refusal,
    /// The same as before.
    Same,
}

/// When to look again.
#[derive(Debug)]
pub(super) struct Schedule {
    is_hurried: bool,
    is_told: bool,
    is_asked: bool,
    /// What the last look came to, and when it ended.
    last: Option<(Seen, Instant)>,
    changed: Option<Instant>,
    /// Failures in a row.
    failures: u32,
    /// What of a pause after a failure is left to chance, from 0.5 to 1, so that many do not come back at once.
    chance: f64,
}

impl Schedule {
    pub(super) fn new() -> Self {
        Self {
            is_hurried: false,
            is_told: false,
            is_asked: false,
            last: None,
            changed: None,
            failures: 0,
            chance: 1.0,
        }
    }

    /// Whether something is held.
    pub(super) fn hurry(&mut self, is_hurried: bool) {
        self.is_hurried = is_hurried;
    }

    /// Whether changes are told, so that there is no need to ask for them.
    pub(super) fn set_told(&mut self, is_told: bool) {
        self.is_told = is_told;
    }

    /// Something else than before was told.
    pub(super) fn handle_told(&mut self, now: Instant) {
        self.changed = Some(now);
    }

    /// Somebody wants to know how things are now.
    pub(super) fn ask(&mut self) {
        self.is_asked = true;
    }

    /// A look begins. Whoever asks from now on wants another one.
    pub(super) fn begin(&mut self) {
        self.is_asked = false;
    }

    /// A look came to its end. `entropy` is a random number.
    pub(super) fn handle_seen(&mut self, now: Instant, seen: Seen, entropy: u64) {
        self.last = Some((seen, now));
        self.chance = 1.0 - (entropy as f64 / u64::MAX as f64) / 2.0;
        match seen {
            Seen::Change => {
                self.changed = Some(now);
                self.failures = 0;
            }
            Seen::Failure => self.failures = self.failures.saturating_add(1),
            Seen::Refusal | Seen::Same => self.failures = 0,
        }
    }

    /// When the next look is due.
    pub(super) fn next(&self, now: Instant) -> Instant {
        let Some((seen, at)) = self.last else {
            return now;
        };
        let due = at + self.pause(seen, at);
        if self.is_asked { due.min(at + LEAST) } else { due }
    }

    fn pause(&self, seen: Seen, at: Instant) -> Duration {
        match seen {
            Seen::Failure => {
                let most = if self.is_hurried { FAILED_HURRIED } else { SELDOM };
                let doublings = self.failures.saturating_sub(1).min(16);
                (FAILED_FIRST * (1 << doublings)).min(most).mul_f64(self.chance)
            }
            Seen::Refusal => SELDOM,
            Seen::Change | Seen::Same if self.is_told => TOLD,
            Seen::Change | Seen::Same => {
                let changes = self
                    .changed
                    .is_some_and(|changed| at.saturating_duration_since(changed) < SELDOM);
                if self.is_hurried || changes { OFTEN } else { SELDOM }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(schedule: &Schedule, now: Instant) -> u128 {
        schedule.next(now).saturating_duration_since(now).as_millis()
    }

    #[test]
    fn the_first_look_is_at_once() {
        assert_eq!(after(&Schedule::new(), Instant::now()), 0);
    }

    #[test]
    fn looks_are_frequent_while_something_changes_or_is_held_and_seldom_otherwise() {
        let mut now = Instant::now();
        let mut schedule = Schedule::new();
        schedule.handle_seen(now, Seen::Change, 0);
        assert_eq!(after(&schedule, now), 2_000);
        now += SELDOM;
        schedule.handle_seen(now, Seen::Same, 0);
        assert_eq!(after(&schedule, now), 15_000);
        schedule.hurry(true);
        assert_eq!(after(&schedule, now), 2_000);
        schedule.hurry(false);
        assert_eq!(after(&schedule, now), 15_000);
    }

    #[test]
    fn what_is_told_is_hardly_ever_looked_at() {
        let now = Instant::now();
        let mut schedule = Schedule::new();
        schedule.hurry(true);
        schedule.set_told(true);
        schedule.handle_seen(now, Seen::Change, 0);
        assert_eq!(after(&schedule, now), TOLD.as_millis());
        schedule.ask();
        assert_eq!(after(&schedule, now), LEAST.as_millis());
        schedule.handle_seen(now, Seen::Failure, 0);
        schedule.begin();
        assert_eq!(after(&schedule, now), 100);
        schedule.handle_seen(now, Seen::Same, 0);
        schedule.set_told(false);
        assert_eq!(after(&schedule, now), 2_000);
    }

    #[test]
    fn a_look_that_is_asked_for_is_soon_but_no_sooner_than_allowed() {
        let mut now = Instant::now();
        let mut schedule = Schedule::new();
        schedule.handle_seen(now, Seen::Same, 0);
        schedule.ask();
        assert_eq!(after(&schedule, now), LEAST.as_millis());
        now += SELDOM / 2;
        assert_eq!(after(&schedule, now), 0);
        schedule.begin();
        schedule.handle_seen(now, Seen::Same, 0);
        assert_eq!(after(&schedule, now), 15_000);
        // One that is asked for during a look is not answered by that.
        schedule.begin();
        schedule.ask();
        schedule.handle_seen(now, Seen::Same, 0);
        assert_eq!(after(&schedule, now), LEAST.as_millis());
    }

    #[test]
    fn pauses_after_failures_double_up_to_what_is_allowed() {
        let now = Instant::now();
        let pauses = |is_hurried, entropy| {
            let mut schedule = Schedule::new();
            schedule.hurry(is_hurried);
            let pauses = (0..40).map(|_| {
                schedule.handle_seen(now, Seen::Failure, entropy);
                after(&schedule, now)
            });
            pauses.collect::<Vec<_>>()
        };
        assert_eq!(pauses(true, 0)[..6], [100, 200, 400, 800, 1_000, 1_000]);
        assert_eq!(pauses(false, 0)[6..10], [6_400, 12_800, 15_000, 15_000]);
        assert_eq!(pauses(false, 0)[39], 15_000);
        assert_eq!(pauses(true, u64::MAX)[..3], [50, 100, 200]);
        // Afterwards it begins anew.
        let mut schedule = Schedule::new();
        for seen in [Seen::Failure, Seen::Failure, Seen::Same, Seen::Failure] {
            schedule.handle_seen(now, seen, 0);
        }
        assert_eq!(after(&schedule, now), 100);
    }

    #[test]
    fn what_somebody_has_to_do_something_about_is_looked_at_seldom() {
        let now = Instant::now();
        let mut schedule = Schedule::new();
        schedule.hurry(true);
        schedule.handle_seen(now, Seen::Refusal, 0);
        assert_eq!(after(&schedule, now), 15_000);
        schedule.ask();
        assert_eq!(after(&schedule, now), LEAST.as_millis());
    }
}
