//! The HTTP log.

use std::sync::Arc;

use crate::{forwarding::Forwarding, harness::cases, world::World};

cases! {
    a_request_that_is_not_over_is_shown_at_the_end [Signals];
    http_requests_are_shown_without_secrets;
    other_connections_are_shown_as_what_they_speak;
    values_of_queries_are_shown_where_asked_for;
}

async fn http_requests_are_shown_without_secrets(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["--http", "pod/tools", ":8080"]).await;
    let mut app = forwarding.connect(8080).await;
    let name = app.get("/whoami?token=s3cret").await;
    app.post("/hash", b"0123456789").await;
    let get = columns(&forwarding.warns(" GET ").await);
    let post = columns(&forwarding.warns(" POST ").await);
    let size = name.len().to_string();
    assert_eq!(get[2..4], ["GET", "200"]);
    assert_eq!(get[8..], ["0", "B", &size, "B", "/whoami?token=…"]);
    assert_eq!(post[1..4], [&get[1], "POST", "200"]);
    assert_eq!(post[8..], ["10", "B", "65", "B", "/hash"]);
    let said = stop(forwarding).await;
    assert!(!said.contains("s3cret"), "{said}");
}

async fn values_of_queries_are_shown_where_asked_for(world: Arc<World>) {
    let arguments = ["--http", "--http-show-query", "pod/tools", ":8080"];
    let forwarding = Forwarding::start(&world, &arguments).await;
    forwarding.connect(8080).await.get("/whoami?a=b&c").await;
    let get = columns(&forwarding.warns(" GET ").await);
    assert_eq!(get.last().unwrap(), "/whoami?a=b&c");
}

async fn other_connections_are_shown_as_what_they_speak(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["--http", "pod/tools", ":7"]).await;
    let hello = b"*1\r\n$4\r\nPING\r\n";
    let mut app = forwarding.connect(7).await;
    app.is_echoed(hello).await;
    assert_eq!(columns(&forwarding.warns("Redis").await).len(), 3);
    let mut app = forwarding.connect(7).await;
    app.is_echoed(b"\x1b]0;title\x07 whatever").await;
    assert_eq!(columns(&forwarding.warns(" bytes").await).len(), 3);
}

async fn a_request_that_is_not_over_is_shown_at_the_end(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["--http", "pod/tools", ":8080"]).await;
    let mut app = forwarding.connect(8080).await;
    app.send(b"GET /bytes/1000000000 HTTP/1.1\r\nHost: web\r\n\r\n")
        .await;
    app.receive(1).await;
    forwarding.signal("INT").await;
    let said = forwarding.end().await;
    let line = said.stderr.iter().find(|line| line.contains(" GET "));
    let line = line.unwrap_or_else(|| panic!("{:?}", said.stderr));
    assert!(
        line.ends_with("/bytes/1000000000  (the connection was reset)"),
        "{line}"
    );
}

/// A line of the log, by its words.
fn columns(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// Ends it, and gives all that it said on standard error.
async fn stop(forwarding: Forwarding) -> String {
    forwarding.signal("KILL").await;
    forwarding.end().await.stderr.join("\n")
}
