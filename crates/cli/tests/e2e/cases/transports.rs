//! Both ways into a pod.

use std::sync::Arc;

use crate::{forwarding::Forwarding, harness::cases, world::World};

cases! {
    bytes_flow_over_spdy;
    bytes_flow_over_websocket;
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
    forwarding.warns("transport=Websocket").await;
}

async fn bytes_flow_over_spdy(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["-v=4", "--transport=spdy", "tools", ":7", ":20"]).await;
    both_ways(&forwarding).await;
    forwarding.warns("transport=Spdy").await;
}

async fn kubectls_variable_turns_websockets_off(world: Arc<World>) {
    let variables = [("KUBECTL_PORT_FORWARD_WEBSOCKETS", "False")];
    let forwarding = Forwarding::start_with(&world, &["-v=4", "tools", ":7", ":20"], &variables).await;
    both_ways(&forwarding).await;
    forwarding.warns("transport=Spdy").await;
}

async fn the_server_can_be_named_by_flags(world: Arc<World>) {
    // What a flag says counts more than what the kubeconfig says.
    let said = Forwarding::run(&world, &["--server=http://127.0.0.1:1", "tools", ":7"]).await;
    assert_eq!(said.status.code(), Some(1));
    assert!(said.stderr[0].contains("127.0.0.1:1"), "{:?}", said.stderr);
}
