//! How a connection ends, and that it ends alone.

use std::{io, sync::Arc};

use crate::{forwarding::Forwarding, harness::cases, world::World};

cases! {
    a_black_hole_stops_nobody_else;
    a_download_that_nobody_reads_stops_nobody_else;
    a_pod_that_half_closes_is_heard_to_the_end;
    a_pod_that_resets_resets_the_app;
    a_refused_port_resets_its_connection_and_no_other;
    a_server_that_closes_ends_the_connection_in_order;
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
    let mut app = forwarding.connect(24).await;
    let (bytes, end) = app.rest().await;
    assert_eq!(bytes, b"partial");
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
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
