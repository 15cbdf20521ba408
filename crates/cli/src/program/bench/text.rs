//! A report for people: a table of measures, with what failed below each of them, and what is to be said below the table.

use std::fmt::Write as _;
use std::time::Duration;

use podline::bench::{Kind, Measure, Report, Times, Value};

/// How wide the table's first column is.
const TITLE: usize = 52;

/// What the table is of, and its first line.
pub(super) fn head(name: &str, connections: usize, duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let at_once = if connections == 1 {
        String::new()
    } else {
        format!(", or {connections} where it says so")
    };
    let [median, p90, p99, most, number] = ["median", "90 %", "99 %", "longest", "number"];
    format!(
        "{name}: {seconds} s for each measure, by one connection at a time{at_once}\n\n\
         {:TITLE$} {median:>10} {p90:>10} {p99:>10} {most:>10} {number:>9}",
        ""
    )
}

/// A measure in one line, and one more for each reason for which something failed.
pub(super) fn measure(measure: &Measure) -> String {
    let title = title(measure);
    let cells = match measure.value {
        Value::Times(Some(times)) => times_of(&times),
        Value::Times(None) => [
            "failed".to_owned(),
            String::new(),
            String::new(),
            String::new(),
            "0".to_owned(),
        ],
        Value::Connections { done, .. } => rate_of(measure, "/s", 1.0, done.to_string()),
        Value::Bytes { bytes, .. } => {
            #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
            let megabytes = format!("{} MB", number(bytes as f64 / 1e6));
            rate_of(measure, "MB/s", 1e6, megabytes)
        }
        _ => Default::default(),
    };
    let [first, second, third, fourth, count] = cells;
    let mut text = format!("{title:TITLE$} {first:>10} {second:>10} {third:>10} {fourth:>10} {count:>9}");
    // Writing to a string does not fail.
    for (reason, count) in measure.failures.iter() {
        let _ = write!(text, "\n    {count} failed: {reason}");
    }
    text
}

/// What is said below the table, if anything is.
pub(super) fn tail(report: &Report) -> Option<String> {
    let mut lines = Vec::new();
    if let Some(found) = &report.found {
        lines.push(format!("found: {found}"));
    }
    if let Some(transport) = report.transport {
        let pods: Vec<&str> = report.pods.iter().map(|pod| pod.name.as_str()).collect();
        lines.push(match pods[..] {
            [] => format!("carried by {transport}"),
            [pod] => format!("carried by {transport}, to pod {}", podline::Untrusted::new(pod)),
            _ => format!("carried by {transport}, to {} pods", pods.len()),
        });
    }
    for not in &report.not_measured {
        let kinds: Vec<String> = not
            .kinds
            .iter()
            .map(|kind| kind.as_str().replace('-', " "))
            .collect();
        lines.push(format!(
            "not measured: {}: {}",
            kinds.join(", "),
            not.problem.reason
        ));
        lines.extend(not.problem.hint.iter().map(|hint| format!("hint: {hint}")));
    }
    if report.interrupted {
        lines.push("interrupted: the rest was not measured".to_owned());
    }
    (!lines.is_empty() && !report.measures.is_empty()).then(|| format!("\n{}", lines.join("\n")))
}

fn title(measure: &Measure) -> String {
    let what = match measure.kind {
        Kind::ServerRoundTrip => "round trip to the API server",
        Kind::SessionRoundTrip => "round trip to the pod's node",
        Kind::Probe => "empty connection to the node's answer",
        Kind::Greeting => "new connection to the server's first byte",
        Kind::FirstByte => "new connection to the first byte of an answer",
        Kind::RoundTrip => "round trip of a byte on an open connection",
        Kind::Request => "HTTP request on an open connection",
        Kind::Rate => "connections a second",
        Kind::Download => "download",
        Kind::Echo => "to the echo and back, each way",
        kind => kind.as_str(),
    };
    if measure.connections == 1 {
        what.to_owned()
    } else {
        format!("{what}, {} at a time", measure.connections)
    }
}

fn times_of(times: &Times) -> [String; 5] {
    let [median, p90, p99, most] = [times.median, times.p90, times.p99, times.most].map(ms);
    [median, p90, p99, most, times.count.to_string()]
}

fn rate_of(measure: &Measure, unit: &str, divisor: f64, number_of: String) -> [String; 5] {
    let rate = measure.per_second().unwrap_or_default() / divisor;
    let rate = format!("{} {unit}", number(rate));
    [rate, String::new(), String::new(), String::new(), number_of]
}

fn ms(time: Duration) -> String {
    format!("{} ms", number(time.as_secs_f64() * 1e3))
}

/// About three digits, so that no more is shown than was measured.
fn number(value: f64) -> String {
    let decimals = match value {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_about_three_digits() {
        assert_eq!(
            [0.0, 0.042, 1.2345, 43.21, 437.4].map(number),
            ["0.00", "0.04", "1.23", "43.2", "437"]
        );
        assert_eq!(ms(Duration::from_micros(12_345)), "12.3 ms");
    }

    #[test]
    fn the_head_says_what_the_table_is_of() {
        let text = head("svc/web 80", 16, Duration::from_millis(1500));
        assert!(
            text.starts_with(
                "svc/web 80: 1.5 s for each measure, by one connection at a time, or 16 where it says so\n\n"
            ),
            "{text}"
        );
    }
}
