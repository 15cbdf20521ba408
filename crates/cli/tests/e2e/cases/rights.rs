//! What a user may do.

use std::sync::Arc;

use podline_minicluster::manifest::Served;

use crate::{
    forwarding::Forwarding,
    harness::cases,
    world::{FORWARDER, LOOKER, NAMER, WATCHER, WEBSOCKET_FORWARDER, World},
};

cases! {
    a_pod_needs_no_right_to_list_pods;
    a_replaced_pod_is_found_with_every_right;
    a_replaced_pod_is_found_without_the_right_to_list;
    a_replaced_pod_is_found_without_the_right_to_watch;
    a_role_without_websockets_is_told_what_they_need;
    a_token_with_kubectls_rights_is_enough;
    kubectls_rights_are_enough;
    the_missing_right_is_named;
    websockets_are_used_where_the_role_has_them;
    what_may_not_be_looked_at_is_named;
}

async fn kubectls_rights_are_enough(world: Arc<World>) {
    for target in [["pod/tools", ":7"], ["svc/echo", ":7"], ["deployment/echo", ":7"]] {
        let forwarding = Forwarding::start(&world, &["--as", FORWARDER, target[0], target[1]]).await;
        forwarding
            .connect(7)
            .await
            .is_echoed(b"with kubectl's rights")
            .await;
    }
}

async fn the_missing_right_is_named(world: Arc<World>) {
    for transport in ["auto", "websocket", "spdy"] {
        let said = Forwarding::run(&world, &["--as", LOOKER, "--transport", transport, "tools", ":7"]).await;
        assert_eq!(said.status.code(), Some(1));
        assert!(said.stderr[0].starts_with("error: "), "{:?}", said.stderr);
        assert!(said.stderr[0].contains("forbidden"), "{:?}", said.stderr);
        assert!(
            said.stderr[1].starts_with("hint: the user needs a role that allows: create"),
            "{:?}",
            said.stderr
        );
        assert!(said.stderr[1].contains("pods/portforward"), "{:?}", said.stderr);
    }
}

async fn what_may_not_be_looked_at_is_named(world: Arc<World>) {
    let said = Forwarding::run(&world, &["--as", LOOKER, "svc/web", ":80"]).await;
    assert_eq!(said.status.code(), Some(1));
    assert!(said.stderr[0].contains("forbidden"), "{:?}", said.stderr);
    assert!(said.stderr[1].contains("get services"), "{:?}", said.stderr);
}

async fn a_token_with_kubectls_rights_is_enough(world: Arc<World>) {
    let kubeconfig = world.kubeconfig_of(FORWARDER);
    for target in ["pod/tools", "svc/echo", "deployment/echo"] {
        let arguments = ["-v=4", "--kubeconfig", &kubeconfig, target, ":7"];
        let forwarding = Forwarding::start(&world, &arguments).await;
        forwarding.connect(7).await.is_echoed(b"with a token").await;
        // The role lacks what a WebSocket needs.
        forwarding
            .warns("SPDY is used, for WebSocket did not work: ")
            .await;
        forwarding.warns("a session is ready, by SPDY").await;
    }
}

async fn websockets_are_used_where_the_role_has_them(world: Arc<World>) {
    let kubeconfig = world.kubeconfig_of(WEBSOCKET_FORWARDER);
    let arguments = ["-v=4", "--kubeconfig", &kubeconfig, "svc/echo", ":7"];
    let forwarding = Forwarding::start(&world, &arguments).await;
    forwarding.connect(7).await.is_echoed(b"over WebSocket").await;
    forwarding.warns("a session is ready, by WebSocket").await;
}

async fn a_role_without_websockets_is_told_what_they_need(world: Arc<World>) {
    let kubeconfig = world.kubeconfig_of(FORWARDER);
    let arguments = [
        "--kubeconfig",
        &kubeconfig,
        "--transport=websocket",
        "tools",
        ":7",
    ];
    let said = Forwarding::run(&world, &arguments).await;
    assert_eq!(said.status.code(), Some(1));
    assert!(said.stderr[0].contains("forbidden"), "{:?}", said.stderr);
    assert!(
        said.stderr[1].contains("create and get pods/portforward"),
        "{:?}",
        said.stderr
    );
}

async fn a_pod_needs_no_right_to_list_pods(world: Arc<World>) {
    let kubeconfig = world.kubeconfig_of(NAMER);
    let forwarding = Forwarding::start(&world, &["--kubeconfig", &kubeconfig, "tools", ":7"]).await;
    forwarding.connect(7).await.is_echoed(b"by its name").await;
}

/// A service and a deployment go on with the successor of a pod, for a user with these rights.
async fn goes_on(world: &World, user: &str, name: &str) {
    world.deploy(name, 1, &[("http", 8080, "web")]).await;
    world.serve(name, &[("http", 80, "http")]).await;
    let kubeconfig = world.kubeconfig_of(user);
    let (service, deployment) = (format!("svc/{name}"), format!("deployment/{name}"));
    for (target, port) in [(&service, ":80"), (&deployment, ":8080")] {
        let forwarding = Forwarding::start(world, &["--kubeconfig", &kubeconfig, target, port]).await;
        let before = forwarding.connect(8080).await.get("/whoami").await;
        let pod = String::from_utf8(before.clone()).unwrap();
        world.delete_pod(pod.trim()).await;
        let after = forwarding.connect(8080).await.get("/whoami").await;
        assert_ne!(after, before, "{target}");
    }
}

async fn a_replaced_pod_is_found_with_every_right(world: Arc<World>) {
    goes_on(&world, WATCHER, "watched").await;
}

async fn a_replaced_pod_is_found_without_the_right_to_watch(world: Arc<World>) {
    goes_on(&world, FORWARDER, "listed").await;
}

async fn a_replaced_pod_is_found_without_the_right_to_list(world: Arc<World>) {
    const PORTS: &[Served<'_>] = &[("echo", 7, "echo")];
    world.run_pod("named", PORTS).await;
    let kubeconfig = world.kubeconfig_of(NAMER);
    let forwarding = Forwarding::start(&world, &["--kubeconfig", &kubeconfig, "pod/named", ":7"]).await;
    forwarding.connect(7).await.is_echoed(b"before").await;
    world.delete_pod("named").await;
    let mut held = forwarding.connect(7).await;
    held.send(b"held").await;
    world.run_pod("named", PORTS).await;
    assert_eq!(held.receive(4).await, b"held");
}
