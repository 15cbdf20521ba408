//! Whether the machine slept.

use std::time::Duration;

/// How often [`Wake::handle_tick`] wants to be called, at least.
pub const WAKE_TICK: Duration = Duration::from_secs(2);

/// A tick that comes so much later than it should, by the wall clock, means sleep. A clock that is put right by less is
/// not taken for it, and a probe in vain does no harm.
const JUMP: Duration = Duration::from_secs(5);

/// Notices that the machine slept: the clock that timers run by stood still (Linux and macOS), or its ticks did not come
/// (Windows), but the wall clock went on.
#[derive(Clone, Copy, Debug)]
pub struct Wake {
    last: Duration,
}

impl Wake {
    /// `wall` is the time of the wall clock, from any epoch.
    pub fn new(wall: Duration) -> Self {
        Self { last: wall }
    }

    /// The wall clock shows `wall`. True if the machine has slept since the last tick.
    pub fn handle_tick(&mut self, wall: Duration) -> bool {
        let passed = wall.saturating_sub(self.last);
        self.last = wall;
        passed >= WAKE_TICK + JUMP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_of_the_wall_clock_is_a_sleep_and_told_once() {
        let mut wall = Duration::from_secs(1_000_000);
        let mut wake = Wake::new(wall);
        for _ in 0..3 {
            wall += WAKE_TICK;
            assert!(!wake.handle_tick(wall));
        }
        wall += Duration::from_secs(3600);
        assert!(wake.handle_tick(wall));
        wall += WAKE_TICK;
        assert!(!wake.handle_tick(wall));
    }

    #[test]
    fn a_clock_that_is_put_right_is_no_sleep() {
        let mut wake = Wake::new(Duration::from_secs(100));
        assert!(
            !wake.handle_tick(Duration::from_secs(104)),
            "forward by two seconds"
        );
        assert!(!wake.handle_tick(Duration::from_secs(50)), "back by a lot");
        assert!(!wake.handle_tick(Duration::from_secs(52)));
    }
}
