//! Whether it is worth it to gather reads: by how much comes, and by what gathering brought before.

use std::time::Duration;

use tokio::time::Instant;

/// The rate is looked at whenever so many bytes have come.
const SAMPLE: usize = 1 << 20;

/// Much comes where a sample took no longer than this: 64 MB/s.
const SAMPLE_TIME: Duration = Duration::from_millis(16);

/// Gathering that has brought so much before it waited in vain was worth the wait.
const PAYS: u64 = 32 << 20;

/// So many samples must come fast, one after the other, after gathering has waited in vain again and again: then it
/// costs less than a hundredth of the time.
const MOST_SAMPLES: u32 = 256;

/// Answers of a hundred kilobytes, asked for one after the other, come as fast as a download does, and each of them ends
/// below the mark: gathered, they would all be late. So gathering ends when it waits in vain, and begins again only
/// after twice as much has come fast, unless it had paid.
#[derive(Debug)]
pub(super) struct Worth {
    sampled: usize,
    began: Instant,
    /// Samples in a row that came fast, and how many of them are enough.
    fast: u32,
    enough: u32,
    /// What came since gathering began, while it lasts.
    gathered: Option<u64>,
}

impl Worth {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            sampled: 0,
            began: now,
            fast: 0,
            enough: 1,
            gathered: None,
        }
    }

    /// Counts what was read; whether gathering is to begin. The clock is asked once a sample.
    pub(super) fn handle_read(&mut self, length: usize, now: impl FnOnce() -> Instant) -> bool {
        if let Some(gathered) = &mut self.gathered {
            *gathered += length as u64;
        }
        self.sampled += length;
        if self.sampled < SAMPLE {
            return false;
        }
        self.sampled = 0;
        let now = now();
        let took = now - std::mem::replace(&mut self.began, now);
        self.fast = if took <= SAMPLE_TIME { self.fast + 1 } else { 0 };
        self.gathered.is_none() && self.fast >= self.enough
    }

    /// Gathering has begun.
    pub(super) fn handle_begun(&mut self) {
        self.gathered = Some(0);
    }

    /// Gathering has waited in vain, and has ended.
    pub(super) fn handle_waited(&mut self) {
        let gathered = self.gathered.take().unwrap_or_default();
        self.fast = 0;
        self.enough = if gathered >= PAYS {
            1
        } else {
            (2 * self.enough).min(MOST_SAMPLES)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Has `answers` of so many bytes come in `each`, and gathering wait in vain after each; gives how often it did.
    fn waits(worth: &mut Worth, now: &mut Instant, answers: u32, bytes: usize, each: Duration) -> u32 {
        let mut waits = 0;
        for _ in 0..answers {
            *now += each;
            if worth.handle_read(bytes, || *now) {
                worth.handle_begun();
            } else if worth.gathered.is_some() {
                waits += 1;
                worth.handle_waited();
            }
        }
        waits
    }

    #[test]
    fn much_is_a_sample_in_its_time() {
        let began = Instant::now();
        let mut worth = Worth::new(began);
        assert!(!worth.handle_read(SAMPLE - 1, || unreachable!("the sample is not full")));
        assert!(worth.handle_read(1, || began + SAMPLE_TIME));
        assert!(!worth.handle_read(SAMPLE, || began + 2 * SAMPLE_TIME + Duration::from_millis(1)));
        assert!(worth.handle_read(SAMPLE, || began + 3 * SAMPLE_TIME));
    }

    #[test]
    fn answers_that_end_below_the_mark_are_seldom_late() {
        let mut now = Instant::now();
        let mut worth = Worth::new(now);
        let each = Duration::from_micros(200);
        let late = waits(&mut worth, &mut now, 100_000, 100_000, each);
        assert!(late > 0 && late < 100, "{late} of 100,000 answers were late");
    }

    #[test]
    fn a_download_behind_such_answers_is_gathered_again() {
        let mut now = Instant::now();
        let mut worth = Worth::new(now);
        waits(&mut worth, &mut now, 100_000, 100_000, Duration::from_micros(200));
        let mut piece = || {
            now += Duration::from_millis(1);
            now
        };
        let samples = MOST_SAMPLES + 1;
        assert!((0..samples).any(|_| worth.handle_read(SAMPLE, &mut piece)));
        worth.handle_begun();
        for _ in 0..PAYS / SAMPLE as u64 {
            assert!(!worth.handle_read(SAMPLE, &mut piece));
        }
        worth.handle_waited();
        assert!(worth.handle_read(SAMPLE, piece), "it had paid");
    }
}
