//! What scripts need: to wait until ports are open, and to know where they are.

use std::{path::PathBuf, process::Stdio, sync::Arc};

use podline_minicluster::manifest::Served;

use crate::{
    forwarding::{Forwarding, podline},
    harness::cases,
    world::World,
};

cases! {
    a_file_of_ports_of_a_running_podline_is_left_alone [Signals];
    a_file_tells_where_the_ports_are_as_long_as_they_are_there [Signals];
    a_file_that_a_killed_podline_left_is_replaced [Signals];
    a_forward_that_is_lost_is_waited_for_no_longer;
    a_port_that_opens_in_time_is_waited_for;
    a_port_that_stays_closed_is_an_error_that_says_what_was_found;
    an_open_port_is_forwarded_once_that_is_known;
}

/// A pod where nothing listens.
const CLOSED: &[Served<'_>] = &[("echo", 7, "refused")];

fn path(world: &World, name: &str) -> PathBuf {
    world.folder().join(name)
}

async fn a_file_tells_where_the_ports_are_as_long_as_they_are_there(world: Arc<World>) {
    let file = path(&world, "ports");
    let name = file.to_str().unwrap();
    let pod = format!("{}/pod/tools", world.namespace());
    // It is there before the program is run.
    let arguments = [
        "--ports-file",
        name,
        "tools",
        ":7",
        &pod,
        ":22",
        "--",
        "sh",
        "-c",
        "cat \"$0\"; exec sleep 600",
        name,
    ];
    let forwarding = Forwarding::begin(podline(&world, &arguments), Stdio::null());
    let lines = forwarding.says(4).await;
    let process = forwarding.id();
    let mut words = lines.iter().map(|line| line.split(' ').collect::<Vec<_>>());
    let mut expected = [
        ("127.0.0.1", "7", "pod/tools"),
        ("::1", "7", "pod/tools"),
        ("127.0.0.1", "22", &*pod),
        ("::1", "22", &*pod),
    ]
    .into_iter();
    for (found, (address, remote, target)) in words.by_ref().zip(expected.by_ref()) {
        let process = process.to_string();
        assert_eq!(
            [found[0], found[2], found[3], found[4]],
            [address, remote, target, &*process]
        );
    }
    for remote in ["7", "22"] {
        let line = lines
            .iter()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .find(|words| words[2] == remote)
            .unwrap();
        forwarding
            .warns(&format!("Forwarding from {}:{} -> {remote}", line[0], line[1]))
            .await;
    }
    forwarding.signal("TERM").await;
    assert_eq!(forwarding.end().await.status.code(), Some(143));
    assert!(!file.exists());
}

async fn a_file_of_ports_of_a_running_podline_is_left_alone(world: Arc<World>) {
    let file = path(&world, "ports-of-one");
    let name = file.to_str().unwrap();
    let one = Forwarding::begin(
        podline(
            &world,
            &[
                "--ports-file",
                name,
                "tools",
                ":7",
                "--",
                "sh",
                "-c",
                "echo ready; exec sleep 600",
            ],
        ),
        Stdio::null(),
    );
    one.says(1).await;
    let content = std::fs::read(&file).unwrap();
    let said = Forwarding::run(&world, &["--ports-file", name, "tools", ":7"]).await;
    assert_eq!(said.status.code(), Some(1));
    let expected = format!(
        "error: {name} belongs to another `podline --ports-file`, process {}",
        one.id()
    );
    assert!(said.stderr.contains(&expected), "{:?}", said.stderr);
    assert_eq!(std::fs::read(&file).unwrap(), content);
}

async fn a_file_that_a_killed_podline_left_is_replaced(world: Arc<World>) {
    let file = path(&world, "ports-left");
    let name = file.to_str().unwrap();
    let arguments = [
        "--ports-file",
        name,
        "tools",
        ":7",
        "--",
        "sh",
        "-c",
        "echo ready; sleep 1",
    ];
    let killed = Forwarding::begin(podline(&world, &arguments), Stdio::null());
    killed.says(1).await;
    killed.signal("KILL").await;
    // Its program may live on for a moment, the process that the file names does not.
    killed.end().await;
    assert!(file.exists());
    let next = Forwarding::run(&world, &["--ports-file", name, "tools", ":7", "--", "cat", name]).await;
    assert_eq!(next.status.code(), Some(0), "{:?}", next.stderr);
    assert_eq!(next.stdout.len(), 2);
    assert!(!file.exists());
}

async fn an_open_port_is_forwarded_once_that_is_known(world: Arc<World>) {
    // One that waits for its client, and one that speaks first.
    let forwarding = Forwarding::start(
        &world,
        &["-v4", "--wait", "--address=127.0.0.1", "tools", ":7", ":22"],
    )
    .await;
    forwarding.logs("probed port number", 2).await;
    assert!(
        forwarding
            .says(2)
            .await
            .iter()
            .all(|line| line.starts_with("Forwarding from "))
    );
    forwarding.connect(7).await.is_echoed(b"waited for").await;
}

async fn a_port_that_stays_closed_is_an_error_that_says_what_was_found(world: Arc<World>) {
    let arguments = [
        "--wait",
        "--timeout=10s",
        "tools",
        ":7",
        ":83",
        "--",
        "echo",
        "run",
    ];
    let said = Forwarding::run(&world, &arguments).await;
    assert_eq!(said.status.code(), Some(1));
    assert!(said.stdout.is_empty(), "{:?}", said.stdout);
    let error = said
        .stderr
        .iter()
        .find(|line| line.starts_with("error: "))
        .unwrap();
    assert!(
        error.starts_with("error: pod/tools: port 83 of pod tools is not open after 10 s: refused: "),
        "{error}"
    );
    assert!(
        said.stderr
            .iter()
            .any(|line| line.starts_with("hint: nothing listens there on the pod's loopback: ")),
        "{:?}",
        said.stderr
    );
    assert!(
        !said.stderr.iter().any(|line| line.starts_with("Forwarding from")),
        "{:?}",
        said.stderr
    );
}

async fn a_forward_that_is_lost_is_waited_for_no_longer(world: Arc<World>) {
    world.run_pod("lost", CLOSED).await;
    let arguments = [
        "-v4",
        "--wait",
        "--timeout=10m",
        "--exit-on-loss",
        "pod/lost",
        ":7",
        "--",
        "echo",
        "run",
    ];
    let forwarding = Forwarding::begin(podline(&world, &arguments), Stdio::null());
    forwarding.logs("Refused", 1).await;
    world.delete_pod("lost").await;
    let said = forwarding.end().await;
    assert_eq!(said.status.code(), Some(1), "{:?}", said.stderr);
    assert!(said.stdout.is_empty(), "{:?}", said.stdout);
    let error = said.stderr.iter().find(|line| line.starts_with("error: "));
    let error = error.unwrap_or_else(|| panic!("{:?}", said.stderr));
    assert!(
        error.starts_with("error: pod/lost: lost connection to pod: "),
        "{error}"
    );
}

async fn a_port_that_opens_in_time_is_waited_for(world: Arc<World>) {
    const OPEN: &[Served<'_>] = &[("echo", 7, "echo")];

    world.run_pod("late", CLOSED).await;
    let arguments = [
        "-v4",
        "--wait",
        "--timeout=5m",
        "pod/late",
        ":7",
        "--",
        "echo",
        "{port}",
    ];
    let forwarding = Forwarding::begin(podline(&world, &arguments), Stdio::null());
    forwarding.logs("Refused", 1).await;
    world.delete_pod("late").await;
    world.run_pod("late", OPEN).await;
    let said = forwarding.end().await;
    assert_eq!(said.status.code(), Some(0), "{:?}", said.stderr);
    assert_eq!(said.stdout.len(), 1);
}
