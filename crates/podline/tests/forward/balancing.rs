use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::time::Duration;

use podline::{Balance, End, Event, Forward, ForwardError};
use podline_minicluster::{Config, manifest};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::stage::{Stage, address, connect, event, holding, read_all, soon, stay_with, try_who, who};

/// A deployment `many` with three pods that say who they are, its service, and one that keeps a client with a pod.
async fn stage() -> Stage {
    let mut sticky = manifest::service("many", &[("http", 80, "http")]);
    sticky["metadata"]["name"] = "sticky".into();
    sticky["spec"]["sessionAffinity"] = "ClientIP".into();
    let config = Config::empty()
        .with(manifest::deployment("many", 3, &[("http", 8080, "web")]))
        .with(manifest::service("many", &[("http", 80, "http")]))
        .with(sticky);
    let stage = Stage::of(config).await;
    stage
        .minicluster
        .store()
        .wait_for_pods("default", "many", 3)
        .await
        .unwrap();
    stage
}

async fn serving(forward: &Forward, connections: usize) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for _ in 0..connections {
        names.insert(who(forward, 0).await);
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pods_of_a_service_take_turns() {
    let stage = stage().await;
    let forward = stage.forward("svc/many", &[":http"]).start().await.unwrap();
    for _ in 0..3 {
        assert_eq!(serving(&forward, 3).await.len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_pods_than_sessions_are_kept_ready_for_take_turns_too() {
    const PODS: usize = 20;
    let config = Config::empty()
        .with(manifest::deployment(
            "crowd",
            PODS as u32,
            &[("http", 8080, "web")],
        ))
        .with(manifest::service("crowd", &[("http", 80, "http")]));
    let stage = Stage::of(config).await;
    let store = stage.minicluster.store();
    store.wait_for_pods("default", "crowd", PODS).await.unwrap();
    let forward = stage.forward("svc/crowd", &[":http"]).start().await.unwrap();
    for _ in 0..2 {
        assert_eq!(serving(&forward, PODS).await.len(), PODS);
    }
    store.scale("default", "crowd", 17).unwrap();
    store.wait_for_pods("default", "crowd", 17).await.unwrap();
    // Whoever is gone is noticed by the first connection that would go there, if not before.
    serving(&forward, PODS).await;
    assert_eq!(serving(&forward, 17).await.len(), 17);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_keeps_clients_and_a_deployment_go_to_one_pod() {
    let stage = stage().await;
    for target in ["svc/sticky", "deploy/many"] {
        let forward = stage.forward(target, &[":http"]).start().await.unwrap();
        assert_eq!(serving(&forward, 6).await.len(), 1, "{target}");
    }
    let forward = stage.forward("deploy/many", &[":http"]);
    let forward = forward.balance(Balance::RoundRobin).start().await.unwrap();
    assert_eq!(serving(&forward, 3).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_least_used_pod_gets_the_next_connection() {
    let stage = stage().await;
    let forward = stage.forward("svc/many", &[":http"]);
    let forward = forward.balance(Balance::Least).start().await.unwrap();
    let mut open = BTreeMap::<String, Vec<TcpStream>>::new();
    for _ in 0..6 {
        let (name, app) = stay_with(&forward, 0).await;
        open.entry(name).or_default().push(app);
    }
    assert_eq!(open.values().map(Vec::len).collect::<Vec<_>>(), [2, 2, 2]);
    // Whoever loses a connection is the next to get one, whosever turn it is.
    for name in open.keys().cloned().collect::<Vec<_>>() {
        let mut events = forward.events();
        open.get_mut(&name).unwrap().pop();
        event(&mut events, |event| {
            matches!(event, Event::ConnectionEnded { .. }).then_some(())
        })
        .await;
        let (next, app) = stay_with(&forward, 0).await;
        assert_eq!(next, name);
        open.entry(next).or_default().push(app);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_pod_refuses_the_next_one_serves() {
    let stage = stage().await;
    let forward = stage.forward("svc/many", &[":http"]).start().await.unwrap();
    let victim = who(&forward, 0).await;
    stage
        .minicluster
        .kill_processes("default", &victim)
        .await
        .unwrap();
    // It stays ready for all that is known, and refuses each third connection.
    stage
        .minicluster
        .store()
        .set_ready("default", &victim, true)
        .unwrap();
    let others = serving(&forward, 6).await;
    assert_eq!(others.len(), 2);
    assert!(!others.contains(&victim));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_all_pods_refuse_is_reset_at_once() {
    let stage = stage().await;
    stage.minicluster.faults().set(|faults| {
        faults.refusing_ports.insert(8080);
    });
    let forward = stage
        .forward("svc/many", &[":http"])
        .hold(Duration::from_secs(3600))
        .start()
        .await
        .unwrap();
    let mut events = forward.events();
    let mut app = connect(&forward, 0).await;
    let (_, result) = read_all(&mut app).await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let end = event(&mut events, |event| match event {
        Event::ConnectionEnded { outcome, .. } => Some(outcome.end),
        _ => None,
    });
    assert!(matches!(end.await, End::Refused(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_is_not_ready_gets_no_connection_while_another_is() {
    let stage = stage().await;
    let forward = stage.forward("svc/many", &[":http"]).start().await.unwrap();
    let mut events = forward.events();
    let store = stage.minicluster.store();
    let unready = who(&forward, 0).await;
    let left = async |events: &mut podline::Events| {
        event(events, |event| match event {
            Event::PodsChanged { joined, left, total } => Some((joined, left, total)),
            _ => None,
        })
        .await
    };
    store.set_ready("default", &unready, false).unwrap();
    let (joined, gone, total) = left(&mut events).await;
    assert_eq!((joined.len(), gone.len(), total), (0, 1, 2));
    assert_eq!(gone[0].name, unready);
    assert!(!serving(&forward, 6).await.contains(&unready));
    store.set_ready("default", &unready, true).unwrap();
    let (joined, gone, total) = left(&mut events).await;
    assert_eq!((joined.len(), gone.len(), total), (1, 0, 3));
    assert!(serving(&forward, 3).await.contains(&unready));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_ready_is_required_connections_wait_for_it() {
    let stage = stage().await;
    let store = stage.minicluster.store();
    let forward = stage.forward("svc/many", &[":http"]);
    let forward = forward.require_ready(true).start().await.unwrap();
    let mut events = forward.events();
    for pod in store.pods("default") {
        store.set_ready("default", &pod.name, false).unwrap();
    }
    holding(&mut events).await;
    let address = address(&forward, 0);
    let held = tokio::spawn(async move {
        let mut app = TcpStream::connect(address).await.unwrap();
        app.write_all(b"GET /whoami HTTP/1.0\r\n\r\n").await.unwrap();
        read_all(&mut app).await.0
    });
    let ready = store.pods("default").remove(0).name;
    store.set_ready("default", &ready, true).unwrap();
    let answer = String::from_utf8(soon(held).await.unwrap()).unwrap();
    assert!(answer.contains(&ready), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_ready_is_required_a_forward_does_not_begin_without() {
    let stage = stage().await;
    let store = stage.minicluster.store();
    for pod in store.pods("default") {
        store.set_ready("default", &pod.name, false).unwrap();
    }
    let forward = || {
        let forward = stage.forward("svc/many", &[":http"]);
        forward.pod_running_timeout(Duration::from_millis(100))
    };
    let error = forward().require_ready(true).start().await.unwrap_err();
    assert!(matches!(error, ForwardError::NoReadyPod { .. }), "{error}");
    // Without, one of them makes do, and only one.
    let forward = forward().start().await.unwrap();
    event(&mut forward.events(), |event| {
        matches!(event, Event::NotReady(_)).then_some(())
    })
    .await;
    assert_eq!(serving(&forward, 4).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_fails_no_more_than_what_is_in_flight() {
    let stage = stage().await;
    let forward = stage.forward("svc/many", &[":http"]).start().await.unwrap();
    let before = serving(&forward, 3).await;
    let store = stage.minicluster.store();
    store.restart("default", "many").unwrap();
    let settled = store.wait_until_settled();
    let mut settled = std::pin::pin!(settled);
    let mut failed = 0;
    loop {
        tokio::select! {
            done = &mut settled => {
                done.unwrap();
                break;
            }
            answer = try_who(&forward, 0) => failed += usize::from(answer.is_none()),
        }
    }
    // A pod of this cluster is killed without grace, and may have the one request that is under way then.
    assert!(failed <= before.len(), "{failed} of {before:?}");
    let after = serving(&forward, 9).await;
    assert!(after.is_disjoint(&before), "{after:?} {before:?}");
    assert_eq!(after.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_scaled_to_nothing_and_back_goes_on() {
    let stage = stage().await;
    let forward = stage.forward("svc/many", &[":http"]).start().await.unwrap();
    let mut events = forward.events();
    serving(&forward, 3).await;
    let store = stage.minicluster.store();
    store.scale("default", "many", 0).unwrap();
    holding(&mut events).await;
    store.scale("default", "many", 2).unwrap();
    store.wait_for_pods("default", "many", 2).await.unwrap();
    assert_eq!(serving(&forward, 8).await.len(), 2);
}
