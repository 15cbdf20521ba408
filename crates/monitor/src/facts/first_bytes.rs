use std::time::Duration;

/// The upper bounds of the classes, in milliseconds: from a pod beside to one that thinks for a while. The last class is for
/// everything longer.
const BOUNDS: [u64; 12] = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000];

/// How long connections waited for their first byte, in classes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FirstBytes {
    counts: [u64; BOUNDS.len() + 1],
    sum: Duration,
}

impl FirstBytes {
    /// A connection waited so long.
    pub(super) fn handle(&mut self, waited: Duration) {
        let class = BOUNDS.partition_point(|bound| Duration::from_millis(*bound) < waited);
        self.counts[class] += 1;
        self.sum = self.sum.saturating_add(waited);
    }

    /// Each class: its upper bound, which belongs to it and is none for the last, and how many are in it.
    pub fn classes(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        let bounds = BOUNDS.map(|bound| Some(Duration::from_millis(bound)));
        bounds.into_iter().chain([None]).zip(self.counts)
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All waits together.
    pub fn sum(&self) -> Duration {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_class_and_what_is_longer_to_the_last() {
        let mut waits = FirstBytes::default();
        for milliseconds in [0, 5, 6, 30_000, 30_001, 600_000] {
            waits.handle(Duration::from_millis(milliseconds));
        }
        let classes: Vec<_> = waits.classes().collect();
        assert_eq!(classes.len(), 13);
        assert_eq!(classes[0], (Some(Duration::from_millis(5)), 2));
        assert_eq!(classes[1], (Some(Duration::from_millis(10)), 1));
        assert_eq!(classes[11], (Some(Duration::from_secs(30)), 1));
        assert_eq!(classes[12], (None, 2));
        assert_eq!((waits.count(), waits.sum()), (6, Duration::from_millis(660_012)));
    }
}
