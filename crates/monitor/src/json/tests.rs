#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../tests/support/schema.rs"]
mod schema;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use podline::{
    Connection, End, Event, LocalAddress, Outcome, PodAddress, Probe, Probed, SessionError, Skipped,
    Transport, Untrusted, Way,
};
use serde_json::{Value, json};

use super::*;
use crate::http::{Exchange, Protocol};
use crate::{Closed, Exchanged, ForwardName, What};

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../../docs/events.schema.json")).unwrap()
}

fn told(what: What) -> Option<Value> {
    let fact = Fact {
        at: "2026-11-27T22:10:11.123456789Z".parse().unwrap(),
        forward: Arc::new(ForwardName {
            index: 1,
            target: "db/svc/pg".parse().unwrap(),
        }),
        what,
    };
    line(&fact).map(|line| {
        assert!(!line.contains('\n'), "{line}");
        serde_json::from_str(&line).unwrap()
    })
}

fn connection() -> Connection {
    Connection::new(7, ([127, 0, 0, 1], 8080).into(), ([127, 0, 0, 1], 40000).into())
}

fn pod() -> PodAddress {
    PodAddress {
        namespace: "db".to_owned(),
        name: "pg\u{1b}-0".to_owned(),
    }
}

fn way() -> Way {
    Way::new(pod(), None, 5432, 3)
}

fn closed(end: End, way: Option<Way>) -> What {
    What::Closed(Box::new(Closed {
        connection: connection(),
        first_byte: way.as_ref().map(|_| Duration::from_millis(250)),
        way,
        outcome: Outcome {
            sent: 10,
            received: 2_000,
            duration: Duration::from_millis(1_500),
            end,
        },
    }))
}

/// One of each kind that facts can be of.
fn facts() -> Vec<What> {
    let happened = [
        Event::HeldElsewhere(Arc::new(in_use())),
        Event::InSight,
        Event::Listening(LocalAddress {
            socket: ([127, 0, 0, 1], 8080).into(),
            remote: 5432,
        }),
        Event::NotReady(pod()),
        Event::OutOfFiles(Arc::new(io::Error::from(io::ErrorKind::OutOfMemory))),
        Event::OutOfSight(Untrusted::new("no\nsuch service")),
        Event::PodGone {
            pod: pod(),
            reset: 2,
            waiting: true,
            owner: Some("deploy/pg".parse().unwrap()),
        },
        Event::PodsChanged {
            joined: vec![pod()],
            left: vec![],
            total: 1,
        },
        Event::Resumed(pod()),
        Event::SessionLost(SessionError::Closed),
        Event::SessionUp(Transport::Websocket),
        Event::Skipped(skipped(3)),
        Event::TransportFellBack(SessionError::Closed),
        Event::Waiting {
            reason: Untrusted::new("it is gone"),
            owner: None,
        },
    ];
    let mut facts = vec![
        What::Accepted(connection()),
        closed(End::Clean { verified: true }, Some(way())),
        closed(End::PodGone(Untrusted::new("gone")), None),
        What::Opened {
            connection: connection(),
            way: way(),
        },
        What::Exchanged(Box::new(Exchanged {
            connection: connection(),
            started: "2026-11-27T22:10:10Z".parse().unwrap(),
            exchange: Exchange::empty(),
        })),
        What::Overlooked {
            connection: connection(),
            exchanges: 4,
        },
        What::Recognised {
            connection: connection(),
            protocol: Protocol::Http1,
        },
        What::Probed(Probed::new(
            pod(),
            5432,
            Probe::Refused(Untrusted::new("connection refused")),
            Duration::from_millis(3),
            Duration::from_millis(2),
        )),
        What::Ready,
    ];
    facts.extend(happened.map(What::Happened));
    facts
}

fn in_use() -> podline::ListenError {
    podline::ListenError::Held {
        socket: ([127, 0, 0, 1], 8080).into(),
        holder: None,
    }
}

fn skipped(others: u64) -> Skipped {
    let mut skipped = Skipped::default();
    skipped.others = others;
    skipped
}

#[test]
fn every_kind_is_as_the_schema_says() {
    let schema = schema();
    let mut kinds = BTreeSet::new();
    let mut lines: Vec<Value> = facts().into_iter().filter_map(told).collect();
    lines.extend(
        [
            started("0.1.0"),
            super::skipped(9),
            error("it failed", &["try again".to_owned()], 1),
        ]
        .map(|line| serde_json::from_str(&line).unwrap()),
    );
    for line in lines {
        schema::check(&schema, &line).unwrap_or_else(|error| panic!("{error}\n{line}"));
        kinds.insert(line["kind"].as_str().unwrap().to_owned());
    }
    // And the schema describes nothing that is never told.
    let described: BTreeSet<String> = schema["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| {
            kind["$ref"]
                .as_str()
                .unwrap()
                .trim_start_matches("#/$defs/")
                .to_owned()
        })
        .collect();
    assert_eq!(kinds, described);
}

#[test]
fn a_connection_is_told_in_numbers() {
    let line = told(closed(End::PodReset, Some(way()))).unwrap();
    assert_eq!(
        line,
        json!({
            "time": "2026-11-27T22:10:11.123Z",
            "kind": "connection_closed",
            "forward": 1,
            "target": "db/svc/pg",
            "connection": 7,
            "local_address": "127.0.0.1",
            "local_port": 8080,
            "peer_address": "127.0.0.1",
            "peer_port": 40000,
            "pod": {"namespace": "db", "name": "pg\\u{1b}-0"},
            "pod_ip": null,
            "remote_port": 5432,
            "session": 3,
            "bytes_sent": 10,
            "bytes_received": 2000,
            "duration_seconds": 1.5,
            "first_byte_seconds": 0.25,
            "end": "pod_reset",
            "reason": "the pod reset the connection",
        })
    );
}

#[test]
fn what_taps_tell_is_not_told_twice() {
    assert_eq!(told(What::Happened(Event::Skipped(skipped(0)))), None);
    let opened = Event::ConnectionOpened {
        id: 1,
        local: ([127, 0, 0, 1], 80).into(),
        peer: ([127, 0, 0, 1], 81).into(),
    };
    assert_eq!(told(What::Happened(opened)), None);
}

#[test]
fn the_checker_notices_what_is_wrong() {
    let schema = schema();
    let good = told(What::Accepted(connection())).unwrap();
    schema::check(&schema, &good).unwrap();
    for (name, wrong) in [
        ("time", json!("2026-11-27 22:10:11")),
        ("kind", json!("connection_lost")),
        ("local_port", json!("8080")),
        ("local_port", json!(65_536)),
        ("local_address", json!("localhost")),
        ("connection", Value::Null),
        ("surprise", json!(1)),
    ] {
        let mut line = good.clone();
        line[name] = wrong;
        assert!(schema::check(&schema, &line).is_err(), "{line}");
    }
    for name in ["time", "kind", "connection", "target"] {
        let mut line = good.clone();
        line.as_object_mut().unwrap().remove(name);
        assert!(schema::check(&schema, &line).is_err(), "{line}");
    }
}
