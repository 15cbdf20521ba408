use std::io::ErrorKind;
use std::time::Duration;

use http::StatusCode;
use podline::{End, Ended, Event};
use podline_minicluster::manifest;
use podline_minicluster::node::UpgradeFault;
use tokio::io::AsyncWriteExt;

use crate::stage::{Stage, address, connect, echo, event, holding, read_all, soon, until, who};

#[tokio::test(flavor = "multi_thread")]
async fn a_service_outlives_its_pod_without_a_failed_connection() {
    let stage = Stage::new().await;
    let forward = stage.forward("svc/echo", &[":7"]).start().await.unwrap();
    let mut events = forward.events();
    echo(&mut connect(&forward, 0).await, b"first").await.unwrap();

    let store = stage.minicluster.store();
    let old = store
        .pods("default")
        .into_iter()
        .find(|pod| pod.name.starts_with("echo"));
    let new = store.replace_pod("default", &old.unwrap().name).await.unwrap();

    // The session to the old pod is still up: the runtime's word about its sandbox moves this very connection.
    echo(&mut connect(&forward, 0).await, b"second").await.unwrap();
    let to = event(&mut events, |event| match event {
        Event::PodsChanged { mut joined, .. } => joined.pop(),
        _ => None,
    });
    assert_eq!(to.await.name, new);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_held_while_there_is_no_pod() {
    let stage = Stage::new().await;
    let forward = stage.forward("svc/echo", &[":7"]).start().await.unwrap();
    let mut events = forward.events();
    let store = stage.minicluster.store();
    store.scale("default", "echo", 0).unwrap();
    store.wait_for_pods("default", "echo", 0).await.unwrap();

    let address = address(&forward, 0);
    let held = tokio::spawn(async move {
        let mut app = tokio::net::TcpStream::connect(address).await.unwrap();
        echo(&mut app, b"held").await
    });
    holding(&mut events).await;
    store.scale("default", "echo", 1).unwrap();
    soon(held).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_held_no_longer_than_was_asked_for() {
    let stage = Stage::new().await;
    let forward = stage
        .forward("svc/echo", &[":7"])
        .hold(Duration::from_millis(300))
        .start()
        .await
        .unwrap();
    let mut events = forward.events();
    let store = stage.minicluster.store();
    store.scale("default", "echo", 0).unwrap();
    // It is known by then, so that the connection is held from its beginning.
    holding(&mut events).await;

    let mut app = connect(&forward, 0).await;
    let (_, result) = read_all(&mut app).await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let end = event(&mut events, |event| match event {
        Event::ConnectionEnded { outcome, .. } => Some(outcome.end),
        _ => None,
    })
    .await;
    let End::NoPod(no_pod) = end else { panic!("{end}") };
    assert!(no_pod.reason.unwrap().to_string().contains("echo"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_by_name_waits_for_its_successor_of_that_name() {
    let stage = Stage::new().await;
    let forward = stage.forward("pod/tools", &[":7"]).start().await.unwrap();
    let mut events = forward.events();
    echo(&mut connect(&forward, 0).await, b"first").await.unwrap();

    let store = stage.minicluster.store();
    store.delete_pod("default", "tools").await.unwrap();
    let address = address(&forward, 0);
    let held = tokio::spawn(async move {
        let mut app = tokio::net::TcpStream::connect(address).await.unwrap();
        echo(&mut app, b"held").await
    });
    holding(&mut events).await;
    store.create(&manifest::tools()).unwrap();
    soon(held).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_restarts_is_waited_for() {
    let stage = Stage::new().await;
    let forward = stage.forward("pod/tools", &[":7"]).start().await.unwrap();
    let mut events = forward.events();
    let mut live = connect(&forward, 0).await;
    echo(&mut live, b"first").await.unwrap();

    stage.minicluster.stop_api_server().await;
    let (_, result) = read_all(&mut live).await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let address = address(&forward, 0);
    let held = loop {
        let mut attempt = tokio::spawn(async move {
            let mut app = tokio::net::TcpStream::connect(address).await.unwrap();
            echo(&mut app, b"held").await
        });
        tokio::select! {
            // A session whose end has not come through yet may still take a connection with it.
            taken = &mut attempt => taken.unwrap().expect_err("there is no way to the pod"),
            () = holding(&mut events) => break attempt,
        };
    };
    stage.minicluster.start_api_server().await.unwrap();
    soon(held).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_that_is_told_to_ends_with_its_pod() {
    let stage = Stage::new().await;
    let forward = stage
        .forward("pod/tools", &[":7"])
        .exit_on_loss(true)
        .start()
        .await
        .unwrap();
    stage
        .minicluster
        .store()
        .delete_pod("default", "tools")
        .await
        .unwrap();
    // Whoever notices first, a connection or the pool that makes another session: a connection cannot but notice.
    if let Ok(mut app) = tokio::net::TcpStream::connect(address(&forward, 0)).await {
        let _ = read_all(&mut app).await;
    }
    assert!(matches!(soon(forward.ended()).await, Ended::Lost(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_said_nothing_yet_outlives_its_session() {
    let stage = Stage::new().await;
    let forward = stage.forward("svc/echo", &[":7"]).start().await.unwrap();
    let mut silent = connect(&forward, 0).await;
    let mut said = connect(&forward, 0).await;
    echo(&mut said, b"heard").await.unwrap();
    // No session is made before the last one has been cut: what is said on that would be lost with it.
    let faults = stage.minicluster.faults();
    let refused = UpgradeFault::Answer(StatusCode::SERVICE_UNAVAILABLE);
    faults.set(|faults| faults.upgrade = refused);
    faults.cut_sessions();
    // Whether an app heard what this one said is not known for what it would say next.
    let (_, end) = read_all(&mut said).await;
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    until(|| stage.minicluster.sessions() == 0).await;
    faults.set(|faults| faults.upgrade = UpgradeFault::None);
    echo(&mut silent, b"first words").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_a_leaving_pod_refuses_goes_to_a_ready_one() {
    let stage = Stage::new().await;
    let forward = stage.forward("deploy/web", &[":http"]).start().await.unwrap();
    who(&forward, 0).await;

    let store = stage.minicluster.store();
    let pods = store.pods("default");
    let serving = pods.iter().filter(|pod| pod.name.starts_with("web"));
    // Both may be the one in use: each loses its processes and its readiness in turn.
    for pod in serving {
        stage
            .minicluster
            .kill_processes("default", &pod.name)
            .await
            .unwrap();
        store.set_ready("default", &pod.name, false).unwrap();
        who(&forward, 0).await;
        stage
            .minicluster
            .restart_processes("default", &pod.name)
            .await
            .unwrap();
        store.set_ready("default", &pod.name, true).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_pod_vanished_is_not_left_to_itself() {
    let stage = Stage::new().await;
    stage.minicluster.faults().set(|faults| {
        faults.unanswered_ports.insert(22);
    });
    let forward = stage.forward("pod/tools", &[":22", ":7"]).start().await.unwrap();
    let mut events = forward.events();
    let mut unanswered = connect(&forward, 0).await;
    // A runtime that has not begun to dial when the pod goes would say so, and the connection go to the next pod.
    until(|| stage.minicluster.pod_connections() > 0).await;
    echo(&mut connect(&forward, 1).await, b"first").await.unwrap();

    let store = stage.minicluster.store();
    store.replace_pod("default", "tools").await.unwrap();
    echo(&mut connect(&forward, 1).await, b"second").await.unwrap();
    let (_, result) = read_all(&mut unanswered).await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionReset);
    // Which of two connections on two addresses is accepted first is open, so the number says nothing.
    let its_address = address(&forward, 0);
    let end = event(&mut events, |event| match event {
        Event::ConnectionEnded { local, outcome, .. } if local == its_address => Some(outcome.end),
        _ => None,
    });
    let end = end.await;
    assert!(matches!(end, End::PodDied(_)), "{end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_held_behind_upgrades_tells_what_kept_it() {
    for (fault, text) in [
        (UpgradeFault::Hang, "the answer to the upgrade took too long"),
        // The server asks for patience, which is had: no failure ends the wait.
        (UpgradeFault::Answer(StatusCode::TOO_MANY_REQUESTS), "429"),
    ] {
        let stage = Stage::new().await;
        let forward = stage.forward("pod/tools", &[":7"]).hold(Duration::from_secs(2));
        let forward = forward.start().await.unwrap();
        let mut events = forward.events();
        stage.minicluster.faults().set(|faults| faults.upgrade = fault);
        stage.minicluster.faults().cut_sessions();
        loop {
            let mut app = connect(&forward, 0).await;
            // A reset that came before leaves nobody to write to.
            let _ = app.write_all(b"held").await;
            read_all(&mut app).await.1.unwrap_err();
            let end = event(&mut events, |event| match event {
                Event::ConnectionEnded { outcome, .. } => Some(outcome.end),
                _ => None,
            });
            match end.await {
                // A session whose end has not come through yet took it along.
                End::SessionLost(_) => {}
                End::NoPod(no_pod) => {
                    let reason = no_pod.reason.expect("something keeps it").to_string();
                    assert!(reason.contains(text), "{reason}");
                    break;
                }
                end => panic!("{end:?}"),
            }
        }
    }
}
