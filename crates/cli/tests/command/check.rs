//! `podline check`: what it prints, and its exit status.

use std::net::TcpListener;

use podline_minicluster::User;
use serde_json::Value;

use crate::podline::{Finished, Podline};
use crate::schema;
use crate::world::World;

impl World {
    fn check(&self, arguments: &[&str]) -> Finished {
        let check = self.podline().args(["check"]);
        check.args(arguments.iter().copied()).run()
    }
}

/// What was printed is of the documented form; gives it.
#[track_caller]
fn json(finished: &Finished) -> Value {
    let schema: Value = serde_json::from_str(include_str!("../../../../docs/check.schema.json")).unwrap();
    let text = finished.stdout();
    assert_eq!(text.lines().count(), 1, "{text}");
    let value: Value = serde_json::from_str(text).unwrap();
    schema::check(&schema, &value).unwrap_or_else(|error| panic!("{error}\n{value:#}"));
    assert_eq!(value["status"], finished.status().unwrap());
    value
}

fn hop<'a>(report: &'a Value, stage: &str) -> &'a Value {
    let mut hops = report["hops"].as_array().unwrap().iter();
    hops.find(|hop| hop["stage"] == stage).unwrap()
}

#[test]
fn each_hop_has_a_line() {
    let text = World::new()
        .check(&["svc/web", "8080:80", "--http-path=/whoami"])
        .succeeds();
    let lines: Vec<(&str, &str)> = text
        .lines()
        .filter(|line| !line.starts_with(' '))
        .map(|line| {
            let mut words = line.split_whitespace();
            (words.next().unwrap(), words.next().unwrap())
        })
        .collect();
    for stage in [
        "configuration",
        "credentials",
        "dns",
        "tcp",
        "tls",
        "server",
        "identity",
        "rights",
        "target",
        "pods",
        "session",
        "round-trip",
        "port",
    ] {
        assert!(
            lines.contains(&("ok", stage)) || lines.contains(&("warn", stage)),
            "{stage}: {text}"
        );
    }
    assert!(text.ends_with("\nThe way to svc/web is open\n"), "{text}");
    assert!(
        text.contains("  80, which is 8080 in the pod: serving: HTTP status 200\n"),
        "{text}"
    );
}

#[test]
fn the_first_hop_that_fails_is_told_with_the_reason_and_what_to_do() {
    let finished = World::new().check(&["tools", "83"]);
    assert_eq!(finished.status(), Some(22));
    let error = finished.stderr();
    assert!(
        error.starts_with(
            "error: the way to pod/tools ends at port: 83: refused: IPv4: dial tcp4 127.0.0.1:83: "
        ),
        "{error}"
    );
    assert!(
        error.contains("\nhint: nothing listens there on the pod's loopback: "),
        "{error}"
    );
    assert!(
        finished.stdout().contains("\nFAIL  port "),
        "{}",
        finished.stdout()
    );
}

#[test]
fn a_report_in_json_is_of_the_documented_form() {
    let world = World::new();
    let report = json(&world.check(&["svc/web", "-o", "json", "--http-path", "/whoami"]));
    assert_eq!(report["open"], true);
    assert_eq!(report["failed"], Value::Null);
    let port = hop(&report, "port");
    assert_eq!(port["found"]["port"], 8080);
    assert_eq!(port["found"]["probe"]["state"], "serving");
    assert_eq!(port["found"]["probe"]["http_status"], 200);
    assert_eq!(hop(&report, "target")["found"]["namespace"], "default");
    assert_eq!(hop(&report, "pods")["found"]["total"], 2);
}

#[test]
fn the_status_tells_the_stage_that_failed() {
    let world = World::new();
    let refused = json(&world.check(&["tools", "83", "7", "--output=json"]));
    assert_eq!(
        (&refused["failed"], &refused["status"]),
        (&"port".into(), &22.into())
    );
    let target = json(&world.check(&["nobody", "-o=json"]));
    assert_eq!(
        (&target["failed"], &target["status"]),
        (&"target".into(), &19.into())
    );
    world.minicluster.revoke(&User::Forwarder);
    let config = |name: &str, arguments: &[&str]| {
        let check = Podline::new().args(["check", "web", "-o", "json"]);
        let report = json(&check.args(arguments.iter().copied()).run());
        assert_eq!(report["failed"], name, "{report:#}");
        report["status"].as_u64().unwrap()
    };
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(config("configuration", &[]), 10);
    assert_eq!(config("dns", &["--server=https://nowhere.invalid"]), 12);
    assert_eq!(config("tcp", &["--server", &format!("https://{closed}")]), 13);
    let proxy = format!("http://{closed}");
    assert_eq!(
        config("proxy", &["--server=https://k8s.invalid", "--proxy-url", &proxy]),
        14
    );
    let url = world.minicluster.url();
    assert_eq!(config("tls", &["--server", &url]), 15);
    let flags = ["--server", &url, "--insecure-skip-tls-verify"];
    assert_eq!(config("identity", &[&flags[..], &["--token=wrong"]].concat()), 17);
}

#[test]
fn what_cannot_be_a_target_or_a_port_is_no_hop() {
    let check = |arguments: &[&str]| {
        Podline::new()
            .args(["check"])
            .args(arguments.iter().copied())
            .run()
    };
    assert!(check(&["nothing/web"]).error().starts_with("error: "));
    assert!(check(&["web", "0"]).error().starts_with("error: remote port"));
    let error = check(&["web", "80", "--http-path=healthz"]).error();
    assert!(
        error.starts_with("error: invalid value `healthz` for --http-path: "),
        "{error}"
    );
    assert!(check(&[]).error().starts_with("error: missing: TARGET"));
}
