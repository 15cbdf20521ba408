//! The metrics of a forward on the minicluster, as Prometheus sees them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use podline::cluster::{Cluster, Options};
use podline::{Event, Forward, Target};
use podline_minicluster::{Config, Minicluster, User};
use podline_monitor::{Facts, MetricsServer, Monitor, Next, What};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long anything may take that should happen; only a broken build ever waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// The status and the body of the answer to a request.
async fn get(address: SocketAddr, path: &str, host: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// Each sample by its name and labels; what is not OpenMetrics fails.
fn samples(page: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut families = BTreeMap::new();
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        if line == "# EOF" {
            assert!(lines.peek().is_none() && page.ends_with("# EOF\n"));
            return samples;
        }
        if let Some(meta) = line.strip_prefix("# ") {
            let [word, family, rest] = meta.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
            match word {
                "HELP" => {}
                "TYPE" => assert!(families.insert(family, rest).is_none(), "{line}"),
                "UNIT" => assert!(family.ends_with(&format!("_{rest}")), "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        let metric = name.split('{').next().unwrap();
        let family = ["_total", "_bucket", "_count", "_sum"]
            .into_iter()
            .find_map(|suffix| metric.strip_suffix(suffix));
        assert!(families.contains_key(family.unwrap_or(metric)), "{line}");
        assert!(
            samples.insert(name.to_owned(), value.parse().unwrap()).is_none(),
            "{line}"
        );
    }
    panic!("it has no end:\n{page}");
}

/// Waits until something is told that `is_awaited`.
async fn await_fact(facts: &mut Facts, is_awaited: impl Fn(&What) -> bool) {
    let told = async {
        loop {
            match facts.next().await {
                Some(Next::Fact(fact)) if is_awaited(&fact.what) => break,
                Some(_) => {}
                None => panic!("the monitor ended"),
            }
        }
    };
    timeout(PATIENCE, told).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_through_is_counted() {
    let minicluster = Minicluster::start(Config::default()).await.unwrap();
    let kubeconfig = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(kubeconfig.path(), minicluster.kubeconfig(User::Admin)).unwrap();
    let options = Options {
        kubeconfig: Some(kubeconfig.path().to_owned()),
        ..Options::default()
    };
    let cluster = Cluster::connect(options).await.unwrap();
    let target: Target = "default/pod/tools".parse().unwrap();
    let monitor = Monitor::start();
    let mut facts = monitor.facts();
    let watched = monitor.forward(&target);
    let forward = Forward::builder(cluster, target)
        .address("127.0.0.1".parse().unwrap())
        .port(":7".parse().unwrap())
        .port(":83".parse().unwrap())
        .taps(watched.clone())
        .start()
        .await
        .unwrap();
    watched.follow(&forward);
    // A session is up by now, but may not have been counted yet.
    let is_up = |what: &What| matches!(what, What::Happened(Event::SessionUp(_)));
    await_fact(&mut facts, is_up).await;
    let server = MetricsServer::start(&monitor, ([127, 0, 0, 1], 0).into())
        .await
        .unwrap();
    let address = server.address();
    let page = || async { samples(&get(address, "/metrics", &address.to_string()).await.1) };
    let labels = r#"forward="0",target="default/pod/tools""#;
    let sample = |name: &str| format!("{name}{{{labels}}}");

    let ports: Vec<SocketAddr> = forward
        .local_addrs()
        .iter()
        .map(|address| address.socket)
        .collect();
    let mut app = TcpStream::connect(ports[0]).await.unwrap();
    app.write_all(b"hello").await.unwrap();
    app.read_exact(&mut [0; 5]).await.unwrap();
    let open = page().await;
    assert_eq!(open[&sample("podline_connections_total")], 1.0);
    assert_eq!(open[&sample("podline_open_connections")], 1.0);
    assert_eq!(open[&sample("podline_held_connections")], 0.0);
    assert!(open[&sample("podline_sessions")] >= 1.0);
    assert!(open[&sample("podline_sessions_made_total")] >= 1.0);

    drop(app);
    // Tokio asks once more after the handshake, and would take a reset that has come by then for a failure to connect.
    drop(std::net::TcpStream::connect(ports[1]).unwrap());
    for _ in 0..2 {
        await_fact(&mut facts, |what| matches!(what, What::Closed(_))).await;
    }
    let over = page().await;
    assert_eq!(over[&sample("podline_open_connections")], 0.0);
    assert_eq!(over[&sample("podline_sent_bytes_total")], 5.0);
    assert_eq!(over[&sample("podline_received_bytes_total")], 5.0);
    assert_eq!(
        over[&format!("podline_ended_connections_total{{{labels},end=\"clean\"}}")],
        1.0
    );
    assert_eq!(over[&sample("podline_first_byte_seconds_count")], 1.0);
    let infinite = over.iter().find(|(name, _)| {
        name.starts_with("podline_first_byte_seconds_bucket") && name.contains("le=\"+Inf\"")
    });
    assert_eq!(infinite.map(|(_, count)| *count), Some(1.0));
    let ended = over
        .iter()
        .filter(|(name, _)| name.starts_with("podline_ended_connections_total"));
    assert_eq!(ended.map(|(_, count)| *count).sum::<f64>(), 2.0);
    forward.shutdown().await;
}

#[tokio::test]
async fn only_who_names_this_machine_by_an_address_is_answered() {
    let monitor = Monitor::start();
    let server = MetricsServer::start(&monitor, ([127, 0, 0, 1], 0).into())
        .await
        .unwrap();
    let (head, body) = get(server.address(), "/metrics", "localhost:1").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(
        head.contains("application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{head}"
    );
    assert!(samples(&body).is_empty());
    for host in ["evil.example", "localhost.evil.example", ""] {
        let (head, body) = get(server.address(), "/metrics", host).await;
        assert!(
            head.starts_with("HTTP/1.1 421 ") && !body.contains("podline_"),
            "{head}\n{body}"
        );
    }
    let (head, _) = get(server.address(), "/", "localhost").await;
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
    let taken = MetricsServer::start(&monitor, server.address())
        .await
        .unwrap_err();
    assert_eq!(
        taken.to_string(),
        format!("cannot serve metrics on {}", server.address())
    );
}
