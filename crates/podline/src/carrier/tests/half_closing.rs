use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::mock::{Asked, Scene};
use crate::End;

const LINGER: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_half_closed_app_gets_its_answer() {
    let mut scene = Scene::new(b"", LINGER).await;
    scene.app.write_all(b"question").await.unwrap();
    scene.app.shutdown().await.unwrap();
    assert_eq!(scene.next_asked().await, Some(Asked::Send(b"question".to_vec())));
    scene.pod_sends(b"answer").await;
    scene.pair_ends(End::Clean { verified: false }).await;
    let (bytes, result) = scene.app_reads_all().await;
    result.unwrap();
    assert_eq!(bytes, b"answer");
    assert!(scene.tapped.lock().unwrap().sent_all);
    assert_eq!(
        scene.next_asked().await,
        None,
        "the end was passed on before the answer"
    );
}

#[tokio::test]
async fn an_owed_answer_is_waited_for_no_longer_than_the_linger() {
    let mut scene = Scene::new(b"question", LINGER).await;
    assert!(matches!(scene.next_asked().await, Some(Asked::Send(_))));
    tokio::time::pause();
    let before = Instant::now();
    scene.app.shutdown().await.unwrap();
    assert_eq!(scene.next_asked().await, Some(Asked::Finish));
    assert!(before.elapsed() >= LINGER);
}

#[tokio::test]
async fn behind_the_answer_the_end_is_passed_on_soon() {
    let mut scene = Scene::new(b"question", LINGER).await;
    assert!(matches!(scene.next_asked().await, Some(Asked::Send(_))));
    scene.app.shutdown().await.unwrap();
    scene.pod_sends(b"answer").await;
    let mut answer = [0; 6];
    scene.app.read_exact(&mut answer).await.unwrap();
    tokio::time::pause();
    let before = Instant::now();
    assert_eq!(scene.next_asked().await, Some(Asked::Finish));
    assert!(before.elapsed() < LINGER / 2);
}

#[tokio::test]
async fn without_a_linger_the_end_is_passed_on_at_once() {
    let mut scene = Scene::new(b"", Duration::ZERO).await;
    scene.app.shutdown().await.unwrap();
    assert_eq!(scene.next_asked().await, Some(Asked::Finish));
}

/// Only Linux tells.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_closed_app_is_told_from_a_half_closed_one() {
    let Scene {
        app,
        pod,
        mut asked,
        room: _room,
        ..
    } = Scene::new(b"question", LINGER * 1000).await;
    assert!(matches!(asked.recv().await, Some(Asked::Send(_))));
    drop(app);
    assert_eq!(asked.recv().await, Some(Asked::Finish));
    // What the pod still says is nobody's, and no error.
    pod.send(Ok(b"too late"[..].into())).await.unwrap();
    pod.send(Err(End::Clean { verified: false })).await.unwrap();
    assert_eq!(asked.recv().await, None);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_app_that_closes_after_its_half_close_is_noticed() {
    let Scene {
        mut app,
        pod: _pod,
        mut asked,
        room: _room,
        ..
    } = Scene::new(b"question", LINGER * 1000).await;
    assert!(matches!(asked.recv().await, Some(Asked::Send(_))));
    app.shutdown().await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(asked.try_recv().is_err());
    drop(app);
    assert_eq!(asked.recv().await, Some(Asked::Finish));
}

#[tokio::test]
async fn an_answer_that_the_runtime_cuts_short_ends_in_a_reset() {
    let mut scene = Scene::new(b"question", Duration::ZERO).await;
    scene.app.shutdown().await.unwrap();
    assert!(matches!(scene.next_asked().await, Some(Asked::Send(_))));
    assert_eq!(scene.next_asked().await, Some(Asked::Finish));
    tokio::time::sleep(Duration::from_millis(500)).await;
    scene.pod_sends(b"half of the ans").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    scene.pair_ends(End::Clean { verified: false }).await;
    let (bytes, result) = scene.app_reads_all().await;
    assert_eq!(bytes, b"half of the ans");
    assert!(result.is_err(), "the app took it for the whole answer");
    assert!(matches!(scene.ended().await.1, End::CutShort));
}
