use podline_wire::spdy::ping;
use sha2::{Digest, Sha256};

use super::{
    Bench,
    client::{Client, Event, WAYS, Way, ask},
};
use crate::workload::{hex, pattern};

#[tokio::test]
async fn echo_answers_early_data_both_ways() {
    let bench = Bench::new().await;
    for way in WAYS {
        let mut client = Client::connect(bench.address, way).await;
        let (_, data) = client.open(7, b"early").await;
        assert_eq!(client.bytes(data, 5).await, b"early", "{way:?}");
        client.data(data, b" and late", false).await;
        assert_eq!(client.bytes(data, 9).await, b" and late", "{way:?}");
    }
}

#[tokio::test]
async fn a_web_page_comes_over_a_tunnel() {
    let bench = Bench::new().await;
    let mut client = Client::connect(bench.address, Way::Tunnel).await;
    let request = b"GET /whoami HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n";
    let pair = client.open(8080, request).await;
    let ended = client.end_of(pair).await;
    assert!(
        ended.data_fin && !ended.error_reset && ended.text.is_empty(),
        "{ended:?}"
    );
    assert!(String::from_utf8_lossy(&ended.bytes).ends_with("web-0\n"));
}

#[tokio::test]
async fn a_refused_port_and_a_reset_have_their_texts() {
    let bench = Bench::new().await;
    for way in WAYS {
        let mut client = Client::connect(bench.address, way).await;
        let pair = client.open(83, b"early").await;
        let ended = client.end_of(pair).await;
        assert!(ended.data_fin && ended.error_reset, "{ended:?}");
        assert!(
            ended
                .text
                .contains("dial tcp4 127.0.0.1:83: connect: connection refused"),
            "{}",
            ended.text
        );

        let pair = client.open(24, b"").await;
        let ended = client.end_of(pair).await;
        assert_eq!(ended.bytes, b"partial");
        assert!(
            ended.error_reset && ended.text.ends_with("read: connection reset by peer"),
            "{}",
            ended.text
        );

        let pair = client.open(23, b"").await;
        assert!(
            client
                .end_of(pair)
                .await
                .text
                .ends_with("connection reset by peer")
        );
        client.send(&ping(1)).await;
        assert_eq!(client.next().await, Event::Ping(1), "the session lives");
    }
}

#[tokio::test]
async fn a_download_is_whole() {
    let bench = Bench::new().await;
    for way in WAYS {
        let mut client = Client::connect(bench.address, way).await;
        let pair = client.open(20, b"8000000\n").await;
        let ended = client.end_of(pair).await;
        assert_eq!((ended.bytes.len(), ended.text.as_str()), (8_000_000, ""));
        assert_eq!(pattern::first_difference(0, &ended.bytes), None);
    }
}

#[tokio::test]
async fn an_upload_is_whole() {
    let bench = Bench::new().await;
    let mut bytes = vec![0; 8_000_000];
    pattern::fill(0, &mut bytes);
    for way in WAYS {
        let mut client = Client::connect(bench.address, way).await;
        let (_, data) = client.open(21, b"8000000\n").await;
        for piece in bytes.chunks(100_000) {
            client.data(data, piece, false).await;
        }
        let answer = client.bytes(data, 65).await;
        assert_eq!(
            String::from_utf8(answer).unwrap(),
            format!("{}\n", hex(&Sha256::digest(&bytes)))
        );
    }
}

#[tokio::test]
async fn two_hundred_pairs_share_a_session() {
    let bench = Bench::new().await;
    let mut client = Client::connect(bench.address, Way::Tunnel).await;
    let mut expected = std::collections::BTreeMap::new();
    for index in 0..200 {
        let text = format!("connection {index}");
        let (_, data) = client.open(7, text.as_bytes()).await;
        expected.insert(data, text.into_bytes());
    }
    while !expected.is_empty() {
        if let Event::Data(data, bytes) = client.next().await {
            let rest = expected.get_mut(&data).unwrap().split_off(bytes.len());
            assert_eq!(expected.insert(data, rest.clone()), Some(bytes));
            if rest.is_empty() {
                expected.remove(&data);
            }
        }
    }
}

#[tokio::test]
async fn the_server_speaks_first_where_the_pod_does() {
    let bench = Bench::new().await;
    let mut client = Client::connect(bench.address, Way::Spdy).await;
    let (_, data) = client.open(22, b"").await;
    assert_eq!(client.bytes(data, 6).await, b"hello\n");
}

#[tokio::test]
async fn heads_are_those_of_the_real_chain() {
    let bench = Bench::new().await;
    let (_, spdy) = ask(bench.address, Way::Spdy, "").await;
    let spdy = spdy.to_lowercase();
    for line in [
        "connection: upgrade",
        "upgrade: spdy/3.1",
        "x-stream-protocol-version: portforward.k8s.io",
    ] {
        assert!(spdy.contains(line), "{spdy}");
    }
    let (_, tunnel) = ask(bench.address, Way::Tunnel, "").await;
    assert!(
        tunnel
            .to_lowercase()
            .contains("sec-websocket-protocol: spdy/3.1+portforward.k8s.io"),
        "{tunnel}"
    );
}

#[tokio::test]
async fn two_frames_after_a_pods_end_jam_a_lane_of_a_real_session() {
    let bench = Bench::new().await;
    let mut client = Client::connect(bench.address, Way::Spdy).await;
    let pair = client.open(26, b"").await;
    let ended = client.end_of(pair).await;
    assert_eq!((ended.bytes.as_slice(), ended.data_fin), (&b"half\n"[..], true));
    for _ in 0..2 {
        client.data(pair.1, b"late", false).await;
    }
    for number in [1, 3, 5, 7, 9] {
        client.send(&ping(number)).await;
    }
    let mut answered = Vec::new();
    for _ in 0..4 {
        answered.push(client.next().await);
    }
    // The pair is on lane 1; the second ping went there.
    assert_eq!(answered, [1, 5, 7, 9].map(Event::Ping));
}
