//! What a forward outlives.

use std::sync::Arc;

use crate::{forwarding::Forwarding, harness::cases, world::World};

cases! {
    a_forward_outlives_the_api_server [Control] alone;
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
