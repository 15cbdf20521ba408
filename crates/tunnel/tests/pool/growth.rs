//! How many sessions a pool makes for what its apps do.

use std::sync::atomic::Ordering;
use std::time::Duration;

use podline_tunnel::{PairEnd, PoolEvent};
use tokio::time::{Instant, sleep};

use super::cluster::{Answer, Cluster};
use super::{bytes, echo, open, pool_of, receive, send};

#[tokio::test(start_paused = true)]
async fn connections_one_after_the_other_need_no_sessions_but_the_floor() {
    let cluster = Cluster::new(Answer::Switch, Answer::Switch);
    let pool = pool_of(&cluster, 6, 64);
    pool.ready().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(cluster.asked()[0], 6);
    for _ in 0..500 {
        let (mut sender, mut receiver) = open(&pool, 7).await;
        echo(&mut sender, &mut receiver).await;
        sender.finish();
        receive(&mut receiver, 1).await;
        sleep(Duration::from_millis(15)).await;
    }
    assert!(cluster.asked()[0] < 12, "{} sessions", cluster.asked()[0]);
}

#[tokio::test(start_paused = true)]
async fn what_one_session_finds_out_of_the_peer_holds_for_all() {
    let cluster = Cluster::new(Answer::Switch, Answer::Switch);
    let pool = pool_of(&cluster, 6, 64);
    pool.ready().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let (mut sender, mut receiver) = open(&pool, 7).await;
    echo(&mut sender, &mut receiver).await;
    // Thirty lanes, of which one is taken.
    let mut held = Vec::new();
    for _ in 0..29 {
        held.push(pool.lend().await.unwrap());
    }
    assert!(cluster.asked()[0] < 12, "{} sessions", cluster.asked()[0]);
}

#[tokio::test(start_paused = true)]
async fn a_burst_on_a_fresh_pool_waits_for_no_answer() {
    let cluster = Cluster::new(Answer::Switch, Answer::Switch);
    let pool = pool_of(&cluster, 6, 64);
    pool.ready().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    // From now on nothing is answered, and no session can be made.
    cluster.silent.store(true, Ordering::SeqCst);
    *cluster.websocket.lock().unwrap() = Answer::Never;
    let start = Instant::now();
    let mut open_ones = Vec::new();
    for _ in 0..30 {
        open_ones.push(open(&pool, 7).await);
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_a_download_fills_is_not_shared() {
    let cluster = Cluster::new(Answer::Switch, Answer::Switch);
    let pool = pool_of(&cluster, 0, 64);
    let (mut sender, mut receiver) = open(&pool, 7).await;
    let sent = bytes(3_000_000);
    let (_, (received, _)) = tokio::join!(send(&mut sender, &sent), receive(&mut receiver, sent.len()));
    assert_eq!(received.len(), sent.len());
    let (mut second, mut second_receiver) = open(&pool, 7).await;
    echo(&mut second, &mut second_receiver).await;
    assert_eq!(cluster.asked()[0], 2);
    // It is over.
    sleep(Duration::from_secs(5)).await;
    for _ in 0..8 {
        let (mut sender, mut receiver) = open(&pool, 7).await;
        echo(&mut sender, &mut receiver).await;
        std::mem::forget((sender, receiver));
    }
    assert_eq!(cluster.asked()[0], 2);
}

#[tokio::test(start_paused = true)]
async fn a_peer_without_lanes_carries_one_connection_a_session() {
    let cluster = Cluster::new(Answer::Switch, Answer::Switch);
    cluster.is_other.store(true, Ordering::SeqCst);
    let pool = pool_of(&cluster, 3, 64);
    pool.ready().await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..40_usize {
        let pool = pool.clone();
        tasks.spawn(async move {
            sleep(Duration::from_millis(10 * n as u64)).await;
            let (mut sender, mut receiver) = open(&pool, 7).await;
            let sent = bytes(n * 10_000 + 1);
            let (_, (received, _)) =
                tokio::join!(send(&mut sender, &sent), receive(&mut receiver, sent.len()));
            assert!(received == sent);
            sleep(Duration::from_secs(100)).await;
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    assert_eq!(*cluster.offences.lock().unwrap(), [""; 0]);
    assert!(cluster.asked()[0] >= 40);
    // Those that are used up are closed.
    sleep(Duration::from_secs(60)).await;
    assert!(cluster.sessions.load(Ordering::SeqCst) <= 4);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_patience_is_given_it() {
    let cluster = Cluster::new(Answer::Later(2), Answer::Switch);
    let pool = pool_of(&cluster, 6, 64);
    let mut events = pool.events().unwrap();
    let begun = Instant::now();
    let (lent, ()) = tokio::join!(pool.lend(), async {
        assert!(matches!(events.recv().await, Some(PoolEvent::SessionFailed(_))));
        sleep(Duration::from_secs(1)).await;
        *cluster.websocket.lock().unwrap() = Answer::Switch;
    });
    drop(lent.unwrap());
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(cluster.asked()[0], 7, "those that a pool begins with, and one");
}

#[tokio::test(start_paused = true)]
async fn a_pool_begins_with_its_floor_and_one_that_cannot_be_made_does_not_fail_it() {
    let cluster = Cluster::new(Answer::Switch, Answer::Switch);
    cluster.refusals.store(5, Ordering::SeqCst);
    let pool = pool_of(&cluster, 6, 64);
    pool.ready().await.unwrap();
    assert_eq!((cluster.asked()[0], pool.sessions()), (6, 1));
}

#[tokio::test(start_paused = true)]
async fn the_floor_is_filled_while_nobody_waits_and_follows_what_is_asked_for() {
    let cluster = Cluster::new(Answer::Switch, Answer::Switch);
    let pool = pool_of(&cluster, 1, 64);
    pool.ready().await.unwrap();
    pool.set_floor(4);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(cluster.sessions.load(Ordering::SeqCst), 4);
    pool.set_floor(2);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(cluster.sessions.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn where_connections_outnumber_the_lanes_they_share_them_and_all_are_served() {
    let cluster = Cluster::new(Answer::Switch, Answer::Switch);
    let pool = pool_of(&cluster, 6, 64);
    pool.ready().await.unwrap();
    let mut open_ones = Vec::new();
    for _ in 0..3_000 {
        open_ones.push(open(&pool, 7).await);
    }
    assert_eq!(cluster.asked()[0], 512, "sessions, of five lanes each");
    for (sender, receiver) in &mut open_ones {
        echo(sender, receiver).await;
    }
    for (sender, receiver) in &mut open_ones {
        sender.finish();
        let (rest, end) = receive(receiver, 1).await;
        assert!(rest.is_empty());
        assert!(matches!(end, Some(PairEnd::Clean { delivered: true })), "{end:?}");
    }
    // What the load does not need any more goes.
    drop(open_ones);
    sleep(Duration::from_secs(180)).await;
    assert!(cluster.sessions.load(Ordering::SeqCst) <= 6);
}
