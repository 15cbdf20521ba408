use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;
use podline_tunnel::SessionError;
use podline_wire::Untrusted;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::mock::{Asked, Scene};
use crate::End;

const LINGER: Duration = Duration::from_secs(10);

#[tokio::test]
async fn every_end_but_a_clean_one_is_a_reset_behind_all_bytes() {
    for end in [
        End::PodError(Untrusted::new("text")),
        End::PodReset,
        End::Refused(Untrusted::new("text")),
        End::SessionLost(SessionError::ShutDown),
        End::StalledReader,
    ] {
        let mut scene = Scene::new(b"", LINGER).await;
        scene.pod_sends(b"partial").await;
        scene.pair_ends(end.clone()).await;
        let (bytes, result) = scene.app_reads_all().await;
        assert_eq!(bytes, b"partial", "{end:?}");
        assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionReset, "{end:?}");
        assert_eq!(scene.next_asked().await, None);
    }
}

#[tokio::test]
async fn what_an_app_takes_after_the_end_of_the_pair_is_told_to_the_tap() {
    // More than a socket takes at once, so that most of it waits when the end comes with it.
    static MUCH: [u8; 16 << 20] = [7; 16 << 20];
    let mut scene = Scene::new(b"", LINGER).await;
    scene.pod.try_send(Ok(Bytes::from_static(&MUCH))).unwrap();
    scene.pod.try_send(Err(End::Clean { verified: false })).unwrap();
    let (bytes, result) = scene.app_reads_all().await;
    result.unwrap();
    assert_eq!(bytes.len(), MUCH.len());
    let tapped = scene.tapped.clone();
    let (carried, _) = scene.ended().await;
    assert_eq!(carried.received, MUCH.len() as u64);
    assert_eq!(tapped.lock().unwrap().received.len(), MUCH.len());
}

#[tokio::test]
async fn an_app_that_resets_resets_the_pair_at_once() {
    let Scene {
        app,
        pod: _pod,
        mut asked,
        room: _room,
        ..
    } = Scene::new(b"", LINGER).await;
    SockRef::from(&app).set_linger(Some(Duration::ZERO)).unwrap();
    drop(app);
    assert_eq!(asked.recv().await, Some(Asked::Reset));
}

/// Windows does not tell of a reset of a socket that is not read.
#[cfg(unix)]
#[tokio::test]
async fn a_reset_is_noticed_while_the_pair_takes_nothing() {
    let Scene {
        app,
        pod: _pod,
        mut asked,
        room,
        ..
    } = Scene::new(b"", LINGER).await;
    room.send(Some(0)).unwrap();
    SockRef::from(&app).set_linger(Some(Duration::ZERO)).unwrap();
    drop(app);
    assert_eq!(asked.recv().await, Some(Asked::Reset));
}

/// Windows does not tell of a reset of a socket that is not read.
#[cfg(unix)]
#[tokio::test]
async fn a_reset_is_noticed_after_a_half_close() {
    let Scene {
        mut app,
        pod: _pod,
        mut asked,
        room: _room,
        ..
    } = Scene::new(b"question", LINGER).await;
    assert!(matches!(asked.recv().await, Some(Asked::Send(_))));
    app.shutdown().await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    SockRef::from(&app).set_linger(Some(Duration::ZERO)).unwrap();
    drop(app);
    assert_eq!(asked.recv().await, Some(Asked::Reset));
}

#[tokio::test]
async fn a_pair_that_stops_taking_still_delivers() {
    let mut scene = Scene::new(b"", LINGER).await;
    scene.room.send(None).unwrap();
    scene.pod_sends(b"the rest").await;
    scene.pair_ends(End::Clean { verified: false }).await;
    let (bytes, result) = scene.app_reads_all().await;
    result.unwrap();
    assert_eq!(bytes, b"the rest");
    assert!(scene.ended().await.1.is_clean());
}

