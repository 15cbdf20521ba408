//! What a forward outlives.

use std::sync::Arc;

use tokio::net::TcpStream;

use crate::{forwarding::Forwarding, harness::cases, world::World};

cases! {
    a_forward_outlives_the_api_server [Control] alone;
    a_lost_pod_ends_the_forward_that_shall_end_with_it alone;
    a_pod_that_is_gone_is_told_with_what_would_outlive_it alone;
    a_service_goes_on_after_its_pod_was_deleted alone;
}

async fn a_service_goes_on_after_its_pod_was_deleted(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["svc/web", ":80"]).await;
    let before = String::from_utf8(forwarding.connect(8080).await.get("/whoami").await).unwrap();
    world.delete_pod(before.trim()).await;
    let after = String::from_utf8(forwarding.connect(8080).await.get("/whoami").await).unwrap();
    assert_ne!(before, after);
}

async fn a_forward_outlives_the_api_server(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":7"]).await;
    forwarding.connect(7).await.is_echoed(b"before").await;
    world.restart_api_server().await;
    forwarding.connect(7).await.is_echoed(b"after").await;
}

async fn a_lost_pod_ends_the_forward_that_shall_end_with_it(world: Arc<World>) {
    let pod = world.pods("web").await.remove(0);
    let forwarding = Forwarding::start(&world, &["--exit-on-loss", &pod, ":8080"]).await;
    forwarding.connect(8080).await.get("/").await;
    world.delete_pod(&pod).await;
    // A connection finds it out, if it is not known by then.
    let _app = TcpStream::connect(forwarding.address_of(8080).await).await;
    let said = forwarding.end().await;
    assert_eq!(said.status.code(), Some(1), "{:?}", said.stderr);
    let error = said
        .stderr
        .iter()
        .find(|line| line.starts_with("error: "))
        .unwrap();
    assert!(
        error.starts_with(&format!("error: pod/{pod}: lost connection to pod")),
        "{error}"
    );
}

async fn a_pod_that_is_gone_is_told_with_what_would_outlive_it(world: Arc<World>) {
    let pod = world.pods("web").await.remove(0);
    let forwarding = Forwarding::start(&world, &[&pod, ":8080"]).await;
    forwarding.connect(8080).await.get("/").await;
    world.delete_pod(&pod).await;
    let _app = forwarding.connect(8080).await;
    forwarding
        .warns(&format!(
            "warning: pod/{pod}: new connections wait, for pod {pod} is lost"
        ))
        .await;
    forwarding.warns("hint: forward to ").await;
}
