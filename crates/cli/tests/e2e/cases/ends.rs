//! How a connection ends, and that it ends alone.

use std::{io, sync::Arc, time::Duration};

use crate::{forwarding::Forwarding, harness::cases, world::World};

cases! {
    a_black_hole_stops_nobody_else;
    a_download_that_nobody_reads_stops_nobody_else;
    a_pod_that_half_closes_is_heard_to_the_end;
    a_pod_that_resets_resets_the_app;
    a_refused_port_resets_its_connection_and_no_other;
    a_server_that_closes_ends_the_connection_in_order;
    a_download_goes_on_after_the_apps_half_close;
    a_pod_that_half_closed_cannot_be_sent_to_for_long_and_harms_nobody;
    an_app_that_closes_leaves_nothing_in_the_pod [Faults, LoopbackNet];
    an_app_that_resets_leaves_nothing_in_the_pod [Faults];
    an_end_that_owes_nothing_is_passed_on_without_waiting;
    an_upload_that_ends_with_its_end_is_counted_whole;
    without_a_linger_the_apps_end_is_passed_on_at_once;
    an_answer_after_the_apps_half_close_arrives;
    many_cancelled_downloads_harm_no_later_connection;
    many_refused_connections_leave_the_forward_alive;
    what_came_before_a_reset_arrives;
}

async fn a_refused_port_resets_its_connection_and_no_other(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":7", ":83"]).await;
    let mut neighbour = forwarding.connect(7).await;
    neighbour.is_echoed(b"before").await;
    forwarding.is_reset(83).await;
    let port = forwarding.address_of(83).await.port();
    let warning = forwarding.warns("was reset").await;
    assert!(
        warning.starts_with("warning: pod/tools: connection "),
        "{warning}"
    );
    assert!(
        warning.contains(&format!("to local port {port} was reset")),
        "{warning}"
    );
    assert!(warning.contains("refused"), "{warning}");
    neighbour.is_echoed(b"after").await;
    forwarding.connect(7).await.is_echoed(b"new").await;
}

async fn many_refused_connections_leave_the_forward_alive(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":7", ":83"]).await;
    for _ in 0..30 {
        forwarding.is_reset(83).await;
    }
    forwarding.connect(7).await.is_echoed(b"still here").await;
}

async fn a_pod_that_resets_resets_the_app(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":23"]).await;
    forwarding.is_reset(23).await;
}

async fn what_came_before_a_reset_arrives(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":24"]).await;
    loop {
        let mut app = forwarding.connect(24).await;
        let (bytes, end) = app.rest().await;
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        // A busy runtime sees the reset before it sees the connection.
        if !bytes.is_empty() {
            assert_eq!(bytes, b"partial");
            break;
        }
    }
}

async fn a_server_that_closes_ends_the_connection_in_order(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":28"]).await;
    let mut app = forwarding.connect(28).await;
    app.is_echoed(&[b'x'; 64]).await;
    let (rest, end) = app.rest().await;
    assert!(rest.is_empty() && end.is_ok(), "{end:?}");
}

async fn an_answer_after_the_apps_half_close_arrives(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":9", ":8080"]).await;
    // The HTTP application takes two seconds for an answer: twice what a container runtime waits after a client's end.
    let mut slow = forwarding.connect(8080).await;
    slow.send(b"GET /slow/2000 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await;
    slow.finish().await;
    let (answer, end) = slow.rest().await;
    assert!(
        answer.ends_with(b"2000 ms\n") && end.is_ok(),
        "{}, {end:?}",
        String::from_utf8_lossy(&answer)
    );
}

async fn a_pod_that_half_closes_is_heard_to_the_end(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":26"]).await;
    let mut app = forwarding.connect(26).await;
    assert_eq!(app.receive(5).await, b"half\n");
    let (rest, end) = app.rest().await;
    assert!(rest.is_empty() && end.is_ok(), "{end:?}");
}

async fn a_black_hole_stops_nobody_else(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":7", ":25"]).await;
    // The pod never reads, so this soon fills every buffer on the way.
    let flood = tokio::spawn(forwarding.connect(25).await.flood());
    for round in 0..20 {
        forwarding
            .connect(7)
            .await
            .is_echoed(format!("round {round}").as_bytes())
            .await;
    }
    flood.abort();
}

async fn a_download_that_nobody_reads_stops_nobody_else(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["-v=4", "tools", ":7", ":19"]).await;
    // With fewer sessions than connections some would share one, and be paced by the slowest.
    forwarding.logs("a session is ready", 6).await;
    let mut neighbour = forwarding.connect(7).await;
    let mut unread = Vec::new();
    for round in 0..2 {
        unread.push(forwarding.connect(19).await);
        neighbour.is_echoed(format!("round {round}").as_bytes()).await;
        forwarding.connect(7).await.is_echoed(b"new").await;
    }
    // And nobody who does not read has missed anything.
    for app in &mut unread {
        app.receive_pattern(1_000_000).await;
    }
}

