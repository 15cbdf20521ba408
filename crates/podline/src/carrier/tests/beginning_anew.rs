use std::io::ErrorKind;
use std::time::Duration;

use podline_wire::Untrusted;
use tokio::io::AsyncWriteExt;

use super::mock::{Asked, Scene};
use crate::End;

const LINGER: Duration = Duration::from_secs(10);

fn gone() -> End {
    End::PodGone(Untrusted::new("network namespace is closed"))
}

#[tokio::test]
async fn what_a_lost_pod_never_got_goes_to_the_next_one() {
    let mut scene = Scene::new(b"GET ", LINGER).await;
    scene.app.write_all(b"/").await.unwrap();
    for part in ["GET ", "/"] {
        assert_eq!(scene.next_asked().await, Some(Asked::Send(part.into())));
    }
    scene.pair_ends(gone()).await;
    scene.next_pod().await;
    assert_eq!(scene.next_asked().await, Some(Asked::Send(b"GET /".to_vec())));
    scene.app.write_all(b" HTTP/1.1").await.unwrap();
    assert_eq!(scene.next_asked().await, Some(Asked::Send(b" HTTP/1.1".to_vec())));
    scene.pod_sends(b"200").await;
    scene.pair_ends(End::Clean { verified: false }).await;
    let (bytes, result) = scene.app_reads_all().await;
    result.unwrap();
    assert_eq!(bytes, b"200");

    assert_eq!(scene.tapped.lock().unwrap().sent, b"GET / HTTP/1.1");
    let (carried, end) = scene.ended().await;
    assert_eq!(carried.sent, 14, "what was sent twice counts once");
    assert!(end.is_clean());
}

#[tokio::test]
async fn after_the_pods_first_word_nothing_is_sent_again() {
    let mut scene = Scene::new(b"GET /", LINGER).await;
    scene.pod_sends(b"1").await;
    scene.pair_ends(gone()).await;
    let (bytes, result) = scene.app_reads_all().await;
    assert_eq!(bytes, b"1");
    assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(matches!(scene.ended().await.1, End::PodGone(_)));
}

#[tokio::test]
async fn an_apps_end_is_told_the_next_pod() {
    let mut scene = Scene::new(b"all", Duration::ZERO).await;
    scene.app.shutdown().await.unwrap();
    assert_eq!(scene.next_asked().await, Some(Asked::Send(b"all".to_vec())));
    assert_eq!(scene.next_asked().await, Some(Asked::Finish));
    scene.pair_ends(gone()).await;
    scene.next_pod().await;
    assert_eq!(scene.next_asked().await, Some(Asked::Send(b"all".to_vec())));
    assert_eq!(scene.next_asked().await, Some(Asked::Finish));
}
