//! `podline bench`. Nothing is asserted of how long something takes.

use std::{process::Stdio, sync::Arc};

use serde_json::Value;
use tokio::process::Command;

use crate::{
    forwarding::{Forwarding, clean, program},
    harness::cases,
    schema,
    world::World,
};

cases! {
    a_port_of_which_nothing_is_known_is_measured_by_empty_connections;
    a_refused_port_is_not_measured_and_its_way_is;
    a_target_that_is_not_there_is_named;
    an_echo_is_measured_both_ways;
    an_http_path_is_measured_by_requests_connections_and_bytes;
    an_https_port_is_measured_whatever_its_certificate;
    a_port_without_tls_is_not_measured_by_https;
    ctrl_c_ends_it_in_order [Signals];
}

/// How long a measure takes; the next one is tried where a busy machine came to nothing in that time.
const DURATIONS: [&str; 3] = ["500ms", "4s", "20s"];

fn command(world: &World, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    clean(&mut command, world.folder());
    command
        .args(["bench", "--connections=4", "--kubeconfig"])
        .arg(world.kubeconfig())
        .args(["--namespace", world.namespace()])
        .args(arguments)
        .stdin(Stdio::null());
    command
}

/// What a bench prints as JSON, which is of the documented form.
async fn bench(world: &World, arguments: &[&str]) -> Value {
    let output = command(world, arguments)
        .arg("--output=json")
        .output()
        .await
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let form: Value = serde_json::from_str(include_str!("../../../../../docs/bench.schema.json")).unwrap();
    schema::check(&form, &report).unwrap_or_else(|error| panic!("{error}\n{report:#}"));
    assert_eq!(report["status"], output.status.code().unwrap(), "{report:#}");
    report
}

/// The same, with as much time as it takes until something was counted in each measure. Nothing may have failed.
async fn measured(world: &World, arguments: &[&str]) -> Value {
    for duration in DURATIONS {
        let report = bench(world, &[arguments, &["--duration", duration]].concat()).await;
        assert_eq!(report["failed"], Value::Null, "{report:#}");
        let measures = report["measures"].as_array().unwrap();
        for measure in measures {
            assert_eq!(measure["failed"], 0, "{report:#}");
        }
        let is_nothing = |measure: &Value| {
            ["done", "bytes", "samples"]
                .iter()
                .any(|number| measure[number] == 0)
        };
        if !measures.iter().any(is_nothing) {
            return report;
        }
    }
    panic!("it never comes to anything");
}

/// What was measured, each with the number of connections.
fn measures(report: &Value) -> Vec<(&str, u64)> {
    let measures = report["measures"].as_array().unwrap().iter();
    measures
        .map(|measure| {
            (
                measure["measure"].as_str().unwrap(),
                measure["connections"].as_u64().unwrap(),
            )
        })
        .collect()
}

/// The times of a measure are in order.
fn are_in_order(measure: &Value) {
    let times: Vec<f64> = ["least_ms", "median_ms", "p90_ms", "p99_ms", "most_ms"]
        .iter()
        .map(|time| measure[time].as_f64().unwrap())
        .collect();
    assert!(times.is_sorted() && times[0] > 0.0, "{measure:#}");
}

/// Answers of 100,000 bytes were measured, in every way.
fn are_of_http(report: &Value) {
    assert_eq!(
        measures(report),
        [
            ("server-round-trip", 1),
            ("session-round-trip", 1),
            ("first-byte", 1),
            ("request", 1),
            ("rate", 4),
            ("download", 1),
            ("download", 4),
        ]
    );
    assert_eq!(report["found"], "HTTP status 200, 100000 bytes");
    for measure in &report["measures"].as_array().unwrap()[..4] {
        are_in_order(measure);
    }
}

async fn an_http_path_is_measured_by_requests_connections_and_bytes(world: Arc<World>) {
    let report = measured(&world, &["svc/web", "http", "--http-path=/bytes/100000"]).await;
    are_of_http(&report);
    assert_eq!(report["pods"].as_array().unwrap().len(), 2, "{report:#}");
}

async fn an_https_port_is_measured_whatever_its_certificate(world: Arc<World>) {
    let arguments = ["pod/tools", "https", "--https", "--http-path=/bytes/100000"];
    let report = measured(&world, &arguments).await;
    are_of_http(&report);
}

async fn a_port_without_tls_is_not_measured_by_https(world: Arc<World>) {
    let report = bench(&world, &["pod/tools", "http", "--https"]).await;
    assert_eq!(
        (&report["failed"], &report["status"]),
        (&"port".into(), &22.into()),
        "{report:#}"
    );
    let reason = report["problem"]["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("the port is open, but it did not answer by HTTP: no TLS session"),
        "{report:#}"
    );
}

async fn an_echo_is_measured_both_ways(world: Arc<World>) {
    let report = measured(&world, &["pod/tools", "7", "--echo"]).await;
    assert_eq!(
        measures(&report)[2..],
        [
            ("first-byte", 1),
            ("round-trip", 1),
            ("rate", 4),
            ("echo", 1),
            ("echo", 4),
        ]
    );
}

async fn a_port_of_which_nothing_is_known_is_measured_by_empty_connections(world: Arc<World>) {
    let report = measured(&world, &["pod/tools", "7"]).await;
    assert_eq!(measures(&report)[2..], [("probe", 4)]);
    assert_eq!(report["measures"][2]["samples"], 4, "{report:#}");
    let not_measured = &report["not_measured"][0];
    assert!(
        not_measured["hint"].as_str().unwrap().contains("--http-path"),
        "{report:#}"
    );
}

async fn a_refused_port_is_not_measured_and_its_way_is(world: Arc<World>) {
    for arguments in [&["deploy/web", "83"][..], &["deploy/web", "83", "--echo"]] {
        let report = bench(&world, arguments).await;
        assert_eq!(
            (&report["failed"], &report["status"]),
            (&"port".into(), &22.into()),
            "{report:#}"
        );
        assert_eq!(
            measures(&report),
            [("server-round-trip", 1), ("session-round-trip", 1)]
        );
        let reason = report["problem"]["reason"].as_str().unwrap();
        assert!(reason.starts_with("83: refused: "), "{report:#}");
    }
}

async fn a_target_that_is_not_there_is_named(world: Arc<World>) {
    let said = Forwarding::run_to_end(command(&world, &["svc/nothing", "80"])).await;
    assert_eq!(said.status.code(), Some(19), "{:?}", said.stderr);
    assert!(said.stdout.is_empty(), "{:?}", said.stdout);
    assert!(
        said.stderr[0]
            .starts_with("error: the bench of svc/nothing 80 ends at target: services \"nothing\" not found"),
        "{:?}",
        said.stderr
    );
}

async fn ctrl_c_ends_it_in_order(world: Arc<World>) {
    let command = command(&world, &["pod/tools", "7", "--echo", "--duration=10m"]);
    let running = Forwarding::begin(command, Stdio::null());
    let is_measuring = |lines: &[String]| {
        let mut lines = lines.iter();
        lines.any(|line| line.starts_with("round trip to the pod's node "))
    };
    running.says_enough(is_measuring).await;
    running.signal("INT").await;
    let said = running.end().await;
    assert_eq!(said.status.code(), Some(130), "{:?}", said.stderr);
    assert_eq!(said.stderr, Vec::<String>::new());
    assert_eq!(
        said.stdout.last().map(String::as_str),
        Some("interrupted: the rest was not measured"),
        "{:?}",
        said.stdout
    );
}
