//! `podline bench`: measures a forward, and tells what came of it.

mod json;
mod text;

use podline::{
    bench::{Measure, Report},
    check::{Problem, Stage},
};

use super::{Ending, check, signals::Signals};
use crate::{
    arguments::BenchFormat,
    output::{Failure, Output},
    plan::BenchPlan,
};

/// Measures until all is measured, something keeps it from that, or a signal comes. What was measured by then is told in any
/// case.
pub(crate) async fn run(plan: BenchPlan, output: Output, mut signals: Signals) -> Result<Ending, Failure> {
    let BenchPlan {
        bench,
        connections,
        duration,
        format,
        name,
        service,
    } = plan;
    let mut has_told = false;
    let tell = |measure: &Measure| {
        if format == BenchFormat::Text {
            if !has_told {
                output.text(&text::head(&name, connections, duration));
                has_told = true;
            }
            output.text(&text::measure(measure));
        }
    };
    let mut signal = None;
    let stop = async { signal = Some(signals.asked().await) };
    let report = bench.run(stop, tell).await;
    let ending = signal.filter(|_| report.interrupted).map(check::interrupted);
    match format {
        BenchFormat::Json => {
            let setting = json::Setting {
                connections,
                duration,
                service: service.as_ref(),
            };
            output.text(&json::report(&report, &setting, status(&report, ending)));
        }
        BenchFormat::Text => {
            if let Some(text) = text::tail(&report) {
                output.text(&text);
            }
        }
    }
    match (ending, &report.failed) {
        (Some(ending), _) => Ok(ending),
        (None, Some((stage, problem))) => Err(failure(&name, *stage, problem)),
        (None, None) => Ok(Ending::Done),
    }
}

/// The exit status.
fn status(report: &Report, ending: Option<Ending>) -> u8 {
    match (ending, &report.failed) {
        (Some(Ending::Status(status)), _) => status,
        (Some(Ending::Terminated), _) => Ending::TERMINATED,
        (_, Some((stage, _))) => check::code(*stage),
        (_, None) => 0,
    }
}

fn failure(name: &str, stage: Stage, problem: &Problem) -> Failure {
    Failure::new(problem.reason.to_string())
        .while_doing(&format!("the bench of {name} ends at {stage}"))
        .hinted(problem.hint.iter().map(ToString::to_string))
        .exiting_with(check::code(stage))
}
