//! What is said on standard output, and how the program ends.

use std::{
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::TcpStream,
    process::Command,
};

use crate::{
    app::App,
    forwarding::{Forwarding, kubectl, podline},
    harness::cases,
    world::World,
};

/// What an orderly end takes at most where a lane is stuck (`podline_tunnel::pool::SHUTDOWN_DEADLINE`).
const ORDERLY_END: Duration = Duration::from_millis(1300);

cases! {
    a_closed_standard_output_ends_nothing;
    a_full_standard_output_delays_no_connection;
    a_second_interrupt_ends_at_once [Signals];
    an_interrupt_ends_it_with_status_0 [Signals];
    quiet_says_where_it_forwards_from_and_no_more;
    sigterm_ends_it_in_order_with_status_143 [Signals];
    no_secret_is_logged;
    standard_output_is_kubectls [Kubectl];
}

async fn standard_output_is_kubectls(world: Arc<World>) {
    let mut addresses = vec![("localhost", 2)];
    if cfg!(target_os = "linux") {
        addresses.push(("127.0.0.2,localhost,127.0.0.10", 4));
    }
    for (address, number) in addresses {
        // kubectl and podline take it one after the other.
        let port = free_port();
        let arguments = ["pod/tools", &format!("{port}:7"), ":22", "--address", address];
        let theirs = said(
            kubectl(&world, &[&["port-forward"], &arguments[..]].concat()),
            port,
            number,
        )
        .await;
        let ours = said(podline(&world, &arguments), port, number).await;
        assert_eq!(theirs, ours);
    }
}

/// A port that is free now and stays so: not one of those that systems give to whoever asks for any.
fn free_port() -> u16 {
    loop {
        let port = fastrand::u16(10_000..30_000);
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// What a forward of two ports on this number of addresses says until two connections were made. The second port is any
/// free one, and named so.
async fn said(command: Command, port: u16, addresses: usize) -> Vec<String> {
    let forwarding = Forwarding::of(command).await;
    forwarding.says(2 * addresses).await;
    let free = forwarding.address_of(22).await.port();
    let connect = |port| async move { App::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap()) };
    connect(port).await.is_echoed(b"first").await;
    connect(free).await.receive(6).await;
    let lines = forwarding.says(2 * addresses + 2).await;
    // The next one takes the same port: it has to be free by then, not on its way to be.
    forwarding.signal("KILL").await;
    forwarding.end().await;
    lines
        .iter()
        .map(|line| line.replace(&free.to_string(), "FREE"))
        .collect()
}

async fn no_secret_is_logged(world: Arc<World>) {
    let server = world.server();
    let arguments = [
        "--kubeconfig=",
        "--server",
        &server,
        "--insecure-skip-tls-verify",
        "tools",
        ":7",
        "-v=99",
    ];
    for secret in [
        &["--token=s3cret-t0ken"][..],
        &["--username=me", "--password=s3cret-t0ken"],
    ] {
        let said = Forwarding::run(&world, &[&arguments[..], secret].concat()).await;
        assert_eq!(said.status.code(), Some(1));
        assert!(said.stderr.len() > 1, "nothing is logged: {:?}", said.stderr);
        let basic = "bWU6czNjcmV0LXQwa2Vu";
        assert!(
            said.stderr
                .iter()
                .all(|line| !line.contains("s3cret") && !line.contains(basic)),
            "{:?}",
            said.stderr
        );
    }
}

async fn quiet_says_where_it_forwards_from_and_no_more(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["-q", "--address=127.0.0.1", "tools", ":7", ":22"]).await;
    forwarding.connect(7).await.is_echoed(b"hush").await;
    forwarding.connect(22).await.receive(6).await;
    let lines = forwarding.says(2).await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines
            .iter()
            .all(|line| line.starts_with("Forwarding from 127.0.0.1:")),
        "{lines:?}"
    );
}

async fn a_full_standard_output_delays_no_connection(world: Arc<World>) {
    let mut child = podline(&world, &["--address=127.0.0.1", "tools", ":7"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdout = BufReader::with_capacity(128, child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).await.unwrap();
    let address = line
        .strip_prefix("Forwarding from ")
        .and_then(|line| line.strip_suffix(" -> 7\n"))
        .unwrap();
    // 30 bytes a line fill a pipe of 64 KiB after 2200 connections; from here on nobody reads.
    for _ in 0..3000 {
        drop(TcpStream::connect(address).await.unwrap());
    }
    App::new(TcpStream::connect(address).await.unwrap())
        .is_echoed(b"still served")
        .await;
}

async fn a_closed_standard_output_ends_nothing(world: Arc<World>) {
    let mut child = podline(&world, &["--address=127.0.0.1", "tools", ":7"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).await.unwrap();
    drop(stdout);
    let address = line
        .strip_prefix("Forwarding from ")
        .and_then(|line| line.strip_suffix(" -> 7\n"))
        .unwrap();
    for _ in 0..10 {
        App::new(TcpStream::connect(address).await.unwrap())
            .is_echoed(b"still served")
            .await;
    }
    assert_eq!(child.try_wait().unwrap(), None);
}

async fn an_interrupt_ends_it_with_status_0(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":7"]).await;
    let mut app = forwarding.connect(7).await;
    app.is_echoed(b"before").await;
    forwarding.signal("INT").await;
    let said = forwarding.end().await;
    assert_eq!(said.status.code(), Some(0), "{:?}", said.stderr);
    assert!(said.stderr.is_empty(), "{:?}", said.stderr);
    // An app that was not done does not take that for an orderly end.
    app.is_reset().await;
}

async fn sigterm_ends_it_in_order_with_status_143(world: Arc<World>) {
    let forwarding = Forwarding::start(&world, &["tools", ":7"]).await;
    forwarding.signal("TERM").await;
    let said = forwarding.end().await;
    assert_eq!(said.status.code(), Some(143), "{:?}", said.stderr);
}

async fn a_second_interrupt_ends_at_once(world: Arc<World>) {
    loop {
        let forwarding = Forwarding::start(&world, &["tools", ":25"]).await;
        // A lane that is stuck makes an orderly end take its time.
        let flood = tokio::spawn(forwarding.connect(25).await.flood());
        let address = forwarding.address_of(25).await;
        let begun = Instant::now();
        forwarding.signal("INT").await;
        // The orderly end has begun when nobody listens any more.
        while TcpStream::connect(address).await.is_ok() {}
        forwarding.signal("INT").await;
        let is_late = begun.elapsed() >= ORDERLY_END;
        let said = forwarding.end().await;
        flood.abort();
        if is_late && said.status.success() {
            // A busy machine: the orderly end may have been over before the second signal came.
            continue;
        }
        assert_eq!(said.status.code(), Some(130), "{:?}", said.stderr);
        return;
    }
}
