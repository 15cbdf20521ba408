use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::mock::{Asked, Scene};
use crate::End;

const LINGER: Duration = Duration::from_secs(10);

#[tokio::test]
async fn bytes_that_came_early_go_before_anything_is_waited_for() {
    let mut scene = Scene::new(b"GET /", LINGER).await;
    scene.room.send(Some(0)).unwrap();
    assert_eq!(scene.next_asked().await, Some(Asked::Send(b"GET /".to_vec())));
}

#[tokio::test]
async fn bytes_go_both_ways_and_past_the_tap() {
    let mut scene = Scene::new(b"", LINGER).await;
    scene.app.write_all(b"question").await.unwrap();
    assert_eq!(scene.next_asked().await, Some(Asked::Send(b"question".to_vec())));
    scene.pod_sends(b"answer").await;
    let mut answer = [0; 6];
    scene.app.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"answer");

    let tapped = scene.tapped.clone();
    scene.pair_ends(End::Clean { verified: true }).await;
    assert_eq!(scene.app_reads_all().await.1.unwrap(), 0);
    let (carried, end) = scene.ended().await;
    assert!(end.is_clean(), "{end:?}");
    assert_eq!((carried.sent, carried.received), (8, 6));
    let tapped = tapped.lock().unwrap();
    assert_eq!(
        (&tapped.sent[..], &tapped.received[..]),
        (&b"question"[..], &b"answer"[..])
    );
}

#[tokio::test]
async fn no_more_is_sent_than_the_pair_takes() {
    let mut scene = Scene::new(b"", LINGER).await;
    scene.room.send(Some(3)).unwrap();
    scene.app.write_all(b"abcdefgh").await.unwrap();
    for part in ["abc", "def", "gh"] {
        assert_eq!(scene.next_asked().await, Some(Asked::Send(part.into())));
    }
}

#[tokio::test]
async fn a_pod_that_takes_nothing_does_not_hold_up_its_own_bytes() {
    let mut scene = Scene::new(b"", LINGER).await;
    scene.room.send(Some(0)).unwrap();
    scene.app.write_all(b"waits").await.unwrap();
    scene.pod_sends(b"flows").await;
    let mut flows = [0; 5];
    scene.app.read_exact(&mut flows).await.unwrap();
    scene.room.send(Some(100)).unwrap();
    assert_eq!(scene.next_asked().await, Some(Asked::Send(b"waits".to_vec())));
}

#[tokio::test]
async fn an_app_that_reads_slowly_gets_every_byte_in_order() {
    let mut scene = Scene::new(b"", LINGER).await;
    let pod = scene.pod.clone();
    let sending = tokio::spawn(async move {
        for piece in 0..2000_u32 {
            let bytes = piece.to_be_bytes().repeat(2048);
            pod.send(Ok(bytes.into())).await.unwrap();
        }
        pod.send(Err(End::Clean { verified: false })).await.unwrap();
    });
    let (bytes, result) = scene.app_reads_all().await;
    result.unwrap();
    assert_eq!(bytes.len(), 2000 * 4 * 2048);
    for (piece, bytes) in bytes.chunks_exact(4 * 2048).enumerate() {
        assert!(
            bytes
                .chunks_exact(4)
                .all(|part| part == (piece as u32).to_be_bytes())
        );
    }
    sending.await.unwrap();
    assert_eq!(scene.ended().await.0.received, 2000 * 4 * 2048);
}
