//! What a forward makes of an API server in trouble, and of credentials that are no longer good.

use std::sync::Arc;

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
    credentials_that_a_plugin_gives_are_renewed_before_their_end_and_idle_sessions_with_them [Faults, LoopbackNet];
    credentials_that_expired_are_renewed_by_their_file [Faults];
    sessions_that_the_server_expires_are_replaced [Faults];
    upgrades_that_are_refused_for_a_while_are_tried_again [Faults];
}

/// While the API server is in trouble old connections go on and new ones are served at last, though there is no session left.
async fn is_waited_for(fault: ApiFault) {
    let world = World::own().await;
    let forwarding = Forwarding::start(&world, &["-v=4", "--hold=90s", "svc/echo", ":7"]).await;
    forwarding.logs("a session is ready", 6).await;
    let mut old = forwarding.connect(7).await;
    old.is_echoed(b"before").await;
    world.faults().set(|faults| faults.api = fault);
    old.is_echoed(b"in the meantime").await;
    world.faults().cut_sessions();
    old.is_reset().await;
    forwarding.loses_all_sessions().await;
    let mut held = forwarding.connect(7).await;
    held.send(b"held").await;
    // It is tried in vain at least once.
    forwarding.logs("a session could not be made", 1).await;
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
        let forwarding = Forwarding::start(&world, &["-v=4", "--hold=90s", "svc/echo", ":7"]).await;
        forwarding.logs("a session is ready", 6).await;
        forwarding.connect(7).await.is_echoed(b"before").await;
        world
            .faults()
            .set(|faults| faults.upgrade = UpgradeFault::Answer(status));
        world.faults().cut_sessions();
        forwarding.loses_all_sessions().await;
        let mut held = forwarding.connect(7).await;
        held.send(b"held").await;
        forwarding.logs("a session could not be made", 2).await;
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
    let forwarding = Forwarding::start(&world, &["-v=4", "--hold=90s", "svc/echo", ":7"]).await;
    forwarding.logs("a session is ready", 6).await;
    forwarding.connect(7).await.is_echoed(b"before").await;
    world.stop_api_server().await;
    forwarding.loses_all_sessions().await;
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

async fn credentials_that_a_plugin_gives_are_renewed_before_their_end_and_idle_sessions_with_them(
    _: Arc<World>,
) {
    let world = World::own().await;
    let user = User::Other("podline-e2e-forwarder".to_owned());
    let minicluster = world.minicluster();
    let token = || minicluster.token(user.clone()).unwrap();
    let path = |name: &str| world.folder().join(name).to_str().unwrap().to_owned();
    // A program that notes each run of it and grants what the test says, for so many seconds.
    let grant =
        |token: &str, seconds: u32| std::fs::write(path("grant"), format!("{token} {seconds}")).unwrap();
    let script = format!(
        "#!/bin/sh\necho run >> '{runs}'\nread token seconds < '{grant}'\n\
         end=$(date -u -d \"$seconds seconds\" +%Y-%m-%dT%H:%M:%SZ)\n\
         printf '{{\"apiVersion\": \"client.authentication.k8s.io/v1\", \"kind\": \"ExecCredential\", \
         \"status\": {{\"token\": \"%s\", \"expirationTimestamp\": \"%s\"}}}}' \"$token\" \"$end\"\n",
        runs = path("runs"),
        grant = path("grant"),
    );
    std::fs::write(path("plugin"), script).unwrap();
    let inline = token();
    let exec = serde_json::json!({
        "apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": [path("plugin")],
        "interactiveMode": "Never",
    });
    let content = minicluster
        .kubeconfig_with(user.clone(), Credential::Token)
        .unwrap()
        .replace(&format!("token: \"{inline}\""), &format!("exec: {exec}"));
    assert!(content.contains("exec: "), "{content}");
    std::fs::write(path("by-plugin"), content).unwrap();

    // Credentials are renewed half a minute before their end.
    grant(&token(), 45);
    let kubeconfig = path("by-plugin");
    let arguments = ["-v=4", "--kubeconfig", &kubeconfig, "svc/echo", ":7"];
    let forwarding = Forwarding::start(&world, &arguments).await;
    let mut old = forwarding.connect(7).await;
    old.is_echoed(b"before").await;
    forwarding.logs("a session is ready", 6).await;
    minicluster.revoke(&user);
    grant(&token(), 3600);
    // What was idle is made anew by itself.
    forwarding.logs("a session is ready", 12).await;
    let runs = std::fs::read_to_string(path("runs")).unwrap();
    assert!(runs.lines().count() >= 2, "once at the start, and again");
    old.is_echoed(b"what is open stays open").await;
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
