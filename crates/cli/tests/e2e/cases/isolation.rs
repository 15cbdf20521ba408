//! That nobody feels what another connection does.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;

use crate::{
    app::App,
    forwarding::Forwarding,
    harness::{cases, stall},
    world::World,
};

cases! {
    a_new_connection_after_fifty_cancelled_downloads_works;
    a_pod_that_reads_nothing_for_a_while_gets_all_and_stops_nobody;
    a_stalled_connection_alone_waits_longer_than_any_deadline;
    twenty_apps_that_do_not_read_stop_nobody;
    twenty_stalled_uploads_stop_nobody;
}

/// Old neighbours and a new one are served.
async fn all_are_served(forwarding: &Forwarding, neighbours: &mut [App]) {
    for neighbour in neighbours {
        neighbour.is_echoed(b"an old neighbour").await;
    }
    forwarding.connect(7).await.is_echoed(b"a new neighbour").await;
}

async fn twenty_stalled_uploads_stop_nobody(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":7", ":25"]).await;
    let mut neighbours = join_all((0..5).map(|_| forwarding.connect(7))).await;
    let mut floods = Vec::new();
    for round in 0..20 {
        floods.push(tokio::spawn(forwarding.connect(25).await.flood()));
        if round % 5 == 0 {
            all_are_served(&forwarding, &mut neighbours).await;
        }
    }
    // By now every buffer on their ways is full.
    tokio::time::sleep(Duration::from_secs(2)).await;
    all_are_served(&forwarding, &mut neighbours).await;
    let stalled = floods.iter().filter(|flood| !flood.is_finished()).count();
    assert_eq!(stalled, 20, "nobody ended those who only wait");
    floods.iter().for_each(tokio::task::JoinHandle::abort);
}

async fn twenty_apps_that_do_not_read_stop_nobody(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["-v=4", "tools", ":7", ":19"]).await;
    forwarding.logs("a session is ready", 6).await;
    let mut neighbours = join_all((0..5).map(|_| forwarding.connect(7))).await;
    let mut unread = Vec::new();
    for round in 0..20 {
        let mut app = forwarding.connect(19).await;
        app.receive_pattern(1000).await;
        unread.push(app);
        if round % 5 == 0 {
            all_are_served(&forwarding, &mut neighbours).await;
        }
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    all_are_served(&forwarding, &mut neighbours).await;
}

async fn a_pod_that_reads_nothing_for_a_while_gets_all_and_stops_nobody(world: Arc<World>) {
    const LENGTH: u64 = 32 * 1024 * 1024;
    /// How often its neighbours talk.
    const TALK: Duration = Duration::from_millis(200);
    let forwarding = Forwarding::start(&world, &["tools", ":7", ":29"]).await;
    let mut neighbours = join_all((0..3).map(|_| forwarding.connect(7))).await;
    let upload = tokio::spawn(upload_to_one_that_stalls(&forwarding, LENGTH).await);
    let mut rounds = 0_u32;
    while !upload.is_finished() {
        all_are_served(&forwarding, &mut neighbours).await;
        rounds += 1;
        tokio::time::sleep(TALK).await;
    }
    upload.await.unwrap();
    assert!(rounds > 1, "the neighbours had time to talk");
}

async fn a_stalled_connection_alone_waits_longer_than_any_deadline(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":29"]).await;
    upload_to_one_that_stalls(&forwarding, 16 * 1024 * 1024)
        .await
        .await;
}

/// Sends so much to a pod that does not read for a while, and then gives back the hash of all.
async fn upload_to_one_that_stalls(
    forwarding: &Forwarding,
    length: u64,
) -> impl Future<Output = ()> + Send + use<> {
    let pause = stall();
    let mut upload = forwarding.connect(29).await.waiting_longer(pause);
    async move {
        upload
            .send(format!("{}\n{length}\n", pause.as_millis()).as_bytes())
            .await;
        let hash = upload.send_pattern(length).await;
        assert_eq!(upload.receive(65).await, format!("{hash}\n").as_bytes());
    }
}

async fn a_new_connection_after_fifty_cancelled_downloads_works(world: Arc<World>) {
    // Fifty of them share sessions, and a busy machine may keep an app waiting that it would take for a stalled one.
    let forwarding = Forwarding::start(&world, &["--stalled-reader=1m", "tools", ":7", ":19"]).await;
    let downloads = join_all((0..50).map(|_| forwarding.connect(19))).await;
    join_all(downloads.into_iter().map(|mut app| async move {
        app.receive_pattern(2_000_000).await;
    }))
    .await;
    forwarding.connect(7).await.is_echoed(b"at once").await;
    // And so do more of them than there are idle sessions.
    let mut more = join_all((0..20).map(|_| forwarding.connect(7))).await;
    all_are_served(&forwarding, &mut more).await;
}
