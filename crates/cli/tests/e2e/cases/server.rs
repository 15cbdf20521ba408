//! What a forward makes of an API server in trouble, and of credentials that are no longer good.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use podline_minicluster::{
    Credential, User,
    node::{ApiFault, UpgradeFault},
};

use crate::{forwarding::Forwarding, harness::cases, world::World};

cases! {
    a_cluster_that_moved_is_found_by_its_kubeconfig [Faults];
    a_held_connection_is_served_once_the_api_server_is_back [Control] alone;
    a_server_that_answers_429_is_waited_for [Faults];
    a_server_that_answers_500_is_waited_for [Faults];
    a_server_that_answers_503_is_waited_for [Faults];
    a_server_that_never_answers_is_waited_for [Faults];
    credentials_that_expired_are_renewed_by_their_file [Faults];
    sessions_that_the_server_expires_are_replaced [Faults];
    upgrades_that_are_refused_for_a_while_are_tried_again [Faults];
}

/// While the API server is in trouble old connections go on and new ones are served at last, though there is no session left.
async fn is_waited_for(fault: ApiFault) {
    let world = World::own().await;
    let forwarding = Forwarding::start(&world, &["svc/echo", ":7"]).await;
    let mut old = forwarding.connect(7).await;
    old.is_echoed(b"before").await;
    world.faults().set(|faults| faults.api = fault);
    old.is_echoed(b"in the meantime").await;
    world.faults().cut_sessions();
    old.is_reset().await;
    let mut held = forwarding.connect(7).await;
    held.send(b"held").await;
    // Longer than the first few tries.
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.faults().set(|faults| faults.api = ApiFault::None);
    assert_eq!(held.receive(4).await, b"held");
    forwarding.connect(7).await.is_echoed(b"after").await;
}

async fn a_server_that_answers_429_is_waited_for(_: Arc<World>) {
    is_waited_for(ApiFault::Answer(StatusCode::TOO_MANY_REQUESTS)).await;
}

async fn a_server_that_answers_500_is_waited_for(_: Arc<World>) {
    is_waited_for(ApiFault::Answer(StatusCode::INTERNAL_SERVER_ERROR)).await;
}

async fn a_server_that_answers_503_is_waited_for(_: Arc<World>) {
    is_waited_for(ApiFault::Answer(StatusCode::SERVICE_UNAVAILABLE)).await;
}

async fn a_server_that_never_answers_is_waited_for(_: Arc<World>) {
    is_waited_for(ApiFault::Hang).await;
}

async fn upgrades_that_are_refused_for_a_while_are_tried_again(_: Arc<World>) {
    for status in [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::SERVICE_UNAVAILABLE,
    ] {
        let world = World::own().await;
        let forwarding = Forwarding::start(&world, &["svc/echo", ":7"]).await;
        forwarding.connect(7).await.is_echoed(b"before").await;
        world
            .faults()
            .set(|faults| faults.upgrade = UpgradeFault::Answer(status));
        world.faults().cut_sessions();
        let mut held = forwarding.connect(7).await;
        held.send(b"held").await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        world.faults().set(|faults| faults.upgrade = UpgradeFault::None);
        assert_eq!(held.receive(4).await, b"held", "{status}");
    }
}

async fn sessions_that_the_server_expires_are_replaced(_: Arc<World>) {
    let world = World::own().await;
    let forwarding = Forwarding::start(&world, &["-v=4", "svc/echo", ":7"]).await;
    forwarding.logs("a session is ready", 6).await;
    world.faults().expire_sessions();
    for _ in 0..10 {
        forwarding.connect(7).await.is_echoed(b"after").await;
    }
}

async fn a_held_connection_is_served_once_the_api_server_is_back(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["--hold=90s", "svc/echo", ":7"]).await;
    forwarding.connect(7).await.is_echoed(b"before").await;
    world.stop_api_server().await;
    let mut held = Vec::new();
    for _ in 0..10 {
        let mut app = forwarding.connect(7).await;
        app.send(b"held").await;
        held.push(app);
    }
    world.start_api_server().await;
    for app in &mut held {
        assert_eq!(app.receive(4).await, b"held");
    }
}

async fn credentials_that_expired_are_renewed_by_their_file(_: Arc<World>) {
    let world = World::own().await;
    let user = User::Other("podline-e2e-forwarder".to_owned());
    let token = world.folder().join("token");
    let kubeconfig = world.folder().join("by-token-file");
    let minicluster = world.minicluster();
    let inline = minicluster.token(user.clone()).unwrap();
    std::fs::write(&token, &inline).unwrap();
    let content = minicluster
        .kubeconfig_with(user.clone(), Credential::Token)
        .unwrap()
        .replace(
            &format!("token: \"{inline}\""),
            &format!("tokenFile: {}", serde_json::Value::from(token.to_str().unwrap())),
        );
    assert!(content.contains("tokenFile: "), "{content}");
    std::fs::write(&kubeconfig, content).unwrap();
    let arguments = ["--kubeconfig", kubeconfig.to_str().unwrap(), "svc/echo", ":7"];
    let forwarding = Forwarding::start(&world, &arguments).await;
    let mut old = forwarding.connect(7).await;
    old.is_echoed(b"before").await;

    minicluster.revoke(&user);
    let renewed = minicluster.token(user).unwrap();
    assert_ne!(renewed, inline);
    std::fs::write(&token, renewed).unwrap();
    // What is open stays open.
    old.is_echoed(b"after the old token's end").await;
    world.faults().cut_sessions();
    old.is_reset().await;
    forwarding.connect(7).await.is_echoed(b"with the new token").await;
}

async fn a_cluster_that_moved_is_found_by_its_kubeconfig(_: Arc<World>) {
    let world = World::own().await;
    let user = User::Other("podline-e2e-forwarder".to_owned());
    let kubeconfig = world.folder().join("moving");
    let minicluster = world.minicluster();
    std::fs::write(&kubeconfig, minicluster.kubeconfig(user.clone())).unwrap();
    let arguments = [
        "--hold=60s",
        "--kubeconfig",
        kubeconfig.to_str().unwrap(),
        "svc/echo",
        ":7",
    ];
    let forwarding = Forwarding::start(&world, &arguments).await;
    forwarding.connect(7).await.is_echoed(b"before").await;
    // Another address and another authority: what `kind delete cluster; kind create cluster` and a login again come to.
    minicluster.move_api_server().await.unwrap();
    let mut held = forwarding.connect(7).await;
    held.send(b"held").await;
    std::fs::write(&kubeconfig, minicluster.kubeconfig(user)).unwrap();
    assert_eq!(held.receive(4).await, b"held");
    forwarding.connect(7).await.is_echoed(b"after").await;
}
