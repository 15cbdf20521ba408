use std::io::ErrorKind;

use podline::{End, Event, TransportChoice};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::stage::{Stage, connect, echo, event, read_all, soon};

#[tokio::test(flavor = "multi_thread")]
async fn bytes_go_both_ways_over_either_transport() {
    let stage = Stage::new().await;
    for transport in [TransportChoice::Websocket, TransportChoice::Spdy] {
        let builder = stage.forward("pod/tools", &[":7"]).transport(transport);
        let forward = builder.start().await.unwrap();
        let mut app = connect(&forward, 0).await;
        for round in 0..100_u32 {
            echo(&mut app, &round.to_be_bytes()).await.unwrap();
        }
        forward.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_speaks_first_is_heard() {
    let stage = Stage::new().await;
    let forward = stage.forward("pod/tools", &[":22"]).start().await.unwrap();
    let mut app = connect(&forward, 0).await;
    let mut greeting = [0; 6];
    soon(app.read_exact(&mut greeting)).await.unwrap();
    assert_eq!(&greeting, b"hello\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_connections_at_once_keep_their_bytes_apart() {
    let stage = Stage::new().await;
    let forward = stage.forward("pod/tools", &[":7"]).start().await.unwrap();
    let address = forward.local_addrs()[0].socket;
    let apps: Vec<_> = (0..60_u8)
        .map(|number| {
            tokio::spawn(async move {
                let mut app = tokio::net::TcpStream::connect(address).await.unwrap();
                for _ in 0..10 {
                    echo(&mut app, &vec![number; 5000]).await.unwrap();
                }
            })
        })
        .collect();
    for app in apps {
        app.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn megabytes_arrive_whole_in_both_directions() {
    const LENGTH: usize = 2 << 20;
    let stage = Stage::new().await;
    let forward = stage.forward("pod/tools", &[":20", ":21"]).start().await.unwrap();

    let mut app = connect(&forward, 0).await;
    app.write_all(format!("{LENGTH}\n").as_bytes()).await.unwrap();
    let (down, result) = read_all(&mut app).await;
    result.unwrap();
    assert_eq!(down.len(), LENGTH);

    // The sink answers with the hash of what the source gave; the two agree only if nothing was lost or moved.
    let mut hashes = Vec::new();
    for _ in 0..2 {
        let mut app = connect(&forward, 1).await;
        app.write_all(format!("{LENGTH}\n").as_bytes()).await.unwrap();
        app.write_all(&down).await.unwrap();
        let (hash, result) = read_all(&mut app).await;
        result.unwrap();
        assert_eq!(hash.len(), 65);
        hashes.push(hash);
    }
    assert_eq!(hashes[0], hashes[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_port_resets_its_connection_and_no_other() {
    let stage = Stage::new().await;
    let forward = stage.forward("pod/tools", &[":7", ":83"]).start().await.unwrap();
    let mut events = forward.events();
    let mut neighbour = connect(&forward, 0).await;
    echo(&mut neighbour, b"before").await.unwrap();

    let mut refused = connect(&forward, 1).await;
    let (bytes, result) = read_all(&mut refused).await;
    assert!(bytes.is_empty());
    assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let end = event(&mut events, |event| match event {
        Event::ConnectionEnded { outcome, .. } => Some(outcome.end),
        _ => None,
    });
    let End::Refused(text) = end.await else {
        panic!("refused is refused")
    };
    assert!(
        text.to_string().contains("failed to connect to localhost:83"),
        "{text}"
    );

    echo(&mut neighbour, b"after").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_resets_resets_the_app_behind_its_last_byte() {
    let stage = Stage::new().await;
    let forward = stage.forward("pod/tools", &[":24"]).start().await.unwrap();
    let mut events = forward.events();
    loop {
        let mut app = connect(&forward, 0).await;
        let (bytes, result) = read_all(&mut app).await;
        assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionReset);
        let end = event(&mut events, |event| match event {
            Event::ConnectionEnded { outcome, .. } => Some(outcome.end),
            _ => None,
        });
        // A busy runtime sees the reset before it sees the connection.
        if !matches!(end.await, End::Refused(_)) {
            assert_eq!(bytes, b"partial");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_half_closes_gets_its_answer_and_a_clean_end() {
    let stage = Stage::new().await;
    let forward = stage.forward("pod/tools", &[":7"]).start().await.unwrap();
    let mut app = connect(&forward, 0).await;
    app.write_all(b"question").await.unwrap();
    app.shutdown().await.unwrap();
    let (bytes, result) = read_all(&mut app).await;
    result.unwrap();
    assert_eq!(bytes, b"question");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_without_the_websocket_tunnel_is_reached_by_spdy() {
    let stage = Stage::new().await;
    stage
        .minicluster
        .faults()
        .set(|faults| faults.websocket_tunnel = false);
    let forward = stage.forward("pod/tools", &[":7"]).start().await.unwrap();
    let mut events = forward.events();
    echo(&mut connect(&forward, 0).await, b"over SPDY").await.unwrap();
    event(&mut events, |event| {
        matches!(event, Event::TransportFellBack(_)).then_some(())
    })
    .await;
}
