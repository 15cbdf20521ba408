//! Both ways into a pod.

use std::sync::Arc;

use podline_minicluster::node::{UpgradeFault, runtime::Flavor};

use crate::{forwarding::Forwarding, harness::cases, world::World};

cases! {
    a_cluster_without_websockets_is_reached_by_spdy [Faults];
    a_containerd_that_jams_on_early_data_is_served [Faults];
    a_gateway_that_speaks_strict_spdy_is_served [Faults];
    a_new_containerd_is_served [Faults];
    a_request_that_is_never_answered_is_given_up [Faults];
    a_server_that_wants_no_port_forwards_is_told [Faults];
    an_old_containerd_is_served [Faults];
    bytes_flow_over_spdy;
    bytes_flow_over_websocket;
    crio_is_served [Faults];
    kubectls_variable_turns_websockets_off;
    the_server_can_be_named_by_flags;
}

async fn both_ways(forwarding: &Forwarding) {
    forwarding.connect(7).await.is_echoed(b"over any transport").await;
    let mut source = forwarding.connect(20).await;
    source.send(b"1000000\n").await;
    source.receive_pattern(1_000_000).await;
}

async fn bytes_flow_over_websocket(world: Arc<World>) {
    let forwarding =
        Forwarding::start(&world, &["-v=4", "--transport=websocket", "tools", ":7", ":20"]).await;
    both_ways(&forwarding).await;
    forwarding.warns("a session is ready, by WebSocket").await;
}

async fn bytes_flow_over_spdy(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["-v=4", "--transport=spdy", "tools", ":7", ":20"]).await;
    both_ways(&forwarding).await;
    forwarding.warns("a session is ready, by SPDY").await;
}

async fn kubectls_variable_turns_websockets_off(world: Arc<World>) {
    let variables = [("KUBECTL_PORT_FORWARD_WEBSOCKETS", "False")];
    let forwarding = Forwarding::start_with(&world, &["-v=4", "tools", ":7", ":20"], &variables).await;
    both_ways(&forwarding).await;
    forwarding.warns("a session is ready, by SPDY").await;
}

async fn the_server_can_be_named_by_flags(world: Arc<World>) {
    // What a flag says counts more than what the kubeconfig says.
    let said = Forwarding::run(&world, &["--server=http://127.0.0.1:1", "tools", ":7"]).await;
    assert_eq!(said.status.code(), Some(1));
    assert!(said.stderr[0].contains("127.0.0.1:1"), "{:?}", said.stderr);
}

async fn a_cluster_without_websockets_is_reached_by_spdy(_: Arc<World>) {
    let world = World::own().await;
    world.faults().set(|faults| faults.websocket_tunnel = false);
    let forwarding = Forwarding::start(&world, &["-v=4", "tools", ":7", ":20"]).await;
    both_ways(&forwarding).await;
    forwarding
        .warns("SPDY is used, for WebSocket did not work: ")
        .await;
    let said = Forwarding::run(&world, &["--transport=websocket", "tools", ":7"]).await;
    assert_eq!(said.status.code(), Some(1));
    assert!(said.stderr[0].contains("400"), "{:?}", said.stderr);
    assert!(said.stderr[1].contains("--transport spdy"), "{:?}", said.stderr);
}

async fn a_request_that_is_never_answered_is_given_up(_: Arc<World>) {
    let world = World::own().await;
    world.faults().set(|faults| faults.upgrade = UpgradeFault::Hang);
    let said = Forwarding::run(&world, &["--transport=websocket", "tools", ":7"]).await;
    assert_eq!(said.status.code(), Some(1));
    assert!(said.stderr[0].contains("took too long"), "{:?}", said.stderr);
}

async fn a_server_that_wants_no_port_forwards_is_told(_: Arc<World>) {
    let world = World::own().await;
    world
        .faults()
        .set(|faults| faults.upgrade = UpgradeFault::Answer(http::StatusCode::SERVICE_UNAVAILABLE));
    let said = Forwarding::run(&world, &["tools", ":7"]).await;
    assert_eq!(said.status.code(), Some(1));
    assert!(said.stderr[0].contains("503"), "{:?}", said.stderr);
    assert!(said.stderr[1].contains("busy"), "{:?}", said.stderr);
}

async fn an_old_containerd_is_served(_: Arc<World>) {
    is_served(Flavor::Containerd17).await;
}

async fn a_containerd_that_jams_on_early_data_is_served(_: Arc<World>) {
    is_served(Flavor::Containerd20).await;
}

async fn a_new_containerd_is_served(_: Arc<World>) {
    is_served(Flavor::Containerd21).await;
}

async fn crio_is_served(_: Arc<World>) {
    is_served(Flavor::CriO).await;
}

async fn a_gateway_that_speaks_strict_spdy_is_served(_: Arc<World>) {
    is_served(Flavor::Strict).await;
}

async fn is_served(runtime: Flavor) {
    let world = World::own().await;
    world.faults().set(|faults| faults.flavor = runtime);
    for transport in ["--transport=websocket", "--transport=spdy"] {
        let arguments = [transport, "tools", ":7", ":20", ":24", ":83"];
        let forwarding = Forwarding::start(&world, &arguments).await;
        both_ways(&forwarding).await;
        let mut neighbour = forwarding.connect(7).await;
        for _ in 0..10 {
            forwarding.is_reset(83).await;
        }
        let (bytes, end) = forwarding.connect(24).await.rest().await;
        assert_eq!(bytes, b"partial", "{transport}");
        assert!(end.is_err(), "{transport}");
        neighbour.is_echoed(b"undisturbed").await;
        both_ways(&forwarding).await;
    }
}
