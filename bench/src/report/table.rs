use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::Circumstances;
use crate::contender::Contender;
use crate::sheet::{Reading, Row, Sheet};

/// The whole report as a Markdown table, with what failed or was not measured below it.
pub(crate) fn table(circumstances: &Circumstances, sheet: &Sheet) -> String {
    let contenders: BTreeSet<Contender> = sheet
        .rows()
        .iter()
        .flat_map(|row| row.readings.keys().copied())
        .collect();
    let mut lines = vec![header(&contenders)];
    lines.extend(sheet.rows().iter().map(|row| line(row, &contenders)));
    let mut text = String::new();
    for line in circumstances.lines() {
        let _ = writeln!(text, "{line}");
    }
    text.push('\n');
    lay_out(&lines, &mut text);
    let notes = notes(sheet);
    if !notes.is_empty() {
        let _ = writeln!(text, "\n{}", notes.join("\n"));
    }
    text
}

fn header(contenders: &BTreeSet<Contender>) -> Vec<String> {
    let fixed = ["median (least – most)".to_owned(), "unit".to_owned()];
    fixed
        .into_iter()
        .chain(contenders.iter().map(Contender::to_string))
        .collect()
}

fn line(row: &Row, contenders: &BTreeSet<Contender>) -> Vec<String> {
    let mut cells = vec![row.figure.title.to_owned(), row.figure.unit.to_owned()];
    cells.extend(
        contenders
            .iter()
            .map(|contender| row.readings.get(contender).map_or_else(|| "–".to_owned(), cell)),
    );
    cells
}

fn cell(reading: &Reading) -> String {
    let Some(summary) = reading.samples.summary() else {
        return if reading.failures.is_empty() {
            "not measured"
        } else {
            "failed"
        }
        .to_owned();
    };
    let [median, smallest, largest] = [summary.median, summary.smallest, summary.largest].map(number);
    if reading.samples.values().len() == 1 {
        median
    } else {
        format!("{median} ({smallest} – {largest})")
    }
}

/// About three digits, so that no more is shown than was measured.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        0.0 | 100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

fn lay_out(lines: &[Vec<String>], text: &mut String) {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        lines
            .iter()
            .map(|line| line[column].chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for (index, line) in lines.iter().enumerate() {
        for (cell, width) in line.iter().zip(&widths) {
            let _ = write!(text, "| {cell:width$} ");
        }
        text.push_str("|\n");
        if index == 0 {
            for width in &widths {
                let _ = write!(text, "|{}", "-".repeat(width + 2));
            }
            text.push_str("|\n");
        }
    }
}

/// The remarks, one line for every failure, and one for every reason for which something was not measured.
fn notes(sheet: &Sheet) -> Vec<String> {
    let mut notes = sheet.remarks().to_vec();
    let mut not_measured: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for row in sheet.rows() {
        let title = row.figure.title.trim();
        for (contender, reading) in &row.readings {
            let failures = reading.failures.iter();
            notes.extend(
                failures.map(|(failure, times)| format!("{contender}, {title}: {times} × {failure}")),
            );
            if let Some(reason) = &reading.not_measured {
                not_measured
                    .entry(format!("{contender}: {reason}"))
                    .or_default()
                    .push(title);
            }
        }
    }
    notes.extend(
        not_measured
            .into_iter()
            .map(|(reason, titles)| format!("{reason} (for {})", titles.join("; "))),
    );
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sheet::Figure;

    static FIGURES: [Figure; 2] = [
        Figure {
            key: "a",
            title: "first byte",
            unit: "ms",
        },
        Figure {
            key: "b",
            title: "rate",
            unit: "1/s",
        },
    ];

    #[test]
    fn cells_show_medians_and_spread() {
        let mut sheet = Sheet::default();
        for value in [52.04, 51.5, 53.0] {
            sheet.add(&FIGURES[0], Contender::Podline, value);
        }
        sheet.add(&FIGURES[0], Contender::Kubectl, 156.4);
        sheet.add(&FIGURES[1], Contender::Podline, 0.0);
        sheet.failed(
            &FIGURES[1..],
            Contender::Kubectl,
            &std::io::Error::other("was reset"),
        );
        let contenders = BTreeSet::from([Contender::Podline, Contender::Kubectl, Contender::Pipe]);
        let cells: Vec<_> = sheet.rows().iter().map(|row| line(row, &contenders)).collect();
        assert_eq!(cells[0], ["first byte", "ms", "52.0 (51.5 – 53.0)", "156", "–"]);
        assert_eq!(cells[1], ["rate", "1/s", "0", "failed", "–"]);
        assert_eq!(notes(&sheet), ["kubectl, rate: 1 × was reset"]);
    }

    #[test]
    fn a_reason_is_given_once() {
        let mut sheet = Sheet::default();
        sheet.not_measured(&FIGURES, Contender::Kubectl, &"there is none");
        assert_eq!(notes(&sheet), ["kubectl: there is none (for first byte; rate)"]);
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut text = String::new();
        let cells = |row: [&str; 2]| row.map(str::to_owned).to_vec();
        lay_out(&[cells(["a", "–"]), cells(["long", "b"])], &mut text);
        assert_eq!(text, "| a    | – |\n|------|---|\n| long | b |\n");
    }
}
