use std::time::Duration;

use podline::{Answer, Ask, End, Forward, Probe};
use podline_minicluster::workload::Workload;
use podline_minicluster::{Config, manifest};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::stage::{Stage, connect, echo, holding, soon};

/// A forward of the ports given of the pod `tools`.
async fn tools(stage: &Stage, ports: &[&str]) -> Forward {
    stage.forward("pod/tools", ports).start().await.unwrap()
}

async fn probe(forward: &Forward, index: usize) -> Probe {
    soon(forward.probe(index)).await.unwrap().probe
}

async fn serving(forward: &Forward, index: usize, ask: Ask) -> Probe {
    soon(forward.probe_serving(index, &ask)).await.unwrap().probe
}

fn http(path: &str) -> Ask {
    Ask::Http(path.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_port_is_told_from_a_refused_one_and_from_one_that_resets() {
    let stage = Stage::new().await;
    let forward = tools(&stage, &[":7", ":83", ":23"]).await;
    let probed = soon(forward.probe(0)).await.unwrap();
    assert_eq!(probed.probe, Probe::Open);
    assert_eq!((probed.pod.name.as_str(), probed.port), ("tools", 7));
    match probe(&forward, 1).await {
        Probe::Refused(why) => assert!(why.to_string().contains("connection refused"), "{why}"),
        other => panic!("{other}"),
    }
    match probe(&forward, 2).await {
        Probe::Reset(_) => {}
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_whose_packets_are_dropped_is_found_and_delays_nobody() {
    let stage = Stage::new().await;
    let forward = tools(&stage, &[":84", ":7"]).await;
    let (dropped, ()) = tokio::join!(probe(&forward, 0), async {
        // Beside it, on whatever session they get.
        for _ in 0..20 {
            echo(&mut connect(&forward, 1).await, b"hello").await.unwrap();
        }
    });
    assert_eq!(dropped, Probe::Dropped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_speaks_first_serves() {
    let stage = Stage::new().await;
    let forward = tools(&stage, &[":22", ":7"]).await;
    let hello = "it says `hello`";
    for probe in [probe(&forward, 0).await, serving(&forward, 0, Ask::Listen).await] {
        match probe {
            Probe::Serving(answer) => assert_eq!(answer.to_string(), hello),
            other => panic!("{other}"),
        }
    }
    // One that waits for its client is open, and that is all that can be said.
    assert_eq!(serving(&forward, 1, Ask::Listen).await, Probe::Open);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_http_serves_whatever_the_status() {
    let stage = Stage::new().await;
    let forward = tools(&stage, &[":8080", ":25", ":83", ":84"]).await;
    let status = |status| Probe::Serving(Answer::Http { status, tls: false });
    assert_eq!(serving(&forward, 0, http("/whoami")).await, status(200));
    assert_eq!(serving(&forward, 0, http("/nowhere")).await, status(404));
    // It takes the question and never answers.
    assert_eq!(serving(&forward, 1, http("/")).await, Probe::Open);
    assert!(matches!(serving(&forward, 2, http("/")).await, Probe::Refused(_)));
    assert_eq!(serving(&forward, 3, http("/")).await, Probe::Dropped);
    // No TLS is there, and something answers all the same.
    let answer = serving(&forward, 0, Ask::Https("/".parse().unwrap())).await;
    assert!(matches!(answer, Probe::Serving(Answer::Said(_))), "{answer}");
}

/// A pod `own` whose port 80 is `listener`.
fn config(listener: &TcpListener) -> Config {
    let workload = Workload::Outside(listener.local_addr().unwrap()).to_string();
    Config::empty().with(manifest::pod("own", &[("http", 80, &workload)]))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_sees_a_connection_without_a_byte() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stage = Stage::of(config(&listener)).await;
    let (seen, mut told) = mpsc::channel(1);
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        let end = connection.read_to_end(&mut bytes).await;
        seen.send((bytes, end.is_ok())).await.unwrap();
    });
    let forward = stage.forward("pod/own", &[":80"]).start().await.unwrap();
    assert_eq!(probe(&forward, 0).await, Probe::Open);
    assert_eq!(soon(told.recv()).await, Some((Vec::new(), true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_behind_tls_serves_with_whatever_certificate() {
    let stage = Stage::new().await;
    let forward = tools(&stage, &[":8443"]).await;
    for (path, status) in [("/whoami", 200), ("/nowhere", 404)] {
        let probe = serving(&forward, 0, Ask::Https(path.parse().unwrap())).await;
        assert_eq!(probe, Probe::Serving(Answer::Http { status, tls: true }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_pod_a_probe_waits_as_long_as_a_connection() {
    let stage = Stage::new().await;
    let builder = stage.forward("pod/tools", &[":7"]);
    let forward = builder.hold(Duration::ZERO).start().await.unwrap();
    let mut events = forward.events();
    stage
        .minicluster
        .store()
        .delete_pod("default", "tools")
        .await
        .unwrap();
    holding(&mut events).await;
    assert!(matches!(soon(forward.probe(0)).await, Err(End::NoPod(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_trip_touches_no_port() {
    let stage = Stage::new().await;
    // Nothing listens there, and nobody has to.
    let forward = tools(&stage, &[":83"]).await;
    for _ in 0..10 {
        let took = soon(forward.round_trip(0)).await.unwrap();
        assert!(took.is_some_and(|took| took > Duration::ZERO));
    }
    assert_eq!(forward.view().pods()[0].connections, 0);
    forward.shutdown().await;
}