async fn many_cancelled_downloads_harm_no_later_connection(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":7", ":19"]).await;
    let mut neighbour = forwarding.connect(7).await;
    for round in 0..30 {
        forwarding.connect(19).await.receive_pattern(10_000).await;
        if round % 10 == 0 {
            neighbour.is_echoed(b"during").await;
            forwarding.connect(7).await.is_echoed(b"after").await;
        }
    }
    neighbour.is_echoed(b"after all").await;
    forwarding.connect(19).await.receive_pattern(1_000_000).await;
}

async fn a_download_goes_on_after_the_apps_half_close(world: Arc<World>) {
    const LENGTH: u64 = 32 * 1024 * 1024;
    let forwarding = Forwarding::start(&world, &["tools", ":20"]).await;
    let mut app = forwarding.connect(20).await;
    app.send(format!("{LENGTH}\n").as_bytes()).await;
    app.finish().await;
    // Slower than the one second for which a runtime would go on after a client's end.
    for part in 0..4 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        app.receive_pattern_from(part * LENGTH / 4, LENGTH / 4).await;
    }
    let (rest, end) = app.rest().await;
    assert!(rest.is_empty() && end.is_ok(), "{end:?}");
}

async fn an_upload_that_ends_with_its_end_is_counted_whole(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":21"]).await;
    let mut app = forwarding.connect(21).await;
    app.send(b"8388608\n").await;
    let hash = app.send_pattern(8_388_608).await;
    app.finish().await;
    let (answer, end) = app.rest().await;
    assert_eq!(String::from_utf8_lossy(&answer), format!("{hash}\n"));
    end.unwrap();
}

async fn an_end_that_owes_nothing_is_passed_on_without_waiting(world: Arc<World>) {
    // The linger would hold it longer than this case may take.
    let forwarding = Forwarding::start(&world, &["--half-close-linger=1h", "tools", ":7"]).await;
    let mut app = forwarding.connect(7).await;
    app.is_echoed(b"the last word is the pod's").await;
    app.finish().await;
    let (rest, end) = app.rest().await;
    assert!(rest.is_empty() && end.is_ok(), "{end:?}");
}

async fn without_a_linger_the_apps_end_is_passed_on_at_once(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["--half-close-linger=0", "tools", ":8080"]).await;
    let mut slow = forwarding.connect(8080).await;
    slow.send(b"GET /slow/30000 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await;
    slow.finish().await;
    // The runtime ends it a second later, long before the answer.
    let (answer, _) = slow.rest().await;
    assert_eq!(answer, b"", "{}", String::from_utf8_lossy(&answer));
}

async fn a_pod_that_half_closed_cannot_be_sent_to_for_long_and_harms_nobody(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":7", ":26"]).await;
    let mut neighbour = forwarding.connect(7).await;
    for _ in 0..3 {
        let mut app = forwarding.connect(26).await;
        let (bytes, ()) = tokio::join!(
            async {
                let bytes = app.receive(5).await;
                (bytes, app.flood_until_lost().await).0
            },
            neighbour.is_echoed(b"beside it"),
        );
        assert_eq!(bytes, b"half\n");
    }
    for _ in 0..10 {
        forwarding.connect(7).await.is_echoed(b"after it").await;
    }
    neighbour.is_echoed(b"still").await;
}

/// Waits until the runtime has so many connections into pods.
async fn until_in_the_pods(world: &World, number: usize) {
    let there = async {
        // Nobody tells of it.
        while world.minicluster().pod_connections() != number {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), there)
        .await
        .expect("so many connections are in the pods");
}

async fn an_app_that_closes_leaves_nothing_in_the_pod(_: Arc<World>) {
    let world = World::own().await;
    let forwarding = Forwarding::start(&world, &["--half-close-linger=1h", "tools", ":8080", ":25"]).await;
    let mut events = forwarding.connect(8080).await;
    events
        .send(b"GET /slow/60000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    let mut unread = forwarding.connect(25).await;
    unread.send(b"never read").await;
    until_in_the_pods(&world, 2).await;
    // Both are owed an answer, and closed rather than half-closed: nobody is there to hear it.
    drop((events, unread));
    until_in_the_pods(&world, 0).await;
}

async fn an_app_that_resets_leaves_nothing_in_the_pod(_: Arc<World>) {
    let world = World::own().await;
    let forwarding = Forwarding::start(&world, &["--half-close-linger=1h", "tools", ":7"]).await;
    let mut app = forwarding.connect(7).await;
    app.is_echoed(b"before").await;
    assert_eq!(world.minicluster().pod_connections(), 1);
    app.reset();
    until_in_the_pods(&world, 0).await;
}
