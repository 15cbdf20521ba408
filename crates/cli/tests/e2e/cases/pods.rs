//! What a forward makes of what becomes of pods.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use podline_minicluster::manifest::Served;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{forwarding::Forwarding, harness::cases, world::World};

cases! {
    a_container_that_restarts_is_served_again;
    a_crashed_process_resets_its_connections;
    a_deleted_pod_resets_its_connections;
    a_pod_that_is_made_unready_gets_no_new_connection;
    a_process_that_ended_well_ends_its_connections_in_order;
    an_evicted_pod_is_replaced;
    replacing_all_pods_fails_no_more_than_what_is_in_flight;
}

const PORTS: &[Served<'_>] = &[
    ("http", 8080, "web"),
    ("echo", 7, "echo"),
    ("generator", 19, "generator"),
    ("exit", 30, "exit"),
];

async fn who(forwarding: &Forwarding) -> String {
    let name = forwarding.connect(8080).await.get("/whoami").await;
    String::from_utf8(name).unwrap().trim().to_owned()
}

async fn a_deleted_pod_resets_its_connections(world: Arc<World>) {
    world.run_pod("deleted", PORTS).await;
    let forwarding = Forwarding::start(&world, &["pod/deleted", ":19"]).await;
    let mut download = forwarding.connect(19).await;
    download.receive_pattern(100_000).await;
    let (end, ()) = tokio::join!(download.drain(), world.delete_pod("deleted"));
    assert_eq!(
        end.expect_err("an endless download was cut").kind(),
        io::ErrorKind::ConnectionReset
    );
    // Once for all connections, and not for each.
    forwarding
        .warns("pod deleted is gone; 1 connection was reset")
        .await;
    assert!(!forwarding.has_warned("to local port"));
}

async fn a_crashed_process_resets_its_connections(world: Arc<World>) {
    world.run_pod("crashed", PORTS).await;
    let forwarding = Forwarding::start(&world, &["pod/crashed", ":19"]).await;
    let mut download = forwarding.connect(19).await;
    download.receive_pattern(100_000).await;
    let (end, ()) = tokio::join!(download.drain(), world.crash("crashed", 137));
    assert_eq!(
        end.expect_err("an endless download was cut").kind(),
        io::ErrorKind::ConnectionReset
    );
    forwarding
        .warns("was ended by signal 9; 1 connection was reset")
        .await;
    assert!(!forwarding.has_warned("to local port"));
}

async fn a_process_that_ended_well_ends_its_connections_in_order(world: Arc<World>) {
    world.run_pod("finished", PORTS).await;
    let forwarding = Forwarding::start(&world, &["pod/finished", ":7"]).await;
    let mut app = forwarding.connect(7).await;
    app.is_echoed(b"before").await;
    let (end, ()) = tokio::join!(app.drain(), world.crash("finished", 0));
    end.expect("a process that ends with status 0 ends its connections in order");
}

async fn a_container_that_restarts_is_served_again(world: Arc<World>) {
    world.run_pod("restarted", PORTS).await;
    let forwarding = Forwarding::start(&world, &["pod/restarted", ":7"]).await;
    forwarding.connect(7).await.is_echoed(b"before").await;
    world.crash("restarted", 1).await;
    forwarding.connect(7).await.is_echoed(b"after").await;
}

async fn an_evicted_pod_is_replaced(world: Arc<World>) {
    world.deploy("evicted", 1, PORTS).await;
    let forwarding = Forwarding::start(&world, &["deployment/evicted", ":8080"]).await;
    let before = who(&forwarding).await;
    world.evict(&before).await;
    assert_ne!(who(&forwarding).await, before);
}

async fn a_pod_that_is_made_unready_gets_no_new_connection(world: Arc<World>) {
    world.deploy_with_gate("unready", 2, PORTS).await;
    world.serve("unready", &[("http", 80, "http")]).await;
    let forwarding = Forwarding::start(&world, &["--balance=first", "svc/unready", ":80"]).await;
    let before = who(&forwarding).await;
    world.set_ready(&before, false).await;
    // It is noticed soon, and then for good.
    while who(&forwarding).await == before {}
    for _ in 0..4 {
        assert_ne!(who(&forwarding).await, before);
    }
}

/// Requests of one client after another over new connections, until told to stop.
struct Client {
    served: AtomicUsize,
    failed: AtomicUsize,
    stop: AtomicBool,
}

impl Client {
    async fn run(&self, address: std::net::SocketAddr) {
        while !self.stop.load(Ordering::Relaxed) {
            let counter = match request(address).await {
                Ok(()) => &self.served,
                Err(_) => &self.failed,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn request(address: std::net::SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(b"GET /bytes/1000 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let body = answer.windows(4).position(|window| window == b"\r\n\r\n");
    match body {
        Some(head) if answer.len() - head - 4 == 1000 => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

async fn replacing_all_pods_fails_no_more_than_what_is_in_flight(world: Arc<World>) {
    world.deploy("rolled", 2, PORTS).await;
    world.serve("rolled", &[("http", 80, "http")]).await;
    let forwarding = Forwarding::start(&world, &["svc/rolled", ":80"]).await;
    let address = forwarding.address_of(8080).await;
    let client = Client {
        served: AtomicUsize::new(0),
        failed: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
    };
    let change = async {
        world.roll_out("rolled").await;
        // Some more, to see that all is well with the new ones.
        let served = client.served.load(Ordering::Relaxed);
        while client.served.load(Ordering::Relaxed) < served + 20 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        client.stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(client.run(address), client.run(address), change);
    // Each of the two clients has one request in flight on each of the two pods that are killed, at most.
    let (served, failed) = (client.served.into_inner(), client.failed.into_inner());
    assert!(failed <= 4 && served > 20, "{served} served, {failed} failed");
}
