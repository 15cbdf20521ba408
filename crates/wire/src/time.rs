use std::ops::{Add, AddAssign};
use std::time::Duration;

/// A moment, as the time since an epoch of the caller's choice.
///
/// The state machines never ask for the time, they are told. A tokio program counts from its start, a
/// simulation from zero.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Time(Duration);

impl Time {
    /// The epoch itself.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// The moment `since_epoch` after the epoch.
    pub const fn from_duration(since_epoch: Duration) -> Self {
        Self(since_epoch)
    }

    /// How long after the epoch this is.
    pub const fn as_duration(self) -> Duration {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Saturates, so that a deadline of [`Duration::MAX`] means never.
impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(rhs))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, rhs: Duration) {
        *self = *self + rhs;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_never_go_below_zero() {
        let early = Time::from_duration(Duration::from_secs(1));
        let late = early + Duration::from_millis(500);
        assert_eq!(late.saturating_since(early), Duration::from_millis(500));
        assert_eq!(early.saturating_since(late), Duration::ZERO);
    }

    #[test]
    fn a_deadline_of_max_is_never_reached_and_never_overflows() {
        let mut never = Time::from_duration(Duration::from_secs(1)) + Duration::MAX;
        never += Duration::MAX;
        assert_eq!(never.as_duration(), Duration::MAX);
    }
}
