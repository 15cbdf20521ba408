//! What goes in comes out.

use std::sync::Arc;

use futures_util::future::join_all;
use sha2::{Digest as _, Sha256};

use crate::{forwarding::Forwarding, harness::cases, world::World};

cases! {
    a_pod_that_speaks_first_is_heard;
    bytes_come_back_from_an_echo;
    bytes_flow_both_ways_at_once;
    a_stream_of_events_arrives;
    http_requests_are_answered;
    sixty_four_mib_arrive_in_the_pod_unchanged;
    sixty_four_mib_come_from_the_pod_unchanged;
    two_hundred_connections_at_once_are_served;
    an_app_that_reads_late_gets_everything;
}

const BULK: u64 = 64 * 1024 * 1024;

async fn http_requests_are_answered(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["svc/web", ":80"]).await;
    let mut app = forwarding.connect(8080).await;
    let pods = world.pods("web").await;
    let name = String::from_utf8(app.get("/whoami").await).unwrap();
    assert!(
        pods.iter().any(|pod| pod == name.trim()),
        "{name:?} is none of {pods:?}"
    );
    // Again on the same connection.
    assert!(
        String::from_utf8(app.get("/").await)
            .unwrap()
            .contains("<h1>Hello from ")
    );
    assert_eq!(app.get("/bytes/100000").await.len(), 100_000);
    let body = vec![b'x'; 100_000];
    let hash: String = Sha256::digest(&body)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        String::from_utf8(app.post("/hash", &body).await).unwrap(),
        format!("{hash}\n")
    );
}

async fn bytes_flow_both_ways_at_once(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":7"]).await;
    forwarding.connect(7).await.exchange_pattern(BULK / 4).await;
}

async fn a_stream_of_events_arrives(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["svc/web", ":80"]).await;
    let mut events = forwarding.connect(8080).await;
    events.send(b"GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let mut heard = Vec::new();
    while !heard.ends_with(b"data: 1") {
        heard.extend(events.receive(1).await);
    }
    // The last of the ten events follows most of a second later; another connection is not behind it.
    assert_eq!(forwarding.connect(8080).await.get("/bytes/10").await.len(), 10);
    while !heard.ends_with(b"data: 10") {
        heard.extend(events.receive(1).await);
    }
}

async fn bytes_come_back_from_an_echo(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":7"]).await;
    let mut app = forwarding.connect(7).await;
    for length in [1, 2, 1000, 100_000] {
        let text: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
        app.is_echoed(&text).await;
    }
    app.finish().await;
    let (rest, end) = app.rest().await;
    assert!(rest.is_empty() && end.is_ok(), "{end:?}");
}

async fn a_pod_that_speaks_first_is_heard(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":22"]).await;
    let mut app = forwarding.connect(22).await;
    assert_eq!(app.receive(6).await, b"hello\n");
    app.is_echoed(b"good morning").await;
}

async fn sixty_four_mib_come_from_the_pod_unchanged(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":20"]).await;
    let mut app = forwarding.connect(20).await;
    app.send(format!("{BULK}\n").as_bytes()).await;
    app.receive_pattern(BULK).await;
    let (rest, end) = app.rest().await;
    assert!(
        rest.is_empty() && end.is_ok(),
        "{} bytes more, {end:?}",
        rest.len()
    );
}

async fn sixty_four_mib_arrive_in_the_pod_unchanged(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":21"]).await;
    let mut app = forwarding.connect(21).await;
    app.send(format!("{BULK}\n").as_bytes()).await;
    let hash = app.send_pattern(BULK).await;
    assert_eq!(
        String::from_utf8(app.receive(65).await).unwrap(),
        format!("{hash}\n")
    );
}

async fn two_hundred_connections_at_once_are_served(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":7"]).await;
    let mut apps = join_all((0..200).map(|_| forwarding.connect(7))).await;
    for round in 0..2 {
        join_all(apps.iter_mut().enumerate().map(|(index, app)| async move {
            app.is_echoed(format!("round {round}, connection {index}").as_bytes())
                .await;
        }))
        .await;
    }
    let said = forwarding.says(200).await;
    let port = forwarding.address_of(7).await.port();
    let handling = format!("Handling connection for {port}");
    assert!(
        said.iter().filter(|line| **line == handling).count() > 190,
        "{said:?}"
    );
}

async fn an_app_that_reads_late_gets_everything(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":20", ":7"]).await;
    let mut late = forwarding.connect(20).await;
    late.send(b"16777216\n").await;
    // In the meantime others are served, on sessions of their own from the first moment.
    for _ in 0..5 {
        forwarding.connect(7).await.is_echoed(b"in between").await;
    }
    late.receive_pattern(16_777_216).await;
    let (rest, end) = late.rest().await;
    assert!(
        rest.is_empty() && end.is_ok(),
        "{} bytes more, {end:?}",
        rest.len()
    );
}
