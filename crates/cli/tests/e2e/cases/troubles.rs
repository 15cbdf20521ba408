//! What a forward outlives.

use std::{io, sync::Arc};

use podline_minicluster::manifest::Served;
use tokio::net::TcpStream;

use crate::{forwarding::Forwarding, harness::cases, world::World};

cases! {
    a_connection_waits_for_a_pod_no_longer_than_it_may;
    a_deployment_goes_on_with_the_successor_of_its_pod;
    a_deployment_that_is_scaled_to_zero_and_back_is_waited_for;
    a_forward_outlives_the_api_server [Control] alone;
    a_forward_outlives_the_kubelet [Control] alone;
    a_pod_is_replaced_by_the_next_of_its_name;
    a_pod_that_is_gone_is_told_with_what_would_outlive_it;
    a_service_goes_on_after_its_pod_was_deleted;
    the_loss_of_the_pod_ends_it_if_that_is_wanted;
}

const ECHO: &[Served<'_>] = &[("echo", 7, "echo")];
const WEB: &[Served<'_>] = &[("http", 8080, "web")];

async fn who(forwarding: &Forwarding) -> String {
    let name = forwarding.connect(8080).await.get("/whoami").await;
    String::from_utf8(name).unwrap().trim().to_owned()
}

async fn a_service_goes_on_after_its_pod_was_deleted(world: Arc<World>) {
    world.deploy("served", 2, WEB).await;
    world.serve("served", &[("http", 80, "http")]).await;
    let forwarding = Forwarding::start(&world, &["svc/served", ":80"]).await;
    let before = who(&forwarding).await;
    world.delete_pod(&before).await;
    assert_ne!(who(&forwarding).await, before);
}

async fn a_deployment_goes_on_with_the_successor_of_its_pod(world: Arc<World>) {
    world.deploy("replaced", 1, WEB).await;
    let forwarding = Forwarding::start(&world, &["deployment/replaced", ":8080"]).await;
    for _ in 0..2 {
        let before = who(&forwarding).await;
        world.delete_pod(&before).await;
        let after = who(&forwarding).await;
        assert_ne!(after, before);
        assert!(world.pods("replaced").await.contains(&after));
        let note = forwarding.warns(&format!("go to pod {after}")).await;
        assert_eq!(
            note,
            format!("note: deployment/replaced: connections go to pod {after} now")
        );
    }
}

async fn a_pod_is_replaced_by_the_next_of_its_name(world: Arc<World>) {
    world.run_pod("solo", ECHO).await;
    let forwarding = Forwarding::start(&world, &["pod/solo", ":7"]).await;
    forwarding.connect(7).await.is_echoed(b"the first").await;
    world.delete_pod("solo").await;
    let mut held = forwarding.connect(7).await;
    held.send(b"the second").await;
    forwarding.warns("waiting for a pod").await;
    world.run_pod("solo", ECHO).await;
    assert_eq!(held.receive(10).await, b"the second");
}

async fn a_deployment_that_is_scaled_to_zero_and_back_is_waited_for(world: Arc<World>) {
    world.deploy("scaled", 1, ECHO).await;
    let forwarding = Forwarding::start(&world, &["deploy/scaled", ":7"]).await;
    forwarding.connect(7).await.is_echoed(b"before").await;
    world.scale("scaled", 0).await;
    let mut held = forwarding.connect(7).await;
    held.send(b"between").await;
    forwarding.warns("waiting for a pod").await;
    world.scale("scaled", 1).await;
    assert_eq!(held.receive(7).await, b"between");
    forwarding.connect(7).await.is_echoed(b"after").await;
}

async fn a_connection_waits_for_a_pod_no_longer_than_it_may(world: Arc<World>) {
    world.deploy("leaving", 1, ECHO).await;
    let forwarding = Forwarding::start(&world, &["--hold=2s", "deploy/leaving", ":7"]).await;
    forwarding.connect(7).await.is_echoed(b"before").await;
    world.scale("leaving", 0).await;
    let mut held = forwarding.connect(7).await;
    held.send(b"is there anybody?").await;
    held.is_reset().await;
    forwarding.warns("was reset: no pod to connect to for 2 s").await;
    // It is the connection that has ended, not the forward.
    world.scale("leaving", 1).await;
    forwarding.warns("connections go to pod").await;
    forwarding.connect(7).await.is_echoed(b"after").await;
}

async fn the_loss_of_the_pod_ends_it_if_that_is_wanted(world: Arc<World>) {
    world.run_pod("lost", ECHO).await;
    let forwarding = Forwarding::start(&world, &["--exit-on-loss", "pod/lost", ":7"]).await;
    forwarding.connect(7).await.is_echoed(b"before").await;
    let address = forwarding.address_of(7).await;
    world.delete_pod("lost").await;
    // The loss is noticed by the next connection, if it was not noticed before.
    let last = TcpStream::connect(address).await;
    let said = forwarding.end().await;
    drop(last);
    assert_eq!(said.status.code(), Some(1), "{:?}", said.stderr);
    assert!(
        said.stderr
            .iter()
            .any(|line| line.starts_with("error: pod/lost: lost connection to pod")),
        "{:?}",
        said.stderr
    );
}

async fn a_forward_outlives_the_api_server(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["-v=4", "--hold=90s", "pod/tools", ":7", ":19"]).await;
    forwarding.logs("a session is ready", 6).await;
    forwarding.connect(7).await.is_echoed(b"before").await;
    let mut download = forwarding.connect(19).await;
    download.receive_pattern(100_000).await;
    let (end, ()) = tokio::join!(download.drain(), world.stop_api_server());
    forwarding.loses_all_sessions().await;
    let mut held = forwarding.connect(7).await;
    held.send(b"between").await;
    world.start_api_server().await;
    assert_eq!(
        end.expect_err("an endless download was cut").kind(),
        io::ErrorKind::ConnectionReset
    );
    assert_eq!(held.receive(7).await, b"between");
    forwarding.connect(7).await.is_echoed(b"after").await;
}

async fn a_forward_outlives_the_kubelet(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["pod/tools", ":7"]).await;
    let mut open = forwarding.connect(7).await;
    open.is_echoed(b"before").await;
    world.restart_kubelet().await;
    open.is_reset().await;
    forwarding.connect(7).await.is_echoed(b"after").await;
}

async fn a_pod_that_is_gone_is_told_with_what_would_outlive_it(world: Arc<World>) {
    world.deploy("owned", 1, ECHO).await;
    let pod = world.pods("owned").await.remove(0);
    let forwarding = Forwarding::start(&world, &[&pod, ":7"]).await;
    forwarding.connect(7).await.is_echoed(b"before").await;
    world.delete_pod(&pod).await;
    // A connection may be what finds out.
    let held = forwarding.connect(7).await;
    forwarding
        .warns(&format!("warning: pod/{pod}: pod {pod} is gone"))
        .await;
    forwarding.warns("hint: forward to ").await;
    drop(held);
}
