//! A report for people: a line for each hop, and what is wrong with it below.

use std::fmt::Write as _;
use std::time::Duration;

use podline::check::{Hop, State};

/// Where what was found begins: behind the state, the stage and the time.
const INDENT: &str = "                                  ";

/// A hop, in one line and one more for each thing that is wrong with it.
pub(super) fn hop(hop: &Hop) -> String {
    let found = hop.finding.as_ref().map(ToString::to_string).unwrap_or_default();
    let (state, stage, took) = (word(hop.state), hop.stage, time(hop.took));
    let mut text = format!("{state:<5} {stage:<14} {took:>11}  {found}")
        .trim_end()
        .to_owned();
    // Writing to a string does not fail.
    for problem in &hop.problems {
        let reason = problem.reason.to_string();
        if reason != found {
            let _ = write!(text, "\n{INDENT}{reason}");
        }
        if let Some(hint) = &problem.hint {
            let _ = write!(text, "\n{INDENT}hint: {hint}");
        }
    }
    text
}

fn word(state: State) -> &'static str {
    match state {
        State::Doubtful => "warn",
        State::Failed => "FAIL",
        State::Skipped => "skip",
        _ => "ok",
    }
}

fn time(took: Duration) -> String {
    let ms = took.as_secs_f64() * 1000.0;
    if ms < 10.0 {
        format!("{ms:.1} ms")
    } else {
        format!("{ms:.0} ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_as_finely_as_it_matters() {
        assert_eq!(time(Duration::from_micros(1_240)), "1.2 ms");
        assert_eq!(time(Duration::from_millis(1_012)), "1012 ms");
    }
}