#[tokio::test]
async fn bytes_of_the_app_that_nobody_took_make_the_end_a_reset() {
    let mut scene = Scene::new(b"", LINGER).await;
    scene.room.send(None).unwrap();
    tokio::task::yield_now().await;
    scene.app.write_all(b"never taken").await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    scene.pod_sends(b"all of it").await;
    scene.pair_ends(End::Clean { verified: false }).await;
    let (bytes, result) = scene.app_reads_all().await;
    assert_eq!(bytes, b"all of it");
    assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(matches!(scene.ended().await.1, End::Unsent));
}

/// More than the sockets between carrier and app hold.
const MUCH: &[u8] = &[7; 16 * 1024 * 1024];

#[tokio::test]
async fn an_app_that_takes_nothing_is_reset_when_its_pair_is_cut() {
    let mut scene = Scene::new(b"", LINGER).await;
    scene.pod_sends(MUCH).await;
    scene.app.readable().await.unwrap();
    scene.cut.cancel();
    let (bytes, result) = scene.app_reads_all().await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(bytes.len() < MUCH.len());
    let (carried, end) = scene.ended().await;
    assert!(matches!(end, End::StalledReader), "{end}");
    assert!(carried.received < MUCH.len() as u64);
}

#[tokio::test]
async fn a_slow_app_is_told_from_one_that_takes_nothing() {
    let mut scene = Scene::new(b"", LINGER).await;
    scene.pod_sends(MUCH).await;
    scene.app.readable().await.unwrap();
    assert!(!*scene.took.borrow());
    let mut some = vec![0; MUCH.len() / 2];
    scene.app.read_exact(&mut some).await.unwrap();
    scene.took.wait_for(|&took| took).await.unwrap();
}

#[tokio::test]
async fn a_shutdown_resets_both_sides_at_once() {
    let mut scene = Scene::new(b"", LINGER).await;
    scene.stop.cancel();
    assert_eq!(scene.next_asked().await, Some(Asked::Reset));
    assert_eq!(
        scene.app.read_u8().await.unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    assert!(matches!(scene.ended().await.1, End::ShutDown));
}

#[tokio::test]
async fn an_app_that_is_gone_when_the_pod_speaks_is_a_reset_of_the_pair() {
    let Scene {
        app,
        pod,
        mut asked,
        room: _room,
        ..
    } = Scene::new(b"", LINGER).await;
    pod.send(Ok(b"unread"[..].into())).await.unwrap();
    app.readable().await.unwrap();
    // Closing with unread bytes is a reset.
    drop(app);
    assert_eq!(asked.recv().await, Some(Asked::Reset));
}

#[tokio::test]
async fn an_end_that_looks_clean_is_what_the_pods_life_says() {
    for (verdict, is_clean) in [
        (End::Clean { verified: true }, true),
        (End::PodDied(Untrusted::new("killed")), false),
    ] {
        let mut scene = Scene::new(b"question", LINGER).await;
        *scene.court.verdict.lock().unwrap() = Some(verdict);
        scene.pod_sends(b"half an ans").await;
        scene.pair_ends(End::Clean { verified: false }).await;
        let (bytes, result) = scene.app_reads_all().await;
        assert_eq!(bytes, b"half an ans");
        assert_eq!(result.is_ok(), is_clean);
        let heard = scene.court.heard.lock().unwrap().clone();
        assert_eq!(heard.len(), 1);
        assert!(!heard[0].answer_owed && !heard[0].app_ended);
        assert_eq!(scene.ended().await.1.is_clean(), is_clean);
    }
}

#[tokio::test]
async fn an_end_that_does_not_look_clean_needs_no_judge() {
    let mut scene = Scene::new(b"question", LINGER).await;
    *scene.court.verdict.lock().unwrap() = Some(End::Clean { verified: true });
    scene.pair_ends(End::PodReset).await;
    let (_, result) = scene.app_reads_all().await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(scene.court.heard.lock().unwrap().is_empty());
}
