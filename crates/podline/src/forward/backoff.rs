use std::time::Duration;

/// The first pause between two tries to find a pod again; it doubles.
const FIRST: Duration = Duration::from_millis(100);
/// The longest one while a connection is held.
const MOST_HELD: Duration = Duration::from_secs(1);
/// The longest one otherwise.
const MOST: Duration = Duration::from_secs(15);

/// Pauses between tries: they double, and up to half of each is left to chance, so that many forwards do not come
/// back to a server at the same moment.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { next: FIRST }
    }

    /// The next pause. `entropy` is a random number.
    pub(crate) fn pause(&mut self, is_held: bool, entropy: u64) -> Duration {
        let most = if is_held { MOST_HELD } else { MOST };
        let whole = self.next.min(most);
        self.next = (self.next * 2).min(MOST);
        let half = whole / 2;
        let chance = half.mul_f64(entropy as f64 / u64::MAX as f64);
        half + chance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_what_is_allowed() {
        let mut backoff = Backoff::new();
        let pauses: Vec<u128> = (0..10)
            .map(|_| backoff.pause(false, u64::MAX).as_millis())
            .collect();
        assert_eq!(
            pauses,
            [100, 200, 400, 800, 1600, 3200, 6400, 12800, 15000, 15000]
        );
    }

    #[test]
    fn a_held_connection_waits_no_longer_than_a_second() {
        let mut backoff = Backoff::new();
        let pauses: Vec<u128> = (0..6)
            .map(|_| backoff.pause(true, u64::MAX).as_millis())
            .collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1000, 1000]);
    }

    #[test]
    fn half_of_a_pause_is_chance() {
        let pause = |entropy| Backoff::new().pause(true, entropy);
        assert_eq!(pause(0), FIRST / 2);
        assert_eq!(pause(u64::MAX), FIRST);
        let middle = pause(u64::MAX / 2);
        assert!(middle > FIRST / 2 && middle < FIRST);
    }
}
