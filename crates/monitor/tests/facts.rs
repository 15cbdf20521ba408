//! What a monitor knows of a forward on the minicluster.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use podline::cluster::{Cluster, Options};
use podline::{End, Event, Forward, PodState, Target};
use podline_minicluster::{Config, Minicluster, User};
use podline_monitor::http::{Ending, Protocol};
use podline_monitor::{ConnectionState, Facts, ForwardMonitor, Monitor, Next, What};
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long anything may take that should happen; only a broken build ever waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A forward on a cluster of its own, watched.
struct Stage {
    minicluster: Minicluster,
    monitor: Monitor,
    watched: ForwardMonitor,
    forward: Forward,
    _kubeconfig: NamedTempFile,
}

impl Stage {
    async fn new(target: &str, port: &str) -> (Self, Facts) {
        let minicluster = Minicluster::start(Config::default()).await.unwrap();
        let kubeconfig = NamedTempFile::new().unwrap();
        std::fs::write(kubeconfig.path(), minicluster.kubeconfig(User::Admin)).unwrap();
        let options = Options {
            kubeconfig: Some(kubeconfig.path().to_owned()),
            ..Options::default()
        };
        let cluster = Cluster::connect(options).await.unwrap();
        let target: Target = target.parse().unwrap();
        let monitor = Monitor::start();
        let facts = monitor.facts();
        let watched = monitor.forward(&target);
        let forward = Forward::builder(cluster, target)
            .address("127.0.0.1".parse().unwrap())
            .port(port.parse().unwrap())
            .taps(watched.clone())
            .hold(Duration::ZERO)
            .start()
            .await
            .unwrap();
        watched.follow(&forward);
        let stage = Self {
            minicluster,
            monitor,
            watched,
            forward,
            _kubeconfig: kubeconfig,
        };
        (stage, facts)
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.forward.local_addrs()[0].socket)
            .await
            .unwrap()
    }
}

