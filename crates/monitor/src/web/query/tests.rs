use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use podline::{Connection, End, PodAddress, Way};

use super::*;
use crate::{ForwardName, Rates, Totals};

fn connection(id: u64, pod: Option<&str>, received: u64, end: Option<End>) -> ConnectionView {
    let way = pod.map(|name| {
        let pod = PodAddress {
            namespace: "default".to_owned(),
            name: name.to_owned(),
        };
        Way::new(pod, None, 8080, 1)
    });
    let state = match (end, &way) {
        (Some(end), _) => ConnectionState::Ended(end),
        (None, Some(_)) => ConnectionState::Open,
        (None, None) => ConnectionState::Held,
    };
    let peer = format!("127.0.0.1:{}", 40000 + id);
    ConnectionView {
        connection: Connection::new(id, "127.0.0.1:8080".parse().unwrap(), peer.parse().unwrap()),
        accepted: Timestamp::from_second(1_800_000_000 + i64::try_from(id).unwrap()).unwrap(),
        way,
        sent: 10,
        received,
        first_byte: None,
        age: Duration::from_secs(5),
        protocol: None,
        state,
    }
}

fn forward(index: usize, target: &str, connections: Vec<ConnectionView>) -> ForwardSnapshot {
    let (ended, connections) = connections
        .into_iter()
        .partition(|view| matches!(view.state, ConnectionState::Ended(_)));
    ForwardSnapshot {
        name: Arc::new(ForwardName {
            index,
            target: target.parse().unwrap(),
        }),
        addresses: Vec::new(),
        pods: Vec::new(),
        transport: None,
        held: 0,
        waiting: None,
        connections,
        ended,
        totals: Totals::default(),
        rates: Rates::default(),
        lost_sessions: 0,
        made_sessions: 6,
    }
}

fn forwards() -> Vec<ForwardSnapshot> {
    vec![
        forward(
            0,
            "svc/web",
            vec![
                connection(1, Some("web-b"), 500, None),
                connection(2, Some("web-a"), 900, Some(End::PodReset)),
                connection(3, None, 0, None),
            ],
        ),
        forward(1, "svc/db", vec![connection(1, Some("db-0"), 700, None)]),
    ]
}

/// The connections that a query shows, as `FORWARD/ID`.
fn shown(query: &str) -> Vec<String> {
    let query = Query::read(query.as_bytes()).unwrap();
    let window = query.window(&forwards(), &Speeds::default());
    let name = |row: &ConnectionRow| format!("{}/{}", row.forward, row.id);
    window.rows.iter().map(name).collect()
}

