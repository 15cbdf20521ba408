//! `podline check`: walks the way, and tells what each hop found.

pub(super) mod json;
mod text;

use podline::check::{Hop, Report, Stage};

use super::{
    Ending,
    signals::{Signal, Signals},
};
use crate::{
    arguments::CheckFormat,
    output::{Failure, Output},
    plan::CheckPlan,
};

/// The status of an end by Ctrl-C: not everything was found out then.
const INTERRUPTED: u8 = 128 + 2;

/// Walks until a hop fails, the way is through, or a signal comes.
pub(crate) async fn run(plan: CheckPlan, output: Output, mut signals: Signals) -> Result<Ending, Failure> {
    let tell = |hop: &Hop| {
        if plan.format == CheckFormat::Text {
            output.text(&text::hop(hop));
        }
    };
    let report = tokio::select! {
        biased;
        signal = signals.asked() => return Ok(interrupted(signal)),
        report = plan.check.run(tell) => report,
    };
    let failure = report.failed().map(|hop| failure(&plan.target, hop));
    match plan.format {
        CheckFormat::Json => output.text(&json::report(&report, status(&report))),
        CheckFormat::Text if failure.is_none() => output.text(&format!("The way to {} is open", plan.target)),
        CheckFormat::Text => {}
    }
    failure.map_or(Ok(Ending::Done), Err)
}

/// The end by a signal of what was to find something out.
pub(super) fn interrupted(signal: Signal) -> Ending {
    match signal.into() {
        Ending::Interrupted => Ending::Status(INTERRUPTED),
        ending => ending,
    }
}

/// The exit status.
fn status(report: &Report) -> u8 {
    report.failed().map_or(0, |hop| code(hop.stage))
}

/// The exit status of a walk that ends here; documented in the help.
pub(super) fn code(stage: Stage) -> u8 {
    match stage {
        Stage::Configuration => 10,
        Stage::Credentials => 11,
        Stage::Dns => 12,
        Stage::Tcp => 13,
        Stage::Proxy => 14,
        Stage::Tls => 15,
        Stage::Server => 16,
        Stage::Identity => 17,
        Stage::Rights => 18,
        Stage::Target => 19,
        Stage::Pods => 20,
        Stage::Session => 21,
        // A time fails nobody, and later stages are those of a later library.
        _ => 22,
    }
}

/// Why the way ends: what can be done something about, or else the first thing that is wrong.
fn failure(target: &str, hop: &Hop) -> Failure {
    let hinted = hop.problems.iter().filter(|problem| problem.hint.is_some());
    let mut reasons: Vec<String> = hinted.clone().map(|problem| problem.reason.to_string()).collect();
    if reasons.is_empty() {
        let first = hop.problems.first();
        reasons.extend(first.map(|problem| problem.reason.to_string()));
    }
    let hints = hinted.filter_map(|problem| problem.hint.as_ref());
    Failure::new(reasons.join("; "))
        .while_doing(&format!("the way to {target} ends at {}", hop.stage))
        .hinted(hints.map(ToString::to_string))
        .exiting_with(code(hop.stage))
}
