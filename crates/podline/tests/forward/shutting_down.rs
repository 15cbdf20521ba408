use std::io::ErrorKind;

use podline::{End, Event};
use tokio::net::TcpStream;

use crate::stage::{Stage, address, connect, echo, event, read_all, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_leaves_nothing_behind() {
    let stage = Stage::new().await;
    let forward = stage.forward("pod/tools", &[":7"]).start().await.unwrap();
    let address = address(&forward, 0);
    let mut events = forward.events();
    let mut app = connect(&forward, 0).await;
    echo(&mut app, b"hello").await.unwrap();

    soon(forward.shutdown()).await;
    let (_, result) = read_all(&mut app).await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(TcpStream::connect(address).await.is_err());
    let end = event(&mut events, |event| match event {
        Event::ConnectionEnded { outcome, .. } => Some(outcome.end),
        _ => None,
    });
    assert!(matches!(end.await, End::ShutDown));
    // The events end with the forward.
    soon(async { while events.next().await.is_some() {} }).await;
    soon(async {
        while stage.minicluster.sessions() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_forward_ends_too() {
    let stage = Stage::new().await;
    let forward = stage.forward("pod/tools", &[":7"]).start().await.unwrap();
    let mut app = connect(&forward, 0).await;
    echo(&mut app, b"hello").await.unwrap();
    drop(forward);
    let (_, result) = read_all(&mut app).await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionReset);
    soon(async {
        while stage.minicluster.sessions() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
