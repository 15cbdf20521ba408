//! The pool over an in-memory cluster.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;
mod growth;
mod slow;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use podline_tunnel::pool::SHUTDOWN_DEADLINE;
use podline_tunnel::{
    Chunk, FailureKind, PairEnd, PairReceiver, PairSender, PodAddress, Pool, PoolEvent, PoolOptions,
    Received, SessionError, Transport, TransportChoice,
};
use podline_wire::pool::PoolConfig;
use podline_wire::session::SessionFault;

use self::cluster::{Answer, Cluster, REFUSED};

fn pool(cluster: &Arc<Cluster>, transport: TransportChoice) -> Pool {
    pool_with(
        cluster,
        PoolOptions {
            transport,
            ..PoolOptions::default()
        },
    )
}

fn pool_with(cluster: &Arc<Cluster>, options: PoolOptions) -> Pool {
    let pod = PodAddress {
        namespace: "default".into(),
        name: "echo".into(),
    };
    Pool::new(cluster.clone(), pod, options)
}

/// A pool that aims at `floor` idle sessions and no more than `isolated` for isolation's sake.
fn pool_of(cluster: &Arc<Cluster>, floor: usize, isolated: usize) -> Pool {
    pool_with(
        cluster,
        PoolOptions {
            config: PoolConfig {
                floor,
                isolated,
                ..PoolConfig::default()
            },
            ..PoolOptions::default()
        },
    )
}

/// One byte there and back.
async fn echo(sender: &mut PairSender, receiver: &mut PairReceiver) {
    send(sender, b"x").await;
    let (got, end) = receive(receiver, 1).await;
    assert_eq!(got, b"x", "{end:?}");
}

async fn open(pool: &Pool, port: u16) -> (PairSender, PairReceiver) {
    pool.lend().await.unwrap().open(port).unwrap()
}

async fn send(sender: &mut PairSender, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let room = sender.ready().await.unwrap().min(bytes.len());
        let mut chunk = Chunk::with_capacity(room);
        chunk.buffer().extend_from_slice(&bytes[..room]);
        sender.send(chunk);
        bytes = &bytes[room..];
    }
}

/// All bytes up to `length`, or to the end.
async fn receive(receiver: &mut PairReceiver, length: usize) -> (Vec<u8>, Option<PairEnd>) {
    let (mut all, mut pieces) = (Vec::new(), VecDeque::new());
    while all.len() < length {
        match receiver.receive(&mut pieces).await {
            Received::Data => all.extend(pieces.drain(..).flatten()),
            Received::End(end) => return (all, Some(end)),
        }
    }
    (all, None)
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 31 + (i >> 8) * 17) as u8).collect()
}

#[tokio::test]
async fn bytes_come_back_whole_by_either_transport() {
    for transport in [TransportChoice::Websocket, TransportChoice::Spdy] {
        let cluster = Cluster::new(Answer::Switch, Answer::Switch);
        let pool = pool(&cluster, transport);
        let (mut sender, mut receiver) = open(&pool, 7).await;
        let sent = bytes(3_000_000);
        let (_, (received, end)) = tokio::join!(send(&mut sender, &sent), receive(&mut receiver, sent.len()));
        assert!(received == sent && end.is_none());
        sender.finish();
        let (rest, end) = receive(&mut receiver, 1).await;
        assert!(rest.is_empty());
        assert!(matches!(end, Some(PairEnd::Clean { delivered: true })), "{end:?}");
    }
}

