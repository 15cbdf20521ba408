use std::collections::BTreeMap;

use serde::Serialize;

use super::Circumstances;
use crate::contender::Contender;
use crate::sheet::{Reading, Row, Sheet};

/// The whole report as JSON, with every single value.
pub(crate) fn json(circumstances: &Circumstances, sheet: &Sheet) -> serde_json::Result<String> {
    let figures = sheet.rows().iter().map(Figure::from).collect();
    serde_json::to_string_pretty(&Report {
        circumstances,
        figures,
        remarks: sheet.remarks(),
    })
}

#[derive(Serialize)]
struct Report<'a> {
    circumstances: &'a Circumstances,
    figures: Vec<Figure<'a>>,
    remarks: &'a [String],
}

#[derive(Serialize)]
struct Figure<'a> {
    figure: &'static str,
    title: &'static str,
    unit: &'static str,
    contenders: BTreeMap<Contender, Measured<'a>>,
}

#[derive(Serialize)]
struct Measured<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    median: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    least: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    most: Option<f64>,
    values: &'a [f64],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    failures: &'a BTreeMap<String, usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_measured: Option<&'a str>,
}

impl<'a> From<&'a Row> for Figure<'a> {
    fn from(row: &'a Row) -> Self {
        let contenders = row
            .readings
            .iter()
            .map(|(&contender, reading)| (contender, reading.into()))
            .collect();
        Self {
            figure: row.figure.key,
            title: row.figure.title.trim(),
            unit: row.figure.unit,
            contenders,
        }
    }
}

impl<'a> From<&'a Reading> for Measured<'a> {
    fn from(reading: &'a Reading) -> Self {
        let summary = reading.samples.summary();
        Self {
            median: summary.map(|summary| summary.median),
            least: summary.map(|summary| summary.smallest),
            most: summary.map(|summary| summary.largest),
            values: reading.samples.values(),
            failures: &reading.failures,
            not_measured: reading.not_measured.as_deref(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::sheet;

    static FIGURES: [sheet::Figure; 1] = [sheet::Figure {
        key: "first-byte",
        title: "first byte",
        unit: "ms",
    }];

    #[test]
    fn every_value_is_there() {
        let mut sheet = Sheet::default();
        sheet.add(&FIGURES[0], Contender::Podline, 2.0);
        sheet.add(&FIGURES[0], Contender::Podline, 1.0);
        sheet.failed(&FIGURES, Contender::Kubectl, &std::io::Error::other("was reset"));
        let figure = serde_json::to_value(Figure::from(&sheet.rows()[0])).unwrap();
        assert_eq!(
            figure,
            serde_json::json!({
                "figure": "first-byte",
                "title": "first byte",
                "unit": "ms",
                "contenders": {
                    "podline": {"median": 1.5, "least": 1.0, "most": 2.0, "values": [2.0, 1.0]},
                    "kubectl": {"values": [], "failures": {"was reset": 1}},
                },
            })
        );
    }
}
