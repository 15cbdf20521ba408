use std::time::Duration;

use http::StatusCode;
use podline_wire::spdy::ping;
use tokio::{io::AsyncReadExt, time::timeout};

use super::{
    Bench,
    client::{Client, Event, WAYS, Way, ask},
};
use crate::node::{UpgradeFault, runtime::ReplyFault};

/// How long anything may take that should happen; only a broken build ever waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Long enough for what would happen to happen; too short only lets a fault pass unseen.
const SILENCE: Duration = Duration::from_millis(100);

#[tokio::test]
async fn upgrades_are_answered_with_the_status_that_is_set() {
    let bench = Bench::new().await;
    for code in [401, 403, 404, 429, 500, 503] {
        let status = StatusCode::from_u16(code).unwrap();
        bench
            .faults
            .set(|faults| faults.upgrade = UpgradeFault::Answer(status));
        for way in WAYS {
            let (mut stream, head) = ask(bench.address, way, "").await;
            assert!(head.starts_with(&format!("HTTP/1.1 {code} ")), "{head}");
            let mut body = String::new();
            stream.read_to_string(&mut body).await.unwrap();
            assert!(
                body.contains("\"kind\":\"Status\"") && body.contains(&format!("\"code\":{code}")),
                "{body}"
            );
        }
    }
    bench.faults.clear();
    Client::connect(bench.address, Way::Spdy).await;
}

#[tokio::test]
async fn an_upgrade_may_hang() {
    let bench = Bench::new().await;
    bench.faults.set(|faults| faults.upgrade = UpgradeFault::Hang);
    assert!(
        timeout(SILENCE, ask(bench.address, Way::Tunnel, ""))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn an_older_cluster_refuses_the_tunnel_and_takes_spdy() {
    let bench = Bench::new().await;
    bench.faults.set(|faults| faults.websocket_tunnel = false);
    let (_, head) = ask(bench.address, Way::Tunnel, "").await;
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    Client::connect(bench.address, Way::Spdy).await;
}

#[tokio::test]
async fn a_cut_ends_every_session_at_once() {
    let bench = Bench::new().await;
    for way in WAYS {
        let mut client = Client::connect(bench.address, way).await;
        let (_, data) = client.open(7, b"x").await;
        client.bytes(data, 1).await;
        bench.faults.cut_sessions();
        assert_eq!(client.next().await, Event::Lost, "{way:?}");
    }
}

#[tokio::test]
async fn a_session_is_cut_from_its_answer_on() {
    let bench = Bench::new().await;
    let faults = bench.faults.clone();
    // Before the client has the answer, and before the session's task can have begun.
    let address = bench.server(move || faults.cut_sessions()).await;
    for way in WAYS {
        let (mut stream, head) = ask(address, way, "").await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let end = timeout(PATIENCE, stream.read(&mut [0])).await;
        assert!(matches!(end, Ok(Ok(0) | Err(_))), "{way:?}: {end:?}");
    }
}

#[tokio::test]
async fn a_lost_runtime_is_noticed_by_a_tunnel_only_when_the_client_speaks() {
    let bench = Bench::new().await;
    let mut direct = Client::connect(bench.address, Way::Spdy).await;
    let mut tunnel = Client::connect(bench.address, Way::Tunnel).await;
    for client in [&mut direct, &mut tunnel] {
        let (_, data) = client.open(7, b"x").await;
        client.bytes(data, 1).await;
    }
    bench.faults.cut_backends();
    assert_eq!(direct.next().await, Event::Lost);
    assert!(
        timeout(SILENCE, tunnel.next()).await.is_err(),
        "silent to the silent"
    );
    tunnel.send(&ping(1)).await;
    assert_eq!(tunnel.next().await, Event::TunnelClosed(Some(1000)));
    assert_eq!(tunnel.next().await, Event::Lost);
}

#[tokio::test]
async fn an_expired_session_resets_its_streams_and_goes_away() {
    let bench = Bench::new().await;
    for way in WAYS {
        let mut client = Client::connect(bench.address, way).await;
        let (error, data) = client.open(7, b"x").await;
        client.bytes(data, 1).await;
        bench.faults.expire_sessions();
        let told = [client.next().await, client.next().await, client.next().await];
        assert_eq!(
            told,
            [Event::Reset(error), Event::Reset(data), Event::GoAway(data)]
        );
        if way == Way::Spdy {
            assert_eq!(client.next().await, Event::Lost);
        } else {
            assert!(timeout(SILENCE, client.next()).await.is_err());
        }
    }
}

#[tokio::test]
async fn a_session_may_be_cut_within_a_frame() {
    let bench = Bench::new().await;
    bench.faults.set(|faults| faults.cut_after = Some(100_000));
    let mut client = Client::connect(bench.address, Way::Spdy).await;
    let (_, data) = client.open(19, b"").await;
    let mut received = 0;
    loop {
        match client.next().await {
            Event::Data(stream, bytes) if stream == data => received += bytes.len(),
            Event::Lost => break,
            _ => {}
        }
    }
    assert!((90_000..100_000).contains(&received), "{received}");
}

#[tokio::test]
async fn ports_may_refuse_or_stay_silent() {
    let bench = Bench::new().await;
    bench.faults.set(|faults| {
        faults.refusing_ports.insert(7);
        faults.unanswered_ports.insert(22);
    });
    let mut client = Client::connect(bench.address, Way::Spdy).await;
    let pair = client.open(7, b"").await;
    assert!(client.end_of(pair).await.text.contains("connection refused"));
    client.open(22, b"").await;
    assert!(matches!(
        (client.next().await, client.next().await),
        (Event::Reply(_), Event::Reply(_))
    ));
    assert!(timeout(SILENCE, client.next()).await.is_err());
}

#[tokio::test]
async fn live_sessions_follow_a_change_of_replies() {
    let bench = Bench::new().await;
    let mut client = Client::connect(bench.address, Way::Spdy).await;
    client.send(&ping(1)).await;
    assert_eq!(client.next().await, Event::Ping(1));
    bench.faults.set(|faults| faults.reply = ReplyFault::Never);
    // The change takes its way to the session beside the bytes.
    tokio::time::sleep(SILENCE).await;
    client.open(7, b"").await;
    assert!(timeout(SILENCE, client.next()).await.is_err());
}