#[tokio::test]
async fn a_thousand_connections_share_what_sessions_there_are() {
    let cluster = Cluster::new(Answer::Switch, Answer::Switch);
    let pool = pool(&cluster, TransportChoice::Auto);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..1000_usize {
        let pool = pool.clone();
        tasks.spawn(async move {
            let (mut sender, mut receiver) = open(&pool, 7).await;
            let sent = bytes(n * 7 + 1);
            let (_, (received, _)) =
                tokio::join!(send(&mut sender, &sent), receive(&mut receiver, sent.len()));
            assert_eq!(received, sent);
            sender.finish();
            let (_, end) = receive(&mut receiver, 1).await;
            assert!(matches!(end, Some(PairEnd::Clean { .. })), "{end:?}");
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    let [by_websocket, by_spdy] = cluster.asked();
    assert!(by_websocket <= 512, "{by_websocket} sessions");
    assert_eq!(by_spdy, 0);
}

#[tokio::test]
async fn a_refused_port_ends_that_connection_alone() {
    let cluster = Cluster::new(Answer::Switch, Answer::Switch);
    let pool = pool(&cluster, TransportChoice::Auto);
    let (mut sender, mut receiver) = open(&pool, 7).await;
    let (_refused, mut refused_receiver) = open(&pool, REFUSED).await;
    let (_, end) = receive(&mut refused_receiver, 1).await;
    assert!(
        matches!(
            end,
            Some(PairEnd::Failed {
                kind: FailureKind::Dial,
                ..
            })
        ),
        "{end:?}"
    );
    send(&mut sender, b"still here").await;
    assert_eq!(receive(&mut receiver, 10).await.0, b"still here");
}

#[tokio::test]
async fn spdy_is_used_from_then_on_where_websocket_is_refused() {
    let cluster = Cluster::new(Answer::Status(403), Answer::Switch);
    let pool = pool(&cluster, TransportChoice::Auto);
    let mut events = pool.events().unwrap();
    assert_eq!(pool.ready().await.unwrap(), Transport::Spdy);
    assert!(matches!(
        events.recv().await,
        Some(PoolEvent::FellBack(SessionError::Refused { .. }))
    ));
    let [before, _] = cluster.asked();
    let mut held = Vec::new();
    for _ in 0..40 {
        held.push(open(&pool, 7).await);
    }
    assert_eq!(cluster.asked()[0], before, "WebSocket was asked for again");
}

#[tokio::test]
async fn a_refusal_is_told_to_who_waits_and_asked_once_where_the_pod_is_gone() {
    let cluster = Cluster::new(Answer::Status(404), Answer::Switch);
    let pool = pool(&cluster, TransportChoice::Auto);
    let error = pool.ready().await.unwrap_err();
    assert!(error.is_pod_gone(), "{error}");
    assert_eq!(
        error.to_string(),
        "the API server refused the upgrade with 404 Not Found: no way"
    );
    assert_eq!(cluster.asked()[1], 0);
    let error = pool.lend().await.unwrap_err();
    assert!(error.is_pod_gone());
    *cluster.websocket.lock().unwrap() = Answer::Switch;
    open(&pool, 7).await;
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_without_an_answer_has_a_deadline() {
    let cluster = Cluster::new(Answer::Never, Answer::Never);
    let pool = pool(&cluster, TransportChoice::Auto);
    let error = pool.ready().await.unwrap_err();
    assert!(matches!(error, SessionError::Upgrade(_)), "{error}");
}

#[tokio::test]
async fn a_lost_session_ends_its_connections_and_the_next_one_gets_another() {
    let cluster = Cluster::new(Answer::Switch, Answer::Switch);
    let pool = pool(&cluster, TransportChoice::Auto);
    let (mut sender, mut receiver) = open(&pool, 7).await;
    send(&mut sender, b"x").await;
    assert_eq!(receive(&mut receiver, 1).await.0, b"x");
    cluster.cut.notify_waiters();
    let (_, end) = receive(&mut receiver, 1).await;
    assert!(matches!(end, Some(PairEnd::SessionLost(_))), "{end:?}");
    assert!(sender.ready().await.is_err());
    loop {
        // A session may be lent in the moment it ends; whoever opens it hears so and nothing was sent.
        if let Ok((mut sender, mut receiver)) = pool.lend().await.unwrap().open(7) {
            if sender.ready().await.is_err() {
                continue;
            }
            send(&mut sender, b"y").await;
            let (got, end) = receive(&mut receiver, 1).await;
            if matches!(end, Some(PairEnd::SessionLost(_))) {
                continue;
            }
            assert_eq!(got, b"y");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_falls_silent_is_given_up() {
    let cluster = Cluster::new(Answer::Switch, Answer::Switch);
    let pool = pool(&cluster, TransportChoice::Auto);
    let (mut sender, mut receiver) = open(&pool, 7).await;
    send(&mut sender, b"x").await;
    assert_eq!(receive(&mut receiver, 1).await.0, b"x");
    cluster.silent.store(true, Ordering::SeqCst);
    let silent = tokio::time::timeout(Duration::from_secs(60), receive(&mut receiver, 1));
    let (_, end) = silent.await.expect("its silence is noticed");
    let fault = SessionError::Fault(SessionFault::Silent);
    assert!(
        matches!(&end, Some(PairEnd::SessionLost(error)) if error.to_string() == fault.to_string()),
        "{end:?}"
    );
}

#[tokio::test]
async fn what_an_app_does_not_take_is_kept_within_bounds_and_nothing_is_lost() {
    let cluster = Cluster::new(Answer::Switch, Answer::Switch);
    let pool = pool(&cluster, TransportChoice::Auto);
    let (mut sender, mut receiver) = open(&pool, 7).await;
    let sent = bytes(6_000_000);
    let mut unsent = &sent[..];
    // Nobody receives: the session stops reading, its peer stops echoing, and the sender has to wait.
    while let Ok(ready) = tokio::time::timeout(Duration::from_millis(200), sender.ready()).await {
        let room = ready.unwrap().min(unsent.len());
        assert!(room > 0, "all {} bytes went out", sent.len());
        let mut chunk = Chunk::with_capacity(room);
        chunk.buffer().extend_from_slice(&unsent[..room]);
        sender.send(chunk);
        unsent = &unsent[room..];
    }
    let (_, (received, _)) = tokio::join!(send(&mut sender, unsent), receive(&mut receiver, sent.len()));
    assert!(received == sent);
}

#[tokio::test(start_paused = true)]
async fn shutdown_resets_connections_and_closes_sessions_in_time() {
    let cluster = Cluster::new(Answer::Switch, Answer::Switch);
    let pool = pool(&cluster, TransportChoice::Auto);
    let (mut sender, mut receiver) = open(&pool, 7).await;
    send(&mut sender, b"x").await;
    let before = tokio::time::Instant::now();
    pool.shutdown().await;
    assert!(before.elapsed() <= SHUTDOWN_DEADLINE * 2);
    let mut pieces = VecDeque::new();
    while let Received::Data = receiver.receive(&mut pieces).await {}
    assert!(matches!(
        receiver.receive(&mut pieces).await,
        Received::End(PairEnd::SessionLost(SessionError::ShutDown))
    ));
    assert!(pool.lend().await.is_err());
    while cluster.sessions.load(Ordering::SeqCst) > 0 {
        tokio::task::yield_now().await;
    }
}
