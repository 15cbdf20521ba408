/// The values measured for one figure, in the order in which they were measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub(crate) fn values(&self) -> &[f64] {
        &self.0
    }

    /// What the values say together; `None` where there are none.
    pub(crate) fn summary(&self) -> Option<Summary> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let (&smallest, &largest) = (sorted.first()?, sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Some(Summary {
            median,
            smallest,
            largest,
        })
    }
}

/// The median of some samples and how far they spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) smallest: f64,
    pub(crate) largest: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(values: &[f64]) -> Option<Summary> {
        Samples(values.to_vec()).summary()
    }

    #[test]
    fn nothing_measured_has_no_summary() {
        assert_eq!(summary(&[]), None);
    }

    #[test]
    fn an_odd_count_has_a_middle() {
        assert_eq!(
            summary(&[9.0, 1.0, 4.0]),
            Some(Summary {
                median: 4.0,
                smallest: 1.0,
                largest: 9.0
            })
        );
    }

    #[test]
    fn an_even_count_takes_the_mean_of_the_two_in_the_middle() {
        assert_eq!(
            summary(&[8.0, 1.0, 2.0, 4.0]),
            Some(Summary {
                median: 3.0,
                smallest: 1.0,
                largest: 8.0
            })
        );
    }

    #[test]
    fn values_keep_their_order() {
        let mut samples = Samples::default();
        samples.push(3.0);
        samples.push(1.0);
        assert_eq!(samples.values(), [3.0, 1.0]);
    }
}