/// The next fact that `pick` takes.
async fn fact<T>(facts: &mut Facts, mut pick: impl FnMut(&What) -> Option<T>) -> T {
    let wait = async {
        loop {
            match facts.next().await {
                Some(Next::Fact(fact)) => {
                    if let Some(picked) = pick(&fact.what) {
                        return picked;
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    };
    timeout(PATIENCE, wait).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_known_from_its_acceptance_to_its_end() {
    let (stage, mut facts) = Stage::new("pod/tools", ":7").await;
    stage.watched.ready();
    fact(&mut facts, |what| matches!(what, What::Ready).then_some(())).await;
    let mut app = stage.connect().await;
    let peer = app.local_addr().unwrap();
    let accepted = fact(&mut facts, |what| match what {
        What::Accepted(connection) => Some(*connection),
        _ => None,
    })
    .await;
    assert_eq!((accepted.id, accepted.peer), (1, peer));
    let way = fact(&mut facts, |what| match what {
        What::Opened { way, .. } => Some(way.clone()),
        _ => None,
    })
    .await;
    assert_eq!((way.pod.name.as_str(), way.port), ("tools", 7));

    app.write_all(b"hello").await.unwrap();
    app.read_exact(&mut [0; 5]).await.unwrap();
    // The app has its bytes before they are counted.
    let counted = async {
        loop {
            let snapshot = stage.monitor.forwards().remove(0);
            if snapshot.totals.received == 5 {
                return snapshot;
            }
            tokio::task::yield_now().await;
        }
    };
    let snapshot = timeout(PATIENCE, counted).await.unwrap();
    let [open] = &snapshot.connections[..] else {
        panic!("{:?}", snapshot.connections)
    };
    assert!(matches!(open.state, ConnectionState::Open), "{open:?}");
    assert_eq!((open.sent, open.received), (5, 5));
    assert_eq!((snapshot.totals.accepted, snapshot.totals.sent), (1, 5));
    assert!(open.first_byte.is_some_and(|waited| waited <= open.age));
    assert_eq!(snapshot.pods[0].state, PodState::Ready);

    drop(app);
    let closed = fact(&mut facts, |what| match what {
        What::Closed(closed) => Some(closed.clone()),
        _ => None,
    })
    .await;
    assert_eq!((closed.outcome.sent, closed.outcome.received), (5, 5));
    assert!(closed.outcome.end.is_clean() && closed.first_byte.is_some());
    assert_eq!(closed.way.as_ref(), Some(&way));
    let snapshot = stage.monitor.forwards().remove(0);
    assert!(snapshot.connections.is_empty());
    assert_eq!(snapshot.totals.closed(), 1);
    assert_eq!((snapshot.totals.sent, snapshot.totals.received), (5, 5));
    assert!(matches!(&snapshot.ended[0].state, ConnectionState::Ended(end) if end.is_clean()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_gets_no_pod_is_known_too() {
    let (stage, mut facts) = Stage::new("pod/tools", ":7").await;
    let store = stage.minicluster.store();
    store.delete_pod("default", "tools").await.unwrap();
    fact(&mut facts, |what| {
        matches!(what, What::Happened(Event::PodGone { .. })).then_some(())
    })
    .await;
    let _app = stage.connect().await;
    let closed = fact(&mut facts, |what| match what {
        What::Closed(closed) => Some(closed.clone()),
        _ => None,
    })
    .await;
    assert!(matches!(closed.outcome.end, End::NoPod(_)), "{closed:?}");
    assert!(closed.way.is_none() && closed.first_byte.is_none());
    let snapshot = stage.monitor.forwards().remove(0);
    assert_eq!(snapshot.totals.ended.get("no_pod"), Some(&1));
    assert!(snapshot.waiting.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_can_be_ended_by_its_number() {
    let (stage, mut facts) = Stage::new("pod/tools", ":7").await;
    let mut app = stage.connect().await;
    app.write_all(b"hello").await.unwrap();
    app.read_exact(&mut [0; 5]).await.unwrap();
    assert!(!stage.monitor.end_connection(0, 2));
    assert!(!stage.monitor.end_connection(1, 1));
    assert!(stage.monitor.end_connection(0, 1));
    let end = fact(&mut facts, |what| match what {
        What::Closed(closed) => Some(closed.outcome.end.clone()),
        _ => None,
    })
    .await;
    assert!(matches!(end, End::Killed), "{end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_is_told_what_it_missed() {
    let (stage, mut facts) = Stage::new("pod/tools", ":7").await;
    // Each is one fact, so these are more than wait for a reader.
    for _ in 0..5000 {
        stage.watched.ready();
    }
    let mut missed = 0;
    let mut told = 0;
    while missed + told < 5000 {
        match timeout(PATIENCE, facts.next()).await.unwrap().unwrap() {
            Next::Fact(fact) => told += u64::from(matches!(fact.what, What::Ready)),
            Next::Skipped(skipped) => missed += skipped,
        }
    }
    assert!(missed >= 5000 - 4096, "{missed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_requests_are_facts_where_they_are_looked_for() {
    let (stage, mut facts) = Stage::new("pod/tools", ":8080").await;
    stage.monitor.look_into_http(false);
    let mut app = stage.connect().await;
    let request = b"GET /whoami?token=secret HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n";
    app.write_all(request).await.unwrap();
    let peer = app.local_addr().unwrap();
    let protocol = fact(&mut facts, |what| match what {
        What::Recognised { connection, protocol } if connection.peer == peer => Some(protocol.clone()),
        _ => None,
    })
    .await;
    assert_eq!(protocol, Protocol::Http1);
    let exchanged = fact(&mut facts, |what| match what {
        What::Exchanged(exchanged) if exchanged.connection.peer == peer => Some(exchanged.clone()),
        _ => None,
    })
    .await;
    let exchange = &exchanged.exchange;
    assert_eq!(exchange.target.as_raw(), "/whoami?token=…");
    assert_eq!((exchange.status, exchange.ending), (Some(200), Ending::Complete));
    assert!(exchange.response_body > 0);
    let view = &stage.monitor.forwards()[0];
    let mut connections = view.connections.iter().chain(&view.ended);
    let connection = connections.find(|view| view.connection.peer == peer).unwrap();
    assert_eq!(connection.protocol, Some(Protocol::Http1));
    assert!(exchanged.started >= connection.accepted);
}
