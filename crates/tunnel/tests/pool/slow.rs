//! Apps that take nothing.

use std::time::Duration;

use podline_tunnel::{Chunk, PairEnd, PairReceiver, PairSender, Pool};
use tokio::time::{Instant, sleep, timeout};

use super::cluster::{Answer, Cluster};
use super::{bytes, echo, open, pool_of, receive, send};

/// The default.
const STALLED_READER: Duration = Duration::from_secs(5);

/// Sends until nothing goes out any more, since nobody takes what comes back; gives how many bytes went.
async fn fill(sender: &mut PairSender, bytes: &[u8]) -> usize {
    let mut unsent = bytes;
    while let Ok(ready) = timeout(Duration::from_millis(200), sender.ready()).await {
        let room = ready.unwrap().min(unsent.len());
        assert!(room > 0, "all {} bytes went out", bytes.len());
        let mut chunk = Chunk::with_capacity(room);
        chunk.buffer().extend_from_slice(&unsent[..room]);
        sender.send(chunk);
        unsent = &unsent[room..];
    }
    bytes.len() - unsent.len()
}

/// Two connections on the one session of a pool.
async fn neighbours(pool: &Pool) -> [(PairSender, PairReceiver); 2] {
    let (mut sender, mut receiver) = open(pool, 7).await;
    echo(&mut sender, &mut receiver).await;
    let (mut other, mut other_receiver) = open(pool, 7).await;
    echo(&mut other, &mut other_receiver).await;
    [(sender, receiver), (other, other_receiver)]
}

#[tokio::test(start_paused = true)]
async fn an_app_that_takes_nothing_while_a_neighbour_waits_is_cut_and_the_neighbour_goes_on() {
    let cluster = Cluster::new(Answer::Switch, Answer::Switch);
    let pool = pool_of(&cluster, 1, 1);
    let [
        (mut slow, mut slow_receiver),
        (mut neighbour, mut neighbour_receiver),
    ] = neighbours(&pool).await;
    assert_eq!(cluster.asked()[0], 1);
    let sent = bytes(20_000_000);
    fill(&mut slow, &sent).await;
    let begun = Instant::now();
    echo(&mut neighbour, &mut neighbour_receiver).await;
    assert!(begun.elapsed() <= STALLED_READER, "{:?}", begun.elapsed());
    slow_receiver.cut().await;
    assert!(slow.ready().await.is_err());
    let (rest, end) = receive(&mut slow_receiver, usize::MAX).await;
    assert!(rest.is_empty());
    assert!(matches!(end, Some(PairEnd::StalledReader)), "{end:?}");
    assert_eq!(cluster.asked()[0], 1, "the session lives on");
}

#[tokio::test(start_paused = true)]
async fn a_slow_app_paces_its_neighbour_and_neither_is_cut() {
    let cluster = Cluster::new(Answer::Switch, Answer::Switch);
    let pool = pool_of(&cluster, 1, 1);
    let [
        (mut slow, mut slow_receiver),
        (mut neighbour, mut neighbour_receiver),
    ] = neighbours(&pool).await;
    let sent = bytes(20_000_000);
    let filled = fill(&mut slow, &sent).await;
    let waits = tokio::spawn(async move { echo(&mut neighbour, &mut neighbour_receiver).await });
    for _ in 0..20 {
        // As the carrier tells of an app whose socket takes a little now and then.
        sleep(STALLED_READER / 2).await;
        slow_receiver.took();
    }
    assert!(!waits.is_finished());
    let (received, end) = receive(&mut slow_receiver, filled).await;
    assert!(received == sent[..filled] && end.is_none(), "{end:?}");
    waits.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_app_alone_on_its_session_may_take_all_the_time_it_wants() {
    let cluster = Cluster::new(Answer::Switch, Answer::Switch);
    let pool = pool_of(&cluster, 1, 64);
    let (mut sender, mut receiver) = open(&pool, 7).await;
    let sent = bytes(6_000_000);
    let filled = fill(&mut sender, &sent).await;
    sleep(Duration::from_secs(3600)).await;
    let (_, (received, end)) = tokio::join!(
        send(&mut sender, &sent[filled..]),
        receive(&mut receiver, sent.len())
    );
    assert!(received == sent && end.is_none(), "{end:?}");
}
