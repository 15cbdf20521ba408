use std::collections::BTreeMap;

use podline_wire::Untrusted;

use super::failure::Failure;

/// Reasons that are told apart for one measure; the rest is counted together.
const KEPT_REASONS: usize = 20;

/// What went wrong, by reason.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Failures {
    counts: BTreeMap<String, u64>,
}

impl Failures {
    /// How many there are.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The reasons, each with how often it was met.
    pub fn iter(&self) -> impl Iterator<Item = (Untrusted, u64)> {
        let counts = self.counts.iter();
        counts.map(|(reason, count)| (Untrusted::new(reason.as_str()), *count))
    }

    pub(super) fn add(&mut self, failure: &Failure) {
        self.add_reason(failure.told());
    }

    pub(super) fn add_reason(&mut self, reason: String) {
        self.add_times(reason, 1);
    }

    pub(super) fn merge(&mut self, others: Self) {
        for (reason, times) in others.counts {
            self.add_times(reason, times);
        }
    }

    fn add_times(&mut self, reason: String, times: u64) {
        let is_kept = self.counts.contains_key(&reason) || self.counts.len() < KEPT_REASONS;
        let reason = if is_kept {
            reason
        } else {
            "other reasons".to_owned()
        };
        *self.counts.entry(reason).or_default() += times;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_by_reason_and_their_kinds_are_bounded() {
        let mut failures = Failures::default();
        failures.add(&Failure::WrongBytes);
        for number in 0..100 {
            failures.add_reason(format!("reason {number}"));
        }
        failures.add(&Failure::WrongBytes);
        assert_eq!(failures.total(), 102);
        assert_eq!(failures.iter().count(), KEPT_REASONS + 1);
        let wrong = failures
            .iter()
            .find(|(reason, _)| reason.as_raw().starts_with("other bytes"));
        assert_eq!(wrong.map(|(_, count)| count), Some(2));
    }
}
