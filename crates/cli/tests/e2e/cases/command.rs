//! A command that is run while ports are forwarded.

use std::{process::Stdio, sync::Arc};

use podline_minicluster::manifest::Served;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::Command,
};

use crate::{
    app::App,
    forwarding::{Forwarding, Said, clean, podline},
    harness::cases,
    terminal::Terminal,
    world::World,
};

cases! {
    a_command_before_which_it_was_interrupted_is_not_run [Signals];
    a_command_gets_the_limit_of_files_that_podline_found [Signals];
    a_command_has_standard_input_and_output_for_itself [Signals];
    a_command_is_asked_to_end_when_the_pod_is_lost_and_that_was_to_end_it [Signals];
    a_command_knows_where_to_go [Signals];
    a_command_that_cannot_be_run_has_a_status_of_its_own [Signals];
    a_signal_to_podline_reaches_the_command [Signals];
    a_typed_interrupt_reaches_the_command_once_each_time [Terminal];
    the_status_is_the_commands [Signals];
}

/// Waits for signals, and says which come; SIGTERM ends it with status 42. Then it says how many interrupts there were.
const LISTENER: &str = r#"
interrupts=0
trap 'interrupts=$((interrupts+1)); echo INT' INT
trap 'echo HUP' HUP
trap 'echo QUIT' QUIT
trap 'echo $interrupts; kill $waiting; exit 42' TERM
sleep 600 & waiting=$!
echo ready
while kill -0 $waiting 2>/dev/null; do wait $waiting; done
"#;

async fn run(world: &World, arguments: &[&str], command: &[&str]) -> Said {
    let all = [&["--address=127.0.0.1"], arguments, &["--"], command].concat();
    Forwarding::run(world, &all).await
}

async fn a_command_knows_where_to_go(world: Arc<World>) {
    let script = r#"
        test "$PODLINE_ADDR" = "$PODLINE_ADDR_1" && test "$PODLINE_PORT" = "$PODLINE_PORT_1" || exit 1
        test "$PODLINE_ADDR" = "127.0.0.1:$PODLINE_PORT" && test "$PODLINE_ADDR_2" = "127.0.0.1:$PODLINE_PORT_2" || exit 2
        test "$1" = "x$PODLINE_PORT" && test "$2" = "$PODLINE_ADDR_2{{port}" || exit 3
        test -z "$PODLINE_PORT_3" || exit 4
        echo "$PODLINE_ADDR"
        echo "$PODLINE_ADDR_2"
        exec sleep 600"#;
    let arguments = [
        "--address=127.0.0.1",
        "tools",
        ":7",
        "pod/tools",
        ":22",
        "--",
        "sh",
        "-c",
        script,
        "sh",
        "x{port}",
        "{addr2}{{port}",
    ];
    let mut command = podline(&world, &arguments);
    // As if a podline with more ports had run this one.
    command.env("PODLINE_PORT_3", "1");
    let forwarding = Forwarding::begin(command, Stdio::null());
    let addresses = forwarding.says(2).await;
    let connect = |address: String| async { App::new(TcpStream::connect(address).await.unwrap()) };
    connect(addresses[0].clone()).await.is_echoed(b"the first").await;
    // Its server speaks first.
    connect(addresses[1].clone()).await.receive(6).await;
    forwarding.signal("TERM").await;
    let said = forwarding.end().await;
    assert_eq!(said.status.code(), Some(143));
    assert_eq!(said.stdout, addresses);
    for line in [
        format!("Forwarding from {} -> 7", addresses[0]),
        format!("Forwarding from {} -> 22", addresses[1]),
        format!(
            "Handling connection for {}",
            addresses[0].rsplit(':').next().unwrap()
        ),
    ] {
        assert!(said.stderr.contains(&line), "{line}: {:?}", said.stderr);
    }
}

async fn the_status_is_the_commands(world: Arc<World>) {
    for (script, status) in [
        ("exit 0", 0),
        ("exit 7", 7),
        ("kill -KILL $$", 137),
        ("kill -INT $$", 130),
    ] {
        let said = run(&world, &["tools", ":7"], &["sh", "-c", script]).await;
        assert_eq!(said.status.code(), Some(status), "{script}: {:?}", said.stderr);
    }
}

async fn a_command_that_cannot_be_run_has_a_status_of_its_own(world: Arc<World>) {
    let said = run(&world, &["tools", ":7"], &["no-such-program"]).await;
    assert_eq!(said.status.code(), Some(127));
    let error = said.stderr.last().unwrap();
    assert!(
        error.starts_with("error: cannot run no-such-program: "),
        "{error}"
    );
    let text = world.folder().join("no-program");
    std::fs::write(&text, "").unwrap();
    let said = run(&world, &["tools", ":7"], &[text.to_str().unwrap()]).await;
    assert_eq!(said.status.code(), Some(126), "{:?}", said.stderr);
}

