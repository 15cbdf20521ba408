//! What programs are told of a forward: events as JSON, and metrics.

use std::{collections::BTreeSet, process::Stdio, sync::Arc};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    app::App,
    forwarding::{Forwarding, podline},
    harness::cases,
    schema,
    world::World,
};

cases! {
    a_failure_at_the_start_is_an_event_too;
    addresses_are_told_before_their_forward_is_ready;
    a_wrong_command_line_is_told_in_words_alone;
    connections_that_are_looked_into_are_events_of_the_schema [Signals];
    every_line_is_an_event_of_the_schema [Signals];
    metrics_count_what_goes_through;
}

/// The events that these lines are; a line that is none fails.
fn events(lines: &[String]) -> Vec<Value> {
    let schema = serde_json::from_str(include_str!("../../../../../docs/events.schema.json")).unwrap();
    let event = |line: &String| {
        let event = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        schema::check(&schema, &event).unwrap_or_else(|error| panic!("{error}\n{line}"));
        event
    };
    lines.iter().map(event).collect()
}

fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["kind"] == kind).collect()
}

async fn every_line_is_an_event_of_the_schema(world: Arc<World>) {
    let arguments = [
        "-o",
        "json",
        "--wait",
        "--address=127.0.0.1",
        "tools",
        ":7",
        "svc/echo",
        ":7",
    ];
    let forwarding = Forwarding::begin(podline(&world, &arguments), Stdio::null());
    let lines = forwarding
        .says_enough(|lines| {
            lines
                .iter()
                .filter(|line| line.contains(r#""kind":"ready""#))
                .count()
                == 2
        })
        .await;
    let told = events(&lines);
    assert_eq!(told[0]["kind"], "started");
    let listening = of_kind(&told, "listening");
    assert_eq!(listening.len(), 2, "{lines:#?}");
    let local = |forward: u64| {
        let event = listening
            .iter()
            .find(|event| event["forward"] == forward)
            .unwrap();
        assert_eq!(event["remote_port"], 7);
        let port = u16::try_from(event["local_port"].as_u64().unwrap()).unwrap();
        ("127.0.0.1", port)
    };
    let mut app = App::new(TcpStream::connect(local(1)).await.unwrap());
    app.is_echoed(b"hello").await;
    let peer = app.into_stream().local_addr().unwrap().port();
    let of_peer = format!(r#""peer_port":{peer}"#);
    let lines = forwarding
        .says_enough(|lines| {
            lines
                .iter()
                .any(|line| line.contains("connection_closed") && line.contains(&of_peer))
        })
        .await;
    let told: Vec<Value> = events(&lines)
        .into_iter()
        .filter(|event| event["peer_port"] == peer)
        .collect();
    let kinds: Vec<_> = told.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["connection_opened", "connection_routed", "connection_closed"]
    );
    for event in &told {
        assert_eq!(
            (&event["forward"], &event["target"]),
            (&1.into(), &"svc/echo".into())
        );
    }
    let closed = &told[2];
    assert_eq!(
        (&closed["bytes_sent"], &closed["bytes_received"]),
        (&5.into(), &5.into())
    );
    assert_eq!(
        (&closed["end"], &closed["pod"]["namespace"]),
        (&"clean".into(), &world.namespace().into())
    );
    assert!(closed["first_byte_seconds"].as_f64() <= closed["duration_seconds"].as_f64());

    // What is open at the end is told too.
    let _open = TcpStream::connect(local(0)).await.unwrap();
    forwarding
        .says_enough(|lines| {
            lines
                .iter()
                .any(|line| line.contains("connection_routed") && line.contains(r#""forward":0"#))
        })
        .await;
    forwarding.signal("INT").await;
    let said = forwarding.end().await;
    assert_eq!(said.status.code(), Some(0));
    let told = events(&said.stdout);
    let ends: BTreeSet<_> = of_kind(&told, "connection_closed")
        .iter()
        .map(|event| event["end"].as_str().unwrap())
        .collect();
    assert!(ends.contains("shut_down"), "{:#?}", said.stdout);
    assert!(
        said.stderr
            .iter()
            .all(|line| !line.starts_with("Forwarding from")),
        "{:?}",
        said.stderr
    );
}

async fn connections_that_are_looked_into_are_events_of_the_schema(world: Arc<World>) {
    let arguments = [
        "--output=json",
        "--http",
        "--address=127.0.0.1",
        "tools",
        ":8080",
        ":7",
    ];
    let forwarding = Forwarding::begin(podline(&world, &arguments), Stdio::null());
    let has = |kind: &'static str, number: usize| {
        move |lines: &[String]| {
            let kind = format!(r#""kind":"{kind}""#);
            lines.iter().filter(|line| line.contains(&kind)).count() >= number
        }
    };
    let told = events(&forwarding.says_enough(has("ready", 1)).await);
    let connect = async |remote: u16| {
        let listening = of_kind(&told, "listening");
        let event = listening.iter().find(|event| event["remote_port"] == remote);
        let port = u16::try_from(event.unwrap()["local_port"].as_u64().unwrap()).unwrap();
        App::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap())
    };
    let mut app = connect(8080).await;
    let name = app.get("/whoami?token=s3cret").await;
    app.post("/hash", b"0123456789").await;
    let http = app.local_port();
    let mut app = connect(7).await;
    app.is_echoed(b"*1\r\n$4\r\nPING\r\n").await;
    let redis = app.local_port();
    forwarding.says_enough(has("http_exchange", 2)).await;
    forwarding.says_enough(has("protocol_recognised", 2)).await;
    forwarding.signal("INT").await;
    let said = forwarding.end().await;
    assert_eq!(said.status.code(), Some(0), "{:?}", said.stderr);
    let told = events(&said.stdout);
    let exchanges = of_kind(&told, "http_exchange");
    let shown: Vec<Value> = exchanges
        .iter()
        .map(|event| {
            json!([
                event["method"],
                event["path"],
                event["status"],
                event["request_bytes"],
                event["response_bytes"],
                event["end"],
                event["peer_port"],
                event["target"]
            ])
        })
        .collect();
    assert_eq!(
        shown,
        [
            json!([
                "GET",
                "/whoami?token=…",
                200,
                0,
                name.len(),
                "complete",
                http,
                "pod/tools"
            ]),
            json!(["POST", "/hash", 200, 10, 65, "complete", http, "pod/tools"]),
        ]
    );
    for event in exchanges {
        assert!(event["first_byte_seconds"].as_f64() <= event["duration_seconds"].as_f64());
    }
    let mut recognised: Vec<_> = of_kind(&told, "protocol_recognised")
        .iter()
        .map(|event| (event["peer_port"].as_u64().unwrap(), event["protocol"].clone()))
        .collect();
    recognised.sort_by_key(|(port, _)| *port != u64::from(http));
    assert_eq!(
        recognised.iter().map(|(port, _)| *port).collect::<Vec<_>>(),
        [u64::from(http), u64::from(redis)],
        "{recognised:?}"
    );
    assert!(
        recognised[0].1.to_string().to_lowercase().contains("http")
            && recognised[1].1.to_string().to_lowercase().contains("redis"),
        "{recognised:?}"
    );
    assert!(!said.stdout.iter().any(|line| line.contains("s3cret")));
}

async fn a_wrong_command_line_is_told_in_words_alone(world: Arc<World>) {
    for (arguments, error) in [
        (
            &["tools", ":7", "--nonsense"][..],
            "error: unknown flag: --nonsense",
        ),
        (&["tools", ":7", "--hold=soon"], "error: "),
    ] {
        let said = Forwarding::run(&world, &[&["--output=json"], arguments].concat()).await;
        assert_eq!(said.status.code(), Some(1));
        assert!(said.stdout.is_empty(), "{:?}", said.stdout);
        assert!(said.stderr[0].starts_with(error), "{:?}", said.stderr);
    }
}

async fn addresses_are_told_before_their_forward_is_ready(world: Arc<World>) {
    let arguments = ["--output=json", "tools", ":7", ":22", "svc/echo", ":7"];
    let forwarding = Forwarding::begin(podline(&world, &arguments), Stdio::null());
    let is_ready = |line: &&String| line.contains(r#""kind":"ready""#);
    let lines = forwarding
        .says_enough(|lines| lines.iter().filter(is_ready).count() == 2)
        .await;
    let told = events(&lines);
    for (forward, ports) in [(0, 2), (1, 1)] {
        let of_forward = told.iter().filter(|event| event["forward"] == forward);
        let before = of_forward.take_while(|event| event["kind"] != "ready");
        let listening = before.filter(|event| event["kind"] == "listening");
        let local: BTreeSet<_> = listening
            .filter_map(|event| event["local_port"].as_u64())
            .collect();
        assert_eq!(local.len(), ports, "{lines:#?}");
    }
}

async fn a_failure_at_the_start_is_an_event_too(world: Arc<World>) {
    for (arguments, message) in [
        (&["svc/none", ":80"][..], "services \"none\" not found"),
        (&["tools"], "no port is given for pod/tools"),
        (
            &["--wait", "--timeout=10s", "tools", ":83"],
            "port 83 of pod tools is not open",
        ),
        (
            &["tools", ":7", "--", "true"],
            "standard output can belong to the program behind `--` or to `--output json`, not to both",
        ),
    ] {
        let said = Forwarding::run(&world, &[&["--output=json"], arguments].concat()).await;
        assert_eq!(said.status.code(), Some(1));
        let told = events(&said.stdout);
        let errors = of_kind(&told, "error");
        assert_eq!(
            (errors.len(), &told[0]["kind"], &told.last().unwrap()["kind"]),
            (1, &"started".into(), &"error".into())
        );
        assert_eq!(errors[0]["exit_status"], 1);
        let told = errors[0]["message"].as_str().unwrap();
        assert!(told.contains(message), "{told}");
        assert!(
            said.stderr.iter().any(|line| line == &format!("error: {told}")),
            "{:?}",
            said.stderr
        );
    }
}

async fn metrics_count_what_goes_through(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["--metrics=0", "--address=127.0.0.1", "tools", ":7"]).await;
    let note = forwarding.warns("metrics are at ").await;
    let address = note
        .strip_prefix("note: metrics are at http://")
        .and_then(|rest| rest.strip_suffix("/metrics"))
        .unwrap();
    let mut app = forwarding.connect(7).await;
    app.is_echoed(b"counted").await;
    let ask = |host: &'static str| async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let answer = ask("localhost").await;
    for sample in [
        "podline_connections_total{forward=\"0\",target=\"pod/tools\"} 1\n",
        "podline_sent_bytes_total{forward=\"0\",target=\"pod/tools\"} 7\n",
        "podline_open_connections{forward=\"0\",target=\"pod/tools\"} 1\n",
    ] {
        assert!(answer.contains(sample), "{sample}{answer}");
    }
    assert!(ask("evil.example").await.starts_with("HTTP/1.1 421 "));
}
