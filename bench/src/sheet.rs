use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Display;

use crate::contender::Contender;
use crate::failure::told;
use crate::statistics::Samples;

/// Something that is measured, one row of the report.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Figure {
    /// Its name in JSON.
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: &'static str,
}

/// All that was measured so far.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    rows: Vec<Row>,
    remarks: Vec<String>,
}

/// One figure and what each contender reached.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) figure: &'static Figure,
    pub(crate) readings: BTreeMap<Contender, Reading>,
}

/// What was measured of one figure for one contender.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) samples: Samples,
    /// What went wrong and how often.
    pub(crate) failures: BTreeMap<String, usize>,
    /// Why nothing was measured where nothing went wrong.
    pub(crate) not_measured: Option<String>,
}

/// Kinds of failures that are told apart for one reading; the rest is counted together.
const KEPT_KINDS: usize = 20;

impl Sheet {
    pub(crate) fn add(&mut self, figure: &'static Figure, contender: Contender, value: f64) {
        self.reading(figure, contender).samples.push(value);
    }

    /// Notes a failure for each of the figures that it leaves without a value.
    pub(crate) fn failed(&mut self, figures: &'static [Figure], contender: Contender, failure: &dyn Error) {
        for figure in figures {
            self.failed_times(figure, contender, told(failure), 1);
        }
    }

    pub(crate) fn failed_times(
        &mut self,
        figure: &'static Figure,
        contender: Contender,
        failure: String,
        times: usize,
    ) {
        let failures = &mut self.reading(figure, contender).failures;
        let known = failures.contains_key(&failure) || failures.len() < KEPT_KINDS;
        *failures
            .entry(if known { failure } else { "others".to_owned() })
            .or_default() += times;
    }

    pub(crate) fn not_measured(
        &mut self,
        figures: &'static [Figure],
        contender: Contender,
        reason: &impl Display,
    ) {
        for figure in figures {
            self.reading(figure, contender).not_measured = Some(reason.to_string());
        }
    }

    /// Notes something that helps to understand the figures.
    pub(crate) fn remark(&mut self, remark: String) {
        self.remarks.push(remark);
    }

    pub(crate) fn remarks(&self) -> &[String] {
        &self.remarks
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Whether anything went wrong for `contender`.
    pub(crate) fn has_failures(&self, contender: Contender) -> bool {
        self.rows.iter().any(|row| {
            row.readings
                .get(&contender)
                .is_some_and(|reading| !reading.failures.is_empty())
        })
    }

    fn reading(&mut self, figure: &'static Figure, contender: Contender) -> &mut Reading {
        let index = self
            .rows
            .iter()
            .position(|row| row.figure == figure)
            .unwrap_or_else(|| {
                self.rows.push(Row {
                    figure,
                    readings: BTreeMap::new(),
                });
                self.rows.len() - 1
            });
        self.rows[index].readings.entry(contender).or_default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io;

    use super::*;

    static FIGURES: [Figure; 2] = [
        Figure {
            key: "a",
            title: "A",
            unit: "ms",
        },
        Figure {
            key: "b",
            title: "B",
            unit: "ms",
        },
    ];

    #[test]
    fn rows_stand_in_the_order_of_their_first_value() {
        let mut sheet = Sheet::default();
        sheet.add(&FIGURES[1], Contender::Kubectl, 2.0);
        sheet.add(&FIGURES[0], Contender::Podline, 1.0);
        sheet.add(&FIGURES[1], Contender::Podline, 3.0);
        let keys: Vec<_> = sheet.rows().iter().map(|row| row.figure.key).collect();
        assert_eq!(keys, ["b", "a"]);
        assert_eq!(
            sheet.rows()[0].readings[&Contender::Podline].samples.values(),
            [3.0]
        );
    }

    #[test]
    fn failures_are_counted_by_kind_and_bounded() {
        let mut sheet = Sheet::default();
        sheet.failed(&FIGURES, Contender::Kubectl, &io::Error::other("was reset"));
        for i in 0..100 {
            sheet.failed(
                &FIGURES[..1],
                Contender::Kubectl,
                &io::Error::other(format!("kind {i}")),
            );
        }
        sheet.failed_times(&FIGURES[0], Contender::Kubectl, "was reset".to_owned(), 4);
        let failures = &sheet.rows()[0].readings[&Contender::Kubectl].failures;
        assert_eq!(failures["was reset"], 5);
        assert_eq!(failures["others"], 81);
        assert!(sheet.has_failures(Contender::Kubectl));
        assert!(!sheet.has_failures(Contender::Podline));
    }
}