async fn a_command_has_standard_input_and_output_for_itself(world: Arc<World>) {
    let mut command = podline(&world, &["tools", ":7", "--", "cat"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"all of it\n")
        .await
        .unwrap();
    let mut text = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .await
        .unwrap();
    assert_eq!(text, "all of it\n");
    assert!(child.wait().await.unwrap().success());
}

async fn a_signal_to_podline_reaches_the_command(world: Arc<World>) {
    let forwarding = Forwarding::begin(
        podline(&world, &["tools", ":7", "--", "sh", "-c", LISTENER]),
        Stdio::null(),
    );
    forwarding.says(1).await;
    // More than two, which would end podline at once if they were for it.
    let signals = ["HUP", "INT", "INT", "QUIT", "INT"];
    for (index, signal) in signals.into_iter().enumerate() {
        forwarding.signal(signal).await;
        forwarding.says(index + 2).await;
    }
    forwarding.signal("TERM").await;
    let said = forwarding.end().await;
    assert_eq!(said.stdout, ["ready", "HUP", "INT", "INT", "QUIT", "INT", "3"]);
    assert_eq!(said.status.code(), Some(42));
}

async fn a_typed_interrupt_reaches_the_command_once_each_time(world: Arc<World>) {
    let program = podline(&world, &["-v4", "tools", ":7", "--", "sh", "-c", LISTENER]);
    let (mut terminal, forwarding) = Terminal::start(&program);
    forwarding.says(1).await;
    for number in 1..=3 {
        terminal.press_ctrl(b'C');
        forwarding.says(1 + number).await;
        // Whoever has not seen to one yet when the next comes has only one of the two from the system.
        forwarding.logs("Interrupt came from the terminal", number).await;
    }
    // One that is sent to podline alone has to be passed on all the same.
    forwarding.signal("INT").await;
    forwarding.says(5).await;
    forwarding.signal("TERM").await;
    let said = forwarding.end().await;
    assert_eq!(said.stdout, ["ready", "INT", "INT", "INT", "INT", "4"]);
    assert_eq!(said.status.code(), Some(42));
}

async fn a_command_before_which_it_was_interrupted_is_not_run(world: Arc<World>) {
    for (signal, status) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        // A flag without a meaning is told of when the signals are listened to already.
        let arguments = ["-v4", "--cache-dir=x", "never", ":80", "--", "echo", "run"];
        let forwarding = Forwarding::begin(podline(&world, &arguments), Stdio::null());
        forwarding.warns("--cache-dir changes nothing here").await;
        forwarding.signal(signal).await;
        let said = forwarding.end().await;
        assert_eq!(said.status.code(), Some(status), "{:?}", said.stderr);
        assert!(said.stdout.is_empty(), "{:?}", said.stdout);
    }
}

async fn a_command_is_asked_to_end_when_the_pod_is_lost_and_that_was_to_end_it(world: Arc<World>) {
    const ECHO: &[Served<'_>] = &[("echo", 7, "echo")];

    // One that takes it as a wish, and one that it kills.
    for (name, script, status) in [
        (
            "lost-in-order",
            "trap 'kill $waiting; exit 0' TERM; sleep 600 & waiting=$!; echo ready; wait $waiting",
            1,
        ),
        ("lost-at-once", "echo ready; exec sleep 600", 143),
    ] {
        world.run_pod(name, ECHO).await;
        let pod = format!("pod/{name}");
        let arguments = ["--exit-on-loss", &pod, ":7", "--", "sh", "-c", script];
        let forwarding = Forwarding::begin(podline(&world, &arguments), Stdio::null());
        forwarding.says(1).await;
        world.delete_pod(name).await;
        let said = forwarding.end().await;
        assert!(
            said.stderr
                .iter()
                .any(|line| line.starts_with("error: ") && line.contains("lost connection to pod")),
            "{:?}",
            said.stderr
        );
        assert_eq!(said.status.code(), Some(status), "{:?}", said.stderr);
    }
}

async fn a_command_gets_the_limit_of_files_that_podline_found(world: Arc<World>) {
    let podline = podline(&world, &["tools", ":7", "--", "sh", "-c", "ulimit -Sn"]);
    let mut command = Command::new("sh");
    clean(&mut command, world.folder());
    command
        .args(["-c", "ulimit -Sn 200; exec \"$0\" \"$@\""])
        .arg(podline.as_std().get_program())
        .args(podline.as_std().get_args());
    let said = Forwarding::run_to_end(command).await;
    assert_eq!(said.stdout, ["200"], "{:?}", said.stderr);
}
