//! One port inside the pod.

use std::time::Duration;

use podline_cluster::{Found, Pod, RemotePort};
use podline_wire::Untrusted;

use super::sessions::Sessions;
use super::{Finding, Hop, Stage, State};
use crate::probe::{Ask, Told};
use crate::reason::reason;

/// Looks at one port; gives how long the way to the pod's node takes, too.
pub(super) async fn look(
    sessions: &Sessions,
    found: &Found,
    pod: &Pod,
    asked: RemotePort,
    ask: Option<&Ask>,
) -> (Hop, Option<Duration>) {
    let declared = pod.declared_ports();
    let finding = |port, probe| Finding::Port {
        asked: asked.clone(),
        port,
        declared: declared.clone(),
        probe,
    };
    let port = match found.endpoint(pod, &asked) {
        Ok(port) => port,
        Err(error) => {
            let hop = Hop::new(Stage::Port, State::Failed, Duration::ZERO).found(finding(None, None));
            return (hop.problem(reason(&error).as_raw(), error.hint()), None);
        }
    };
    let (told, took) = sessions.probe(port, ask).await;
    let hop = Hop::new(Stage::Port, State::Good, took);
    let Told { probe, round_trip } = match told {
        Ok(told) => told,
        Err(end) => {
            let hop = hop
                .found(finding(Some(port), None))
                .problem(end.to_string(), None);
            let state = State::Failed;
            return (Hop { state, ..hop }, None);
        }
    };
    let found = finding(Some(port), Some(probe.clone()));
    let summary = found.to_string();
    let mut hop = hop.found(found);
    if !probe.is_open() {
        hop.state = State::Failed;
        hop = hop.problem(summary, probe.hint().map(str::to_owned));
    } else if ask.is_some() && !probe.is_serving() {
        hop.state = State::Failed;
        let hint = "is it the right protocol? without --http-path and --https, being open is enough";
        hop = hop.problem("it is open, but nothing answered", Some(hint.to_owned()));
    }
    if declared.iter().all(|(number, _)| *number != port) {
        let list: Vec<String> = declared.iter().map(declared_port).collect();
        let all = if list.is_empty() {
            "it declares none".to_owned()
        } else {
            format!("it declares {}", list.join(", "))
        };
        hop = hop.problem(
            format!("the pod does not declare port {port}, which need not matter; {all}"),
            None,
        );
    }
    (hop, Some(round_trip))
}

fn declared_port((number, name): &(u16, Option<Untrusted>)) -> String {
    match name {
        Some(name) => format!("{number} ({name})"),
        None => number.to_string(),
    }
}
