//! Where a forward listens.

use std::{collections::VecDeque, net::TcpListener, sync::Arc};

use tokio::process::Command;

use crate::{
    forwarding::{Forwarding, clean, podline},
    harness::cases,
    world::World,
};

cases! {
    a_free_port_is_the_same_for_both_families;
    a_port_that_is_taken_is_an_error_that_names_its_holder;
    one_family_of_localhost_is_enough_and_the_other_is_warned_about;
    the_other_family_can_be_named;
    the_port_is_the_remote_ones_if_only_that_is_named;
    only_the_named_addresses_are_listened_on [LoopbackNet];
    running_out_of_files_delays_connections_and_loses_none [Signals];
}

async fn a_free_port_is_the_same_for_both_families(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":7", "0:22"]).await;
    let lines = forwarding.says(4).await;
    let port = forwarding.address_of(7).await.port();
    let other = forwarding.address_of(22).await.port();
    assert_eq!(
        lines,
        [
            format!("Forwarding from 127.0.0.1:{port} -> 7"),
            format!("Forwarding from [::1]:{port} -> 7"),
            format!("Forwarding from 127.0.0.1:{other} -> 22"),
            format!("Forwarding from [::1]:{other} -> 22"),
        ]
    );
    assert_ne!(port, other);
}

async fn only_the_named_addresses_are_listened_on(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["--address", "127.0.0.2,127.0.0.3", "tools", ":7"]).await;
    let lines = forwarding.says(2).await;
    let port = forwarding.address_of(7).await.port();
    assert_eq!(
        lines,
        [
            format!("Forwarding from 127.0.0.2:{port} -> 7"),
            format!("Forwarding from 127.0.0.3:{port} -> 7")
        ]
    );
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    forwarding.connect(7).await.is_echoed(b"hello").await;
}

async fn the_port_is_the_remote_ones_if_only_that_is_named(world: Arc<World>) {
    // Of a service, its own port; 127.0.0.7 keeps out of the way of others.
    let address = if cfg!(target_os = "linux") {
        "127.0.0.7"
    } else {
        "127.0.0.1"
    };
    let forwarding = Forwarding::start(&world, &["--address", address, "svc/unnamed", "8081"]).await;
    assert_eq!(
        forwarding.says(1).await,
        [format!("Forwarding from {address}:8081 -> 8080")]
    );
}

async fn a_port_that_is_taken_is_an_error_that_names_its_holder(world: Arc<World>) {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let said = Forwarding::run(
        &world,
        &["--address", "127.0.0.1", "tools", ":22", &format!("{port}:7")],
    )
    .await;
    assert_eq!(said.status.code(), Some(1));
    assert!(said.stdout.is_empty(), "{:?}", said.stdout);
    let error = &said.stderr[0];
    assert!(
        error.starts_with(&format!("error: port {port} of 127.0.0.1 is in use by ")),
        "{error}"
    );
    if cfg!(target_os = "linux") {
        assert!(
            error.ends_with(&format!("(process {})", std::process::id())),
            "{error}"
        );
    }
    assert!(said.stderr[1].starts_with("hint: "), "{:?}", said.stderr);
}

async fn one_family_of_localhost_is_enough_and_the_other_is_warned_about(world: Arc<World>) {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let forwarding = Forwarding::start(&world, &["tools", &format!("{port}:7")]).await;
    assert_eq!(
        forwarding.says(1).await,
        [format!("Forwarding from [::1]:{port} -> 7")]
    );
    let warning = forwarding.warns("is in use by").await;
    assert!(
        warning.starts_with(&format!("warning: pod/tools: port {port} of 127.0.0.1 ")),
        "{warning}"
    );
    forwarding
        .connect(7)
        .await
        .is_echoed(b"by the other family")
        .await;
}

async fn the_other_family_can_be_named(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["--address=::1", "tools", ":7"]).await;
    let port = forwarding.address_of(7).await.port();
    assert_eq!(
        forwarding.says(1).await,
        [format!("Forwarding from [::1]:{port} -> 7")]
    );
    forwarding.connect(7).await.is_echoed(b"hello").await;
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

async fn running_out_of_files_delays_connections_and_loses_none(world: Arc<World>) {
    // A shell's limit holds for what it becomes.
    let podline = podline(&world, &["tools", ":7"]);
    let mut command = Command::new("sh");
    clean(&mut command, world.folder());
    command
        .arg("-c")
        .arg("ulimit -n 60; exec \"$0\" \"$@\"")
        .arg(podline.as_std().get_program())
        .args(podline.as_std().get_args());
    let forwarding = Forwarding::of(command).await;
    // The system takes connections that the program cannot take yet. One after the other, for they are served in that order.
    let mut apps = VecDeque::new();
    for _ in 0..100 {
        apps.push_back(forwarding.connect(7).await);
    }
    forwarding.warns("no room for another connection").await;
    // Those that leave make room for those that wait.
    while let Some(mut app) = apps.pop_front() {
        app.is_echoed(b"served in its turn").await;
    }
}
