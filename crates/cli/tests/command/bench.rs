//! `podline bench`: what it prints, and its exit status.

use serde_json::Value;

use crate::podline::{Finished, Podline};
use crate::schema;
use crate::world::World;

impl World {
    /// A short bench with few connections.
    fn bench(&self, arguments: &[&str]) -> Finished {
        let bench = self.podline().args(["bench", "--duration=200ms", "-c", "3"]);
        bench.args(arguments.iter().copied()).run()
    }
}

/// What was printed is of the documented form; gives it.
#[track_caller]
fn json(finished: &Finished) -> Value {
    let schema: Value = serde_json::from_str(include_str!("../../../../docs/bench.schema.json")).unwrap();
    let text = finished.stdout();
    assert_eq!(text.lines().count(), 1, "{text}");
    let value: Value = serde_json::from_str(text).unwrap();
    schema::check(&schema, &value).unwrap_or_else(|error| panic!("{error}\n{value:#}"));
    assert_eq!(value["status"], finished.status().unwrap());
    value
}

#[test]
fn each_measure_has_a_line() {
    let text = World::new()
        .bench(&["svc/web", "8080:80", "--http-path=/bytes/100000"])
        .succeeds();
    assert!(
        text.starts_with(
            "svc/web 80: 0.2 s for each measure, by one connection at a time, or 3 where it says so\n\n"
        ),
        "{text}"
    );
    let mut lines = text.lines();
    for start in [
        "round trip to the API server  ",
        "round trip to the pod's node  ",
        "new connection to the first byte of an answer  ",
        "HTTP request on an open connection  ",
        "connections a second, 3 at a time  ",
        "download  ",
        "download, 3 at a time  ",
        "found: HTTP status 200, 100000 bytes",
        // This user may not use the other one.
        "carried by SPDY, to 2 pods",
    ] {
        assert!(lines.any(|line| line.starts_with(start)), "{start}: {text}");
    }
    let widths: Vec<usize> = text
        .lines()
        .filter(|line| line.contains(" ms ") || line.contains(" /s ") || line.contains(" MB"))
        .map(|line| line.chars().count())
        .collect();
    assert_eq!(widths.len(), 7, "{text}");
    assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
}

#[test]
fn what_was_not_measured_is_said_and_how_it_would_be() {
    let text = World::new().bench(&["tools", "7"]).succeeds();
    assert!(
        text.contains("\nempty connection to the node's answer, 3 at a time  "),
        "{text}"
    );
    assert!(
        text.contains(
            "\nnot measured: first byte, round trip, request, rate, download, echo: it is not known what"
        ),
        "{text}"
    );
    assert!(text.contains("\nhint: --http-path asks by HTTP, "), "{text}");
}

#[test]
fn a_report_in_json_is_of_the_documented_form() {
    let world = World::new();
    let http = json(&world.bench(&["svc/web", "http", "-o", "json", "--http-path", "/whoami"]));
    assert_eq!(
        (&http["service"], &http["path"]),
        (&"http".into(), &"/whoami".into())
    );
    assert_eq!(http["failed"], Value::Null);
    assert_eq!(http["not_measured"][0]["measures"][0], "download");
    let echo = json(&world.bench(&["tools", "7", "-o=json", "--echo", "--transport=spdy"]));
    assert_eq!(echo["transport"], "spdy");
    assert_eq!(echo["pods"][0]["name"], "tools");
    let nothing = json(&world.bench(&["tools", "22", "-o=json"]));
    assert_eq!(nothing["service"], Value::Null);
    assert_eq!(nothing["measures"][2]["measure"], "greeting");
}

#[test]
fn the_status_tells_what_kept_it_from_measuring() {
    let world = World::new();
    let refused = json(&world.bench(&["tools", "83", "-o=json"]));
    assert_eq!(
        (&refused["failed"], &refused["status"]),
        (&"port".into(), &22.into())
    );
    assert_eq!(refused["measures"].as_array().unwrap().len(), 2, "{refused:#}");
    let target = world.bench(&["nobody", "80"]);
    assert_eq!((target.status(), target.stdout()), (Some(19), ""));
    let error = target.stderr();
    assert!(
        error.starts_with("error: the bench of pod/nobody 80 ends at target: pods \"nobody\" not found\nhint: looked in namespace default"),
        "{error}"
    );
    let configuration = json(&Podline::new().args(["bench", "web", "80", "-o", "json"]).run());
    assert_eq!(
        (&configuration["failed"], &configuration["status"]),
        (&"configuration".into(), &10.into())
    );
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let bench = |arguments: &[&str]| {
        Podline::new()
            .args(["bench"])
            .args(arguments.iter().copied())
            .run()
            .error()
    };
    assert!(bench(&["web"]).starts_with("error: missing: PORT"));
    assert!(bench(&["web", "80", "81"]).starts_with("error: "));
    assert!(bench(&["web", "0"]).starts_with("error: remote port"));
    assert!(
        bench(&["web", "80", "-c", "513"])
            .starts_with("error: invalid value `513` for --connections: must be a number from 1 to 512")
    );
    assert!(
        bench(&["web", "80", "--duration=1ms"])
            .starts_with("error: invalid value `1ms` for --duration: must be from 100ms to 10m")
    );
    let error = bench(&["web", "80", "--echo", "--https"]);
    assert!(error.contains("--echo") && error.contains("--https"), "{error}");
}
