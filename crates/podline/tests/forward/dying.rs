use std::io::ErrorKind;

use http::StatusCode;
use podline::{End, Event};
use podline_minicluster::node::ApiFault;
use podline_minicluster::{Config, manifest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::stage::{Stage, connect, echo, event, read_all};

async fn end_of(events: &mut podline::Events, id: u64) -> End {
    event(events, |event| match event {
        Event::ConnectionEnded {
            id: ended, outcome, ..
        } if ended == id => Some(outcome.end),
        _ => None,
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_whose_process_is_killed_is_reset() {
    let stage = Stage::new().await;
    let forward = stage.forward("pod/tools", &[":19"]).start().await.unwrap();
    let mut events = forward.events();
    let mut app = connect(&forward, 0).await;
    let mut some = [0; 65536];
    app.read_exact(&mut some).await.unwrap();
    let (killed, (_, result)) = tokio::join!(
        stage.minicluster.kill_processes("default", "tools"),
        read_all(&mut app)
    );
    killed.unwrap();
    // On the wire it is a clean end.
    assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let (end, is_counted) = event(&mut events, |event| match event {
        Event::ConnectionEnded {
            outcome, is_counted, ..
        } => Some((outcome.end, is_counted)),
        _ => None,
    })
    .await;
    let End::PodDied(text) = end else { panic!("{end}") };
    assert!(text.to_string().contains("signal 9"), "{text}");
    assert!(is_counted);
    // What happened is told once, for all that it cost.
    let (reason, reset) = event(&mut events, |event| match event {
        Event::ContainerDied { reason, reset } => Some((reason, reset)),
        _ => None,
    })
    .await;
    assert_eq!((reason.to_string(), reset), (text.to_string(), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_open_when_their_pod_is_deleted_are_reset_and_counted() {
    let config = Config::empty()
        .with(manifest::deployment(
            "one",
            1,
            &[("generator", 19, "generator"), ("echo", 7, "echo")],
        ))
        .with(manifest::service(
            "one",
            &[("generator", 19, "generator"), ("echo", 7, "echo")],
        ));
    let stage = Stage::of(config).await;
    let forward = stage.forward("svc/one", &[":19", ":7"]).start().await.unwrap();
    let mut events = forward.events();
    let mut download = connect(&forward, 0).await;
    let mut some = [0; 65536];
    download.read_exact(&mut some).await.unwrap();
    let mut idle = connect(&forward, 1).await;
    echo(&mut idle, b"hello").await.unwrap();

    let store = stage.minicluster.store();
    let name = store.pods("default").remove(0).name;
    let (deleted, (_, download), (_, idle)) = tokio::join!(
        store.delete_pod("default", &name),
        read_all(&mut download),
        read_all(&mut idle)
    );
    deleted.unwrap();
    assert_eq!(download.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(idle.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let (pod, reset) = event(&mut events, |event| match event {
        Event::PodGone { pod, reset, .. } => Some((pod, reset)),
        _ => None,
    })
    .await;
    assert_eq!((pod.name, reset), (name, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_went_while_the_api_server_answered_nobody_is_known_to_be_gone_later() {
    let config = Config::empty().with(manifest::deployment("one", 1, &[("echo", 7, "echo")]));
    let stage = Stage::of(config).await;
    let forward = stage.forward("deploy/one", &[":7"]).start().await.unwrap();
    let mut events = forward.events();
    let faults = stage.minicluster.faults();
    for fault in [ApiFault::Answer(StatusCode::SERVICE_UNAVAILABLE), ApiFault::Hang] {
        let mut app = connect(&forward, 0).await;
        echo(&mut app, b"hello").await.unwrap();
        faults.set(|faults| faults.api = fault);
        let store = stage.minicluster.store();
        let name = store.pods("default").remove(0).name;
        // Whether that is an end in order or a reset, nobody can know now.
        let (deleted, _) = tokio::join!(store.delete_pod("default", &name), read_all(&mut app));
        deleted.unwrap();
        faults.set(|faults| faults.api = ApiFault::None);
        let gone = event(&mut events, |event| match event {
            Event::PodGone { pod, .. } => Some(pod),
            _ => None,
        });
        assert_eq!(gone.await.name, name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_closes_by_itself_gives_a_clean_end() {
    let stage = Stage::new().await;
    let forward = stage.forward("pod/tools", &[":20"]).start().await.unwrap();
    let mut events = forward.events();
    let mut app = connect(&forward, 0).await;
    app.write_all(b"100000\n").await.unwrap();
    let (bytes, result) = read_all(&mut app).await;
    result.unwrap();
    assert_eq!(bytes.len(), 100_000);
    assert!(end_of(&mut events, 1).await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_died_before_is_not_held_against_later_ends() {
    let stage = Stage::new().await;
    let minicluster = &stage.minicluster;
    minicluster.kill_processes("default", "tools").await.unwrap();
    minicluster.restart_processes("default", "tools").await.unwrap();
    let forward = stage.forward("pod/tools", &[":20"]).start().await.unwrap();
    let mut events = forward.events();
    let mut app = connect(&forward, 0).await;
    app.write_all(b"1000\n").await.unwrap();
    let (bytes, result) = read_all(&mut app).await;
    result.unwrap();
    assert_eq!(bytes.len(), 1000);
    assert!(end_of(&mut events, 1).await.is_clean());
}
