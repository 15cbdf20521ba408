//! What keeps a bench from measuring, and what it counts as failed.

use std::future::{pending, ready};
use std::time::Duration;

use podline::Bench;
use podline::bench::{Kind, Report, Service, Value};
use podline::check::Stage;
use podline_minicluster::workload::Workload;
use podline_minicluster::{Config, manifest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::world::{World, http, kinds, run};

/// It ended at `stage`, for a reason with `reason` in it.
#[track_caller]
fn ends_at(report: &Report, stage: Stage, reason: &str) {
    let (failed, problem) = report.failed.as_ref().unwrap();
    assert_eq!(*failed, stage, "{report:?}");
    let text = problem.reason.to_string();
    assert!(text.contains(reason), "{text}");
    assert!(problem.hint.is_some(), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_where_nothing_listens() {
    let world = World::new().await;
    for service in [None, Some(Service::Echo), Some(http("/"))] {
        let bench = world.bench("pod/tools", "83");
        let bench = match service {
            Some(service) => bench.service(service),
            None => bench,
        };
        let report = run(bench).await;
        ends_at(&report, Stage::Port, "83: refused: ");
        // The ways up to there were measured all the same.
        assert_eq!(
            kinds(&report),
            [(Kind::ServerRoundTrip, 1), (Kind::SessionRoundTrip, 1)]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_resets() {
    let world = World::new().await;
    for service in [Service::Echo, http("/")] {
        let report = run(world.bench("pod/tools", "23").service(service)).await;
        ends_at(&report, Stage::Port, "23: takes connections and resets them");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_serves_something_else() {
    let world = World::new().await;
    // It answers, but not with what it was sent.
    let report = run(world.bench("pod/tools", "22").service(Service::Echo)).await;
    ends_at(
        &report,
        Stage::Port,
        "the port is open, but it does not echo: other bytes came back than were sent",
    );
    let report = run(world.bench("pod/tools", "7").service(http("/"))).await;
    ends_at(
        &report,
        Stage::Port,
        "the port is open, but it did not answer by HTTP: ",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_or_a_port_that_does_not_exist_and_a_cluster_that_is_not_there() {
    let world = World::new().await;
    let report = run(world.bench("pod/nobody", "80")).await;
    ends_at(&report, Stage::Target, "not found");
    assert_eq!(kinds(&report), []);
    let report = run(world.bench("svc/web", "nothing")).await;
    ends_at(&report, Stage::Port, "nothing");
    let mut options = world.options();
    options.context = Some("home".to_owned());
    let bench = Bench::new(options, "web".parse().unwrap(), "80".parse().unwrap());
    ends_at(
        &run(bench).await,
        Stage::Configuration,
        "context 'home' does not exist",
    );
    let mut options = world.options();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    options.server = Some(format!("https://{}", closed.local_addr().unwrap()));
    drop(closed);
    let bench = Bench::new(options, "web".parse().unwrap(), "80".parse().unwrap());
    ends_at(&run(bench).await, Stage::Tcp, "cannot connect");
}

/// A server that answers the first connection by HTTP, and the others in turn with another status, with a reset, and with an
/// orderly end.
async fn moody_server() -> Workload {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Workload::Outside(listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut number = 0_usize;
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let answer: &[u8] = match number {
                0 => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
                _ if number % 3 == 1 => b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
                _ if number % 3 == 2 => {
                    socket2::SockRef::from(&stream)
                        .set_linger(Some(Duration::ZERO))
                        .unwrap();
                    b""
                }
                _ => b"",
            };
            let _ = stream.write_all(answer).await;
            number += 1;
        }
    });
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_connections_are_counted_by_reason_and_in_no_average() {
    let object = manifest::pod("moody", &[("http", 80, &moody_server().await.to_string())]);
    let world = World::of(Config::default().with(object)).await;
    let bench = world.bench("pod/moody", "80").service(http("/"));
    let expected = [
        "the answer has HTTP status 503",
        "the connection ended before the answer was there",
        "the pod reset the connection",
    ];
    // Of any three connections one meets each, and each of the four makes one at least.
    let report = run(bench).await;
    assert!(report.failed.is_none(), "{report:?}");
    let mut measures = report.measures.iter();
    let rate = measures.find(|measure| measure.kind == Kind::Rate).unwrap();
    assert!(
        matches!(rate.value, Value::Connections { done: 0, .. }),
        "{rate:?}"
    );
    let reasons: Vec<String> = rate
        .failures
        .iter()
        .map(|(reason, _)| reason.to_string())
        .collect();
    for expected in expected {
        assert!(reasons.iter().any(|reason| reason == expected), "{reasons:?}");
    }
    // And no others.
    assert_eq!(rate.failures.iter().count(), expected.len(), "{rate:?}");
    let times = &report.measures[2];
    assert_eq!((times.kind, times.value), (Kind::FirstByte, Value::Times(None)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bench_that_is_stopped_tells_what_it_has_and_leaves_nothing_open() {
    let world = World::new().await;
    let (told, mut tells) = mpsc::channel(16);
    let bench = world.bench("pod/tools", "7").service(Service::Echo);
    let bench = bench.duration(Duration::from_secs(600));
    let stop = async move {
        // The first of those that take so long is under way.
        while tells.recv().await != Some(Kind::SessionRoundTrip) {}
    };
    let run = bench.run(stop, |measure| told.try_send(measure.kind).unwrap());
    let report = timeout(Duration::from_secs(60), run).await.unwrap();
    assert!(report.interrupted && report.failed.is_none(), "{report:?}");
    assert_eq!(
        kinds(&report),
        [(Kind::ServerRoundTrip, 1), (Kind::SessionRoundTrip, 1)]
    );
    let before_its_start = world.bench("pod/tools", "7").run(ready(()), |_| {});
    let report = timeout(Duration::from_secs(60), before_its_start).await.unwrap();
    assert!(report.interrupted && report.measures.is_empty(), "{report:?}");
    // Nobody waits for a bench that was never asked to end.
    drop(world.bench("pod/tools", "7").run(pending(), |_| {}));
}
