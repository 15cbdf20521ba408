//! What networks do to a forward: its way to the API server, broken in every way that ways break.

use std::{sync::Arc, time::Duration};

use crate::{forwarding::Forwarding, harness::cases, relay::Way, world::World};

cases! {
    a_burst_on_a_fresh_forward_waits_for_no_answer;
    a_connection_is_held_while_the_api_server_refuses;
    a_connection_is_held_while_the_network_swallows_everything;
    a_dead_peer_is_noticed_by_a_forward_that_is_idle;
    a_load_balancer_that_ends_what_is_idle_ends_no_connection;
    an_open_connection_outlives_a_short_black_hole;
    what_a_lost_way_cut_off_is_reset;
}

/// Over a relay to the API server.
async fn over(world: &World, relay: &crate::relay::Relay, arguments: &[&str]) -> Forwarding {
    let way = world.over(relay);
    let all: Vec<&str> = (way.iter().map(String::as_str))
        .chain(arguments.iter().copied())
        .collect();
    Forwarding::start(world, &all).await
}

async fn what_a_lost_way_cut_off_is_reset(world: Arc<World>) {
    let relay = world.relay().await;
    let forwarding = over(&world, &relay, &["pod/tools", ":7", ":19"]).await;
    let mut download = forwarding.connect(19).await;
    download.receive_pattern(100_000).await;
    relay.set(Way::Refusing).await;
    let end = download.drain().await;
    assert_eq!(
        end.expect_err("an endless download was cut").kind(),
        std::io::ErrorKind::ConnectionReset
    );
    relay.set(Way::Open).await;
    forwarding.connect(7).await.is_echoed(b"after").await;
}

async fn a_connection_is_held_while_the_api_server_refuses(world: Arc<World>) {
    let relay = world.relay().await;
    let forwarding = over(&world, &relay, &["-v=4", "--hold=90s", "pod/tools", ":7"]).await;
    forwarding.logs("a session is ready", 6).await;
    forwarding.connect(7).await.is_echoed(b"before").await;
    relay.set(Way::Refusing).await;
    forwarding.loses_all_sessions().await;
    let mut held = forwarding.connect(7).await;
    held.send(b"between").await;
    // Refused more than once.
    forwarding.logs("a session could not be made", 3).await;
    relay.set(Way::Open).await;
    assert_eq!(held.receive(7).await, b"between");
    forwarding.connect(7).await.is_echoed(b"after").await;
}

async fn an_open_connection_outlives_a_short_black_hole(world: Arc<World>) {
    let relay = world.relay().await;
    let forwarding = over(&world, &relay, &["pod/tools", ":7"]).await;
    let mut app = forwarding.connect(7).await;
    app.is_echoed(b"before").await;
    relay.set(Way::BlackHole).await;
    app.send(b"on its way").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    relay.set(Way::Open).await;
    assert_eq!(app.receive(10).await, b"on its way");
}

async fn a_connection_is_held_while_the_network_swallows_everything(world: Arc<World>) {
    let relay = world.relay().await;
    let forwarding = over(&world, &relay, &["-v=4", "--hold=80s", "pod/tools", ":7"]).await;
    let mut open = forwarding.connect(7).await;
    open.is_echoed(b"before").await;
    // By the time that there are others, the first one's peer is known to answer PINGs.
    forwarding.logs("a session is ready", 6).await;
    open.is_echoed(b"and again").await;
    relay.set(Way::BlackHole).await;
    // The sessions are dead, and nobody says so: a PING finds out.
    open.is_reset().await;
    forwarding.loses_all_sessions().await;
    let mut held = forwarding.connect(7).await;
    held.send(b"between").await;
    // What the old way swallowed stays lost; the way is open for what is made anew.
    relay.set(Way::Refusing).await;
    relay.set(Way::Open).await;
    assert_eq!(held.receive(7).await, b"between");
    forwarding.connect(7).await.is_echoed(b"after").await;
}

async fn a_burst_on_a_fresh_forward_waits_for_no_answer(world: Arc<World>) {
    let relay = world.relay().await;
    let forwarding = over(&world, &relay, &["-v=4", "pod/tools", ":7"]).await;
    forwarding.logs("a session is ready", 6).await;
    forwarding.logs("it is known what answers sessions", 1).await;
    // Nothing is answered, until all have their lanes.
    relay.set(Way::BlackHole).await;
    let before = relay.accepted();
    let mut apps = Vec::new();
    for _ in 0..30 {
        let mut app = forwarding.connect(7).await;
        app.send(b"one of thirty").await;
        apps.push(app);
    }
    forwarding.logs("connection opened", 30).await;
    relay.set(Way::Open).await;
    for mut app in apps {
        assert_eq!(app.receive(13).await, b"one of thirty");
    }
    // Others are made so that some are idle again, but none for those that waited: there would be sixteen at once.
    let made = relay.accepted() - before;
    assert!(made < 12, "{made} ways to the API server were made");
}

async fn a_dead_peer_is_noticed_by_a_forward_that_is_idle(world: Arc<World>) {
    let relay = world.relay().await;
    let forwarding = over(&world, &relay, &["-v=4", "pod/tools", ":7"]).await;
    forwarding.logs("a session is ready", 6).await;
    relay.set(Way::BlackHole).await;
    let before = relay.accepted();
    // It tries to come back by itself: nobody connects, and nobody says that the sessions are dead.
    while relay.accepted() == before {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // What the black hole took is lost for good.
    relay.set(Way::Refusing).await;
    relay.set(Way::Open).await;
    forwarding.connect(7).await.is_echoed(b"after").await;
}

async fn a_load_balancer_that_ends_what_is_idle_ends_no_connection(world: Arc<World>) {
    // Three PINGs of podline's fit into it: an idle session is never silent for as long.
    let relay = world.relay_with_idle_limit(Duration::from_secs(30)).await;
    let forwarding = over(&world, &relay, &["pod/tools", ":7"]).await;
    let mut idle = forwarding.connect(7).await;
    idle.is_echoed(b"before").await;
    tokio::time::sleep(Duration::from_secs(45)).await;
    idle.is_echoed(b"after 45 s of silence").await;
}
