//! A report for programs: one JSON object, of the schema docs/check.schema.json.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use podline::check::{Finding, Hop, PodFound, Problem, Report, State};
use podline::{Answer, Probe, Untrusted};
use serde_json::{Value, json};

/// The version of the form. Fields may be added without another one.
const VERSION: u32 = 1;

/// The report as a text of one line.
pub(super) fn report(report: &Report, status: u8) -> String {
    let hops: Vec<Value> = report.hops.iter().map(hop).collect();
    json!({
        "version": VERSION,
        "target": report.target.to_string(),
        "open": report.failed().is_none(),
        "failed": report.failed().map(|hop| hop.stage.as_str()),
        "status": status,
        "hops": hops,
    })
    .to_string()
}

fn hop(hop: &Hop) -> Value {
    let problems: Vec<Value> = hop.problems.iter().map(problem).collect();
    json!({
        "stage": hop.stage.as_str(),
        "state": match hop.state {
            State::Doubtful => "doubtful",
            State::Failed => "failed",
            State::Skipped => "skipped",
            _ => "good",
        },
        "took_ms": ms(hop.took),
        "summary": hop.finding.as_ref().map(ToString::to_string),
        "found": hop.finding.as_ref().map(found),
        "problems": problems,
    })
}

fn found(finding: &Finding) -> Value {
    match finding {
        Finding::Configuration(configuration) => json!({
            "files": texts(&configuration.files),
            "context": configuration.context.as_ref().map(text),
            "cluster": configuration.cluster.as_ref().map(text),
            "user": configuration.user.as_ref().map(text),
            "namespace": text(&configuration.namespace),
            "server": text(&configuration.server),
            "proxy": configuration.proxy.as_ref().map(text),
        }),
        Finding::Credentials { sort, expires } => {
            json!({"sort": sort.to_string(), "expires": time(*expires)})
        }
        Finding::Dns { host, addresses } => json!({"host": text(host), "addresses": addresses}),
        Finding::Identity(identity) => {
            json!({"name": text(&identity.name), "groups": texts(&identity.groups)})
        }
        Finding::Pods {
            pods,
            total,
            ready,
            endpoints,
        } => json!({
            "total": total,
            "ready": ready,
            "endpoints": endpoints.map(|endpoints| json!({"pods": endpoints.pods, "ready": endpoints.ready})),
            "pods": pods.iter().map(pod).collect::<Vec<_>>(),
        }),
        Finding::Port {
            asked,
            port,
            declared,
            probe: probed,
        } => json!({
            "asked": asked.to_string(),
            "port": port,
            "declared": declared
                .iter()
                .map(|(port, name)| json!({"port": port, "name": name.as_ref().map(text)}))
                .collect::<Vec<_>>(),
            "probe": probed.as_ref().map(probe),
        }),
        Finding::Proxy(proxy) => json!({"proxy": text(proxy)}),
        Finding::Rights(rights) => {
            let rights = rights.iter().map(|(right, allowed)| {
                json!({
                    "verb": right.verb,
                    "resource": right.resource,
                    "needed": right.is_needed(),
                    "allowed": allowed,
                })
            });
            json!({"rights": rights.collect::<Vec<_>>()})
        }
        Finding::RoundTrip { server, session } => {
            json!({"server_ms": server.map(ms), "session_ms": ms(*session)})
        }
        Finding::Server(version) => json!({"version": text(version)}),
        Finding::Session(transport) => json!({"transport": transport.name()}),
        Finding::Target(target) => json!({
            "resource": target.kind.resource(),
            "name": Untrusted::new(&*target.name).to_string(),
            "namespace": target.namespace.as_deref().map(|namespace| Untrusted::new(namespace).to_string()),
        }),
        Finding::Tcp(address) => json!({"address": address}),
        Finding::Tls {
            version,
            names,
            expires,
            is_verified,
        } => json!({
            "version": version,
            "names": texts(names),
            "expires": time(*expires),
            "verified": is_verified,
        }),
        // What a later library finds is in the summary.
        _ => Value::Null,
    }
}

fn pod(pod: &PodFound) -> Value {
    let containers = pod.containers.iter().map(|container| {
        json!({
            "name": text(&container.name),
            "restarts": container.restarts,
            "waiting": container.waiting.as_ref().map(text),
            "last_end": container.last_end.as_ref().map(text),
        })
    });
    json!({
        "name": text(&pod.name),
        "phase": pod.phase.to_string(),
        "ready": pod.ready,
        "deleting": pod.deleting,
        "containers": containers.collect::<Vec<_>>(),
    })
}

fn probe(probe: &Probe) -> Value {
    let (state, answer) = match probe {
        Probe::Dropped => ("dropped", None),
        Probe::Open => ("open", None),
        Probe::Refused(_) => ("refused", None),
        Probe::Reset(_) => ("reset", None),
        Probe::Serving(answer) => ("serving", Some(answer)),
        _ => ("unknown", None),
    };
    let status = match answer {
        Some(Answer::Http { status, .. }) => Some(*status),
        _ => None,
    };
    json!({"state": state, "answer": answer.map(ToString::to_string), "http_status": status})
}

fn text(text: &Untrusted) -> String {
    text.to_string()
}

fn texts(list: &[Untrusted]) -> Vec<String> {
    list.iter().map(text).collect()
}

/// In RFC 3339, UTC.
fn time(time: Option<SystemTime>) -> Option<String> {
    Timestamp::try_from(time?).ok().map(|time| time.to_string())
}

/// What is wrong, and what can be done about it.
pub(in crate::program) fn problem(problem: &Problem) -> Value {
    json!({"reason": text(&problem.reason), "hint": problem.hint.as_ref().map(text)})
}

/// Milliseconds, to the microsecond.
pub(in crate::program) fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}
