use std::time::Duration;

use podline_wire::spdy::ping;

use super::{
    Bench, UID,
    client::{Client, Event, Way},
};

#[tokio::test]
async fn a_deleted_pod_ends_cleanly_and_the_session_stays() {
    let bench = Bench::new().await;
    let mut client = Client::connect(bench.address, Way::Tunnel).await;
    let pair = client.open(7, b"x").await;
    client.bytes(pair.1, 1).await;
    bench.node.stop_pod(UID).await;
    let ended = client.end_of(pair).await;
    assert!(
        ended.data_fin && !ended.error_reset && ended.text.is_empty(),
        "{ended:?}"
    );
    client.send(&ping(1)).await;
    assert_eq!(client.next().await, Event::Ping(1));

    let pair = client.open(7, b"").await;
    let ended = client.end_of(pair).await;
    assert!(
        ended.data_reset && ended.error_reset && !ended.data_fin,
        "{ended:?}"
    );
    let cause = ended
        .text
        .split_once("uid : ")
        .map(|(_, cause)| cause.to_owned())
        .unwrap();
    assert!(
        cause.starts_with("network namespace for sandbox \"") && cause.ends_with("\" is closed"),
        "{cause}"
    );
}

#[tokio::test]
async fn a_pod_that_is_gone_is_not_found() {
    let bench = Bench::new().await;
    bench.node.stop_pod(UID).await;
    let (_, head) = super::client::ask(bench.address, Way::Spdy, "").await;
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
}

#[tokio::test]
async fn a_killed_process_ends_cleanly_and_its_successor_serves_the_same_session() {
    let bench = Bench::new().await;
    let mut client = Client::connect(bench.address, Way::Spdy).await;
    let pair = client.open(7, b"x").await;
    client.bytes(pair.1, 1).await;
    bench.node.kill_processes(UID).await;
    let ended = client.end_of(pair).await;
    assert!(
        ended.data_fin && !ended.error_reset && ended.text.is_empty(),
        "{ended:?}"
    );

    let pair = client.open(7, b"x").await;
    assert!(client.end_of(pair).await.text.contains("connection refused"));
    bench.node.restart_processes(UID).await.unwrap();
    let (_, data) = client.open(7, b"again").await;
    assert_eq!(client.bytes(data, 5).await, b"again");
}

#[tokio::test]
async fn a_black_hole_stalls_its_lane_and_no_other() {
    let bench = Bench::new().await;
    let mut client = Client::connect(bench.address, Way::Spdy).await;
    let (_, data) = client.open(25, b"").await;
    assert!(matches!(
        (client.next().await, client.next().await),
        (Event::Reply(_), Event::Reply(_))
    ));
    let piece = vec![0; 512 * 1024];
    for _ in 0..30 {
        client.data(data, &piece, false).await;
    }
    for number in [1, 3, 5, 7, 9] {
        client.send(&ping(number)).await;
    }
    let mut answered = Vec::new();
    for _ in 0..4 {
        answered.push(client.next().await);
    }
    assert_eq!(answered, [1, 5, 7, 9].map(Event::Ping));
}

#[tokio::test]
async fn a_jammed_lane_holds_the_pods_connections_of_a_client_that_is_gone() {
    let bench = Bench::new().await;
    let mut client = Client::connect(bench.address, Way::Spdy).await;
    let jammed = client.open(26, b"").await;
    client.end_of(jammed).await;
    client.data(jammed.1, b"one", false).await;
    client.data(jammed.1, b"two", false).await;
    client.take_ids_from(12);
    let (_, data) = client.open(7, b"x").await;
    client.bytes(data, 1).await;
    drop(client);

    let mut healthy = Client::connect(bench.address, Way::Spdy).await;
    let (_, data) = healthy.open(7, b"x").await;
    healthy.bytes(data, 1).await;
    assert_eq!(bench.node.sessions(), 2);
    drop(healthy);
    until_sessions(&bench, 1).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((bench.node.sessions(), bench.node.pod_connections()), (1, 1));
    bench.node.stop_pod(UID).await;
    until_sessions(&bench, 0).await;
    assert_eq!(bench.node.pod_connections(), 0);
}

async fn until_sessions(bench: &Bench, count: usize) {
    while bench.node.sessions() > count {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