#[test]
fn connections_are_shown_as_they_are_asked_for() {
    assert_eq!(shown(r#"{"rows":9}"#), ["0/1", "1/1", "0/2", "0/3"]);
    assert_eq!(
        shown(r#"{"rows":9,"descending":true}"#),
        ["0/3", "0/2", "1/1", "0/1"]
    );
    assert_eq!(
        shown(r#"{"rows":9,"sort":"received","descending":true}"#),
        ["0/2", "1/1", "0/1", "0/3"]
    );
    assert_eq!(shown(r#"{"rows":9,"sort":"pod"}"#), ["0/3", "1/1", "0/2", "0/1"]);
    assert_eq!(
        shown(r#"{"rows":9,"sort":"state"}"#),
        ["0/3", "0/1", "1/1", "0/2"]
    );
    assert_eq!(shown(r#"{"rows":9,"show":"ended"}"#), ["0/2"]);
    assert_eq!(shown(r#"{"rows":9,"show":"open"}"#), ["0/1", "1/1", "0/3"]);
    assert_eq!(shown(r#"{"rows":9,"forward":1}"#), ["1/1"]);
    assert!(shown(r#"{"rows":9,"forward":7}"#).is_empty());
}

#[test]
fn a_filter_wants_all_its_words_anywhere() {
    assert_eq!(shown(r#"{"rows":9,"filter":"WEB-"}"#), ["0/1", "0/2"]);
    assert_eq!(shown(r#"{"rows":9,"filter":"/web open"}"#), ["0/1"]);
    assert_eq!(shown(r#"{"rows":9,"filter":"pod_reset"}"#), ["0/2"]);
    assert_eq!(shown(r##"{"rows":9,"filter":"#3"}"##), ["0/3"]);
    assert_eq!(shown(r#"{"rows":9,"filter":":40002"}"#), ["0/2"]);
    assert!(shown(r#"{"rows":9,"filter":"web db"}"#).is_empty());
}

#[test]
fn no_more_than_a_window_is_told() {
    let all: Vec<ConnectionView> = (1..=1000)
        .map(|id| connection(id, Some("web"), 0, None))
        .collect();
    let forwards = [forward(0, "svc/web", all)];
    let window = |query: &str| {
        Query::read(query.as_bytes())
            .unwrap()
            .window(&forwards, &Speeds::default())
    };
    let first = window(r#"{"rows":1000000}"#);
    assert_eq!((first.open, first.matching, first.rows.len()), (1000, 1000, ROWS));
    let second = window(r#"{"rows":100,"skip":100}"#);
    assert_eq!((second.skipped, second.rows[0].id), (100, 101));
    // What was the tenth page is beyond the end now: the last page is shown.
    let last = window(r#"{"rows":100,"skip":18446744073709551615}"#);
    assert_eq!((last.skipped, last.rows[0].id, last.rows.len()), (900, 901, 100));
    assert!(window("{}").rows.is_empty());
}

#[test]
fn one_connection_can_be_watched_wherever_it_is() {
    let watched = |query: &str| {
        let query = Query::read(query.as_bytes()).unwrap();
        let row = query.watched(&forwards(), &Speeds::default());
        row.map(|row| (row.forward, row.id, row.state))
    };
    assert_eq!(
        watched(r#"{"watched":{"forward":0,"id":2}}"#),
        Some((0, 2, "pod_reset"))
    );
    assert_eq!(
        watched(r#"{"watched":{"forward":1,"id":1}}"#),
        Some((1, 1, "open"))
    );
    assert_eq!(watched(r#"{"watched":{"forward":1,"id":2}}"#), None);
    assert_eq!(watched("{}"), None);
}

#[test]
fn what_is_no_query_is_refused() {
    let long = format!(r#"{{"filter":"{}"}}"#, "x".repeat(FILTER + 1));
    for body in [
        "",
        "7",
        "{",
        r#"{"token":"x"}"#,
        r#"{"rows":-1}"#,
        r#"{"sort":"x"}"#,
        &long,
    ] {
        assert_eq!(
            Query::read(body.as_bytes()).unwrap_err(),
            Refusal::BadRequest,
            "{body}"
        );
    }
}

#[test]
fn speed_is_what_was_carried_between_two_looks() {
    let at = |received| {
        [forward(
            0,
            "svc/web",
            vec![connection(1, Some("web"), received, None)],
        )]
    };
    let mut speeds = Speeds::default();
    let start = Instant::now();
    let second = Duration::from_secs(1);
    speeds.handle_look(start, &at(5_000_000));
    assert_eq!(speeds.of(0, 1).received, 0);
    speeds.handle_look(start + 2 * second, &at(7_000_000));
    assert_eq!(speeds.of(0, 1).received, 1_000_000);
    // Two pages that look one after the other see the same.
    speeds.handle_look(start + 2 * second + second / 10, &at(7_000_100));
    assert_eq!(speeds.of(0, 1).received, 1_000_000);
    speeds.handle_look(start + 3 * second, &at(7_000_200));
    assert_eq!(speeds.of(0, 1).received, 200);
    // Nobody looked for an hour.
    speeds.handle_look(start + 3600 * second, &at(900_000_000));
    assert_eq!(speeds.of(0, 1).received, 0);
    speeds.handle_look(start + 3601 * second, &[]);
    assert_eq!(speeds.of(0, 1).sum(), 0);
}
