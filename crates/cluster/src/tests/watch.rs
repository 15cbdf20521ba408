//! A target kept in sight.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::timeout;

use super::server::{TestServer, json};
use crate::{Cluster, Found, PodWatch, Target};

/// Long enough for anything that should happen.
const SOON: Duration = Duration::from_secs(20);
/// Long enough to see that nothing happens.
const A_WHILE: Duration = Duration::from_millis(500);

/// What a server answers to whoever asks for a pod, and may be changed.
type Answer = Arc<Mutex<String>>;

fn pod(phase: &str) -> String {
    json(
        "200 OK",
        &json!({"metadata": {"name": "web", "namespace": "shop", "uid": "1"}, "status": {"phase": phase}}),
    )
}

fn status(code: u16, reason: &str) -> String {
    let body: Value = json!({"kind": "Status", "code": code, "reason": reason, "message": reason});
    json(&format!("{code} {reason}"), &body)
}

/// A server that has `answer` for whoever asks for a pod, and lets nobody watch.
async fn server(answer: &str) -> (TestServer, Answer, Cluster) {
    let answer: Answer = Arc::new(Mutex::new(answer.to_owned()));
    let shared = answer.clone();
    let server = TestServer::start(move |request| {
        if request.contains("watch=true") {
            return status(403, "Forbidden");
        }
        shared.lock().unwrap().clone()
    })
    .await;
    let cluster = server.cluster(&json!({"token": "t"})).await;
    (server, answer, cluster)
}

fn set(answer: &Answer, text: String) {
    *answer.lock().unwrap() = text;
}

fn target() -> Target {
    "pod/web".parse().unwrap()
}

async fn next(watch: &mut PodWatch) -> Result<Found, String> {
    let changed = timeout(SOON, watch.changed()).await.unwrap();
    changed.map_err(|error| error.to_string())
}

async fn is_silent(watch: &mut PodWatch) -> bool {
    timeout(A_WHILE, watch.changed()).await.is_err()
}

#[tokio::test]
async fn the_state_is_given_at_first_and_then_whenever_it_differs() {
    let (_server, answer, cluster) = server(&pod("Pending")).await;
    let mut watch = cluster.watch(&target());
    let found = next(&mut watch).await.unwrap();
    assert!(!found.pods[0].is_running());
    // What is the same is not given again, however often it is looked at.
    watch.look();
    assert!(is_silent(&mut watch).await);
    set(&answer, pod("Running"));
    watch.look();
    assert!(next(&mut watch).await.unwrap().pods[0].is_running());
}

#[tokio::test]
async fn trouble_is_told_once_and_then_how_things_are() {
    let (_server, answer, cluster) = server(&pod("Running")).await;
    let mut watch = cluster.watch(&target());
    watch.hurry(true);
    next(&mut watch).await.unwrap();
    set(&answer, status(503, "ServiceUnavailable"));
    watch.look();
    assert_eq!(next(&mut watch).await.unwrap_err(), "ServiceUnavailable");
    assert!(is_silent(&mut watch).await);
    set(&answer, status(404, "NotFound"));
    assert_eq!(next(&mut watch).await.unwrap_err(), "NotFound");
    set(&answer, pod("Running"));
    // Nobody asks: it goes on trying by itself, and tells the same state as before the trouble.
    assert!(next(&mut watch).await.unwrap().pods[0].is_running());
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_one_trouble_whatever_the_way_fails_by() {
    let (server, answer, cluster) = server("").await;
    set(
        &answer,
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\n{".to_owned(),
    );
    let mut watch = cluster.watch(&target());
    watch.hurry(true);
    let error = timeout(SOON, watch.changed()).await.unwrap().unwrap_err();
    assert!(error.is_unreachable(), "{error:?}");
    set(&answer, "SSH-2.0-OpenSSH\r\nConnection: close\r\n\r\n".to_owned());
    let before = server.requests().len();
    timeout(SOON, async {
        while server.requests().len() < before + 2 {
            assert!(is_silent(&mut watch).await);
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_wait_that_is_given_up_loses_nothing() {
    let (server, _answer, cluster) = server(&pod("Running")).await;
    let mut watch = cluster.watch(&target());
    let cancelled = timeout(Duration::ZERO, watch.changed()).await;
    assert!(cancelled.is_err());
    timeout(SOON, async {
        while server.requests().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    assert!(next(&mut watch).await.is_ok());
}

#[tokio::test]
async fn nothing_is_asked_any_more_when_nobody_watches() {
    let (server, _answer, cluster) = server(&pod("Running")).await;
    let mut watch = cluster.watch(&target());
    watch.hurry(true);
    next(&mut watch).await.unwrap();
    drop(watch);
    tokio::time::sleep(A_WHILE).await;
    let asked = server.requests().len();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(server.requests().len(), asked);
}

fn watches(server: &TestServer) -> usize {
    let requests = server.requests();
    let is_watch = |request: &&String| request.contains("watch=true");
    requests.iter().filter(is_watch).count()
}

#[tokio::test]
async fn a_right_that_is_missing_is_not_asked_for_again_and_again() {
    let (server, answer, cluster) = server(&pod("Pending")).await;
    let mut watch = cluster.watch(&target());
    watch.hurry(true);
    for phase in ["Pending", "Running", "Pending", "Running"] {
        set(&answer, pod(phase));
        watch.look();
        next(&mut watch).await.unwrap();
    }
    assert_eq!(watches(&server), 1);
}

#[tokio::test]
async fn a_watch_that_ends_at_once_is_opened_less_and_less_often() {
    let server = TestServer::start(move |request| {
        if request.contains("watch=true") {
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned()
        } else {
            pod("Running")
        }
    })
    .await;
    let cluster = server.cluster(&json!({"token": "t"})).await;
    let begun = Instant::now();
    let mut watch = cluster.watch(&target());
    next(&mut watch).await.unwrap();
    timeout(SOON, async {
        while watches(&server) < 4 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    // At once, and then after 200, 400, 800 ms more, and so on: pauses may be longer on a busy machine, never shorter.
    let opened = watches(&server) as u32;
    let least = Duration::from_millis(200) * ((1 << (opened - 1)) - 1);
    assert!(
        begun.elapsed() >= least,
        "{opened} watches in {:?}",
        begun.elapsed()
    );
}
