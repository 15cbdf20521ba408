//! A report for programs: one JSON object, of the schema docs/bench.schema.json.

use std::time::Duration;

use podline::bench::{Measure, NotMeasured, Report, Service, Value as Measured};
use podline::{HttpPath, Transport, Untrusted};
use serde_json::{Value, json};

use crate::program::check::json::{ms, problem};

/// The version of the form. Fields may be added without another one.
const VERSION: u32 = 1;

/// What was asked for.
pub(super) struct Setting<'a> {
    pub(super) connections: usize,
    pub(super) duration: Duration,
    pub(super) service: Option<&'a Service>,
}

/// The report as a text of one line.
pub(super) fn report(report: &Report, setting: &Setting<'_>, status: u8) -> String {
    let (service, path) = service(setting.service);
    let pods = report.pods.iter().map(|pod| {
        json!({
            "namespace": Untrusted::new(&*pod.namespace).to_string(),
            "name": Untrusted::new(&*pod.name).to_string(),
        })
    });
    json!({
        "version": VERSION,
        "target": report.target.to_string(),
        "port": report.port.to_string(),
        "service": service,
        "path": path.map(ToString::to_string),
        "connections": setting.connections,
        "duration_ms": ms(setting.duration),
        "transport": report.transport.map(Transport::name),
        "pods": pods.collect::<Vec<_>>(),
        "found": report.found.as_ref().map(ToString::to_string),
        "measures": report.measures.iter().map(measure).collect::<Vec<_>>(),
        "not_measured": report.not_measured.iter().map(not_measured).collect::<Vec<_>>(),
        "failed": report.failed.as_ref().map(|(stage, _)| stage.as_str()),
        "problem": report.failed.as_ref().map(|(_, found)| problem(found)),
        "interrupted": report.interrupted,
        "status": status,
    })
    .to_string()
}

fn service(service: Option<&Service>) -> (Option<&'static str>, Option<&HttpPath>) {
    match service {
        Some(Service::Echo) => (Some("echo"), None),
        Some(Service::Http(path)) => (Some("http"), Some(path)),
        Some(Service::Https(path)) => (Some("https"), Some(path)),
        // One of a later library's was not asked for.
        Some(_) | None => (None, None),
    }
}

fn measure(measure: &Measure) -> Value {
    let failures = measure.failures.iter();
    let failures = failures.map(|(reason, count)| json!({"reason": reason.to_string(), "count": count}));
    let mut object = json!({
        "measure": measure.kind.as_str(),
        "connections": measure.connections,
        "took_ms": ms(measure.took),
        "failed": measure.failures.total(),
        "failures": failures.collect::<Vec<_>>(),
    });
    let rate = measure.per_second();
    let found = match measure.value {
        Measured::Bytes { bytes, time } => {
            json!({"bytes": bytes, "counted_ms": ms(time), "bytes_per_second": rate})
        }
        Measured::Connections { done, time } => {
            json!({"done": done, "counted_ms": ms(time), "connections_per_second": rate})
        }
        Measured::Times(times) => json!({
            "samples": times.map_or(0, |times| times.count),
            "least_ms": times.map(|times| ms(times.least)),
            "median_ms": times.map(|times| ms(times.median)),
            "p90_ms": times.map(|times| ms(times.p90)),
            "p99_ms": times.map(|times| ms(times.p99)),
            "most_ms": times.map(|times| ms(times.most)),
        }),
        _ => Value::Null,
    };
    if let (Value::Object(object), Value::Object(found)) = (&mut object, found) {
        object.extend(found);
    }
    object
}

fn not_measured(not: &NotMeasured) -> Value {
    let measures: Vec<&str> = not.kinds.iter().map(|kind| kind.as_str()).collect();
    json!({
        "measures": measures,
        "reason": not.problem.reason.to_string(),
        "hint": not.problem.hint.as_ref().map(ToString::to_string),
    })
}
