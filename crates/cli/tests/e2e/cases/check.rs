//! `podline check`.

use std::{process::Stdio, sync::Arc};

use serde_json::Value;
use tokio::process::Command;

use crate::{
    forwarding::{clean, program},
    harness::cases,
    world::World,
};

cases! {
    a_refused_port_is_where_the_way_ends;
    ports_are_told_apart;
    the_way_to_a_service_is_open;
    what_serves_through_tls_is_told_from_what_does_not;
}

/// What a walk prints as JSON.
async fn check(world: &World, arguments: &[&str]) -> Value {
    let mut command = Command::new(program());
    clean(&mut command, world.folder());
    let output = command
        .args(["check", "--output=json", "--kubeconfig"])
        .arg(world.kubeconfig())
        .args(["--namespace", world.namespace()])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["status"], output.status.code().unwrap(), "{report:#}");
    report
}

fn hops<'a>(report: &'a Value, stage: &str) -> Vec<&'a Value> {
    let hops = report["hops"].as_array().unwrap().iter();
    hops.filter(|hop| hop["stage"] == stage).collect()
}

async fn the_way_to_a_service_is_open(world: Arc<World>) {
    let report = check(&world, &["svc/web", "http", "--http-path=/whoami"]).await;
    assert_eq!(report["failed"], Value::Null, "{report:#}");
    let sessions = hops(&report, "session");
    assert_eq!(sessions.len(), 2);
    assert!(sessions.iter().all(|hop| hop["state"] == "good"), "{report:#}");
    let port = hops(&report, "port")[0];
    assert_eq!(port["found"]["port"], 8080, "{report:#}");
    assert_eq!(port["found"]["probe"]["http_status"], 200, "{report:#}");
    let trips = &hops(&report, "round-trip")[0]["found"];
    assert!(trips["session_ms"].as_f64().unwrap() > 0.0, "{report:#}");
    assert!(trips["server_ms"].as_f64().unwrap() > 0.0, "{report:#}");
}

async fn ports_are_told_apart(world: Arc<World>) {
    let report = check(&world, &["pod/tools", "7", "22", "23", "83"]).await;
    let found: Vec<&str> = hops(&report, "port")
        .iter()
        .map(|hop| hop["found"]["probe"]["state"].as_str().unwrap())
        .collect();
    assert_eq!(found, ["open", "serving", "reset", "refused"], "{report:#}");
}

async fn what_serves_through_tls_is_told_from_what_does_not(world: Arc<World>) {
    let arguments = ["pod/tools", "https", "http", "--https", "--http-path=/whoami"];
    let report = check(&world, &arguments).await;
    assert_eq!(report["failed"], Value::Null, "{report:#}");
    let ports = hops(&report, "port");
    let found: Vec<(&Value, &Value)> = (ports.iter())
        .map(|hop| (&hop["found"]["port"], &hop["found"]["probe"]))
        .collect();
    let [(secure, secure_probe), (plain, plain_probe)] = found[..] else {
        panic!("{report:#}");
    };
    assert_eq!((secure, plain), (&8443.into(), &8080.into()), "{report:#}");
    for probe in [secure_probe, plain_probe] {
        assert_eq!(probe["state"], "serving", "{report:#}");
    }
    assert_eq!(
        secure_probe["answer"], "HTTP status 200 through TLS",
        "{report:#}"
    );
    // It answers what it cannot read, in plain words.
    assert_eq!(plain_probe["http_status"], Value::Null, "{report:#}");
}

async fn a_refused_port_is_where_the_way_ends(world: Arc<World>) {
    let report = check(&world, &["deploy/web", "83"]).await;
    assert_eq!(report["failed"], "port", "{report:#}");
    assert_eq!(report["status"], 22, "{report:#}");
}
