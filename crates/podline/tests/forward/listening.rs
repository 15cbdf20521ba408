use std::net::Ipv4Addr;

use podline::{Event, ForwardError, ListenError};

use crate::stage::{Stage, address, connect, echo, event, soon};

#[tokio::test(flavor = "multi_thread")]
async fn ports_are_translated_as_the_target_declares_them() {
    let stage = Stage::new().await;
    for (target, port, remote) in [
        ("svc/web", ":80", 8080),
        ("svc/web", ":http", 8080),
        ("deploy/web", ":http", 8080),
        ("pod/tools", ":http", 8080),
        ("pod/tools", ":7", 7),
    ] {
        let forward = stage.forward(target, &[port]).start().await.unwrap();
        assert_eq!(forward.local_addrs()[0].remote, remote, "{target} {port}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_ports_are_those_that_are_declared() {
    let stage = Stage::new().await;
    // A declared port below 1024 may not be bound by everyone, so it is named with a free local port.
    let forward = stage
        .forward("svc/web", &[":80"])
        .all_ports(true)
        .start()
        .await
        .unwrap();
    let remotes: Vec<u16> = forward
        .local_addrs()
        .iter()
        .map(|address| address.remote)
        .collect();
    assert_eq!(remotes, [8080]);
}

#[tokio::test(flavor = "multi_thread")]
async fn localhost_is_both_families_and_the_addresses_are_told_to_late_watchers() {
    let stage = Stage::new().await;
    let forward = stage
        .builder("pod/tools")
        .port(":7".parse().unwrap())
        .start()
        .await
        .unwrap();
    let local_addrs = forward.local_addrs();
    assert!(local_addrs[0].socket.is_ipv4());
    assert!(
        local_addrs
            .iter()
            .all(|address| address.socket.port() == local_addrs[0].socket.port())
    );
    let mut events = forward.events();
    for expected in local_addrs {
        let told = event(&mut events, |event| match event {
            Event::Listening(address) => Some(address),
            _ => None,
        });
        assert_eq!(told.await, *expected);
    }
    for index in 0..local_addrs.len() {
        echo(&mut connect(&forward, index).await, b"hello").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_in_use_is_an_error_that_names_it() {
    let stage = Stage::new().await;
    let holder = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = holder.local_addr().unwrap().port();
    let error = stage
        .forward("pod/tools", &[":7", &format!("{port}:22")])
        .start()
        .await
        .unwrap_err();
    let ForwardError::Listen(ListenError::Held { socket, holder, .. }) = &error else {
        panic!("{error}")
    };
    assert_eq!(socket.port(), port);
    if cfg!(target_os = "linux") {
        assert_eq!(holder.as_ref().unwrap().process, std::process::id());
    }
    assert!(error.hint().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_forward_takes_the_addresses_of_the_first_when_that_is_dropped() {
    let stage = Stage::new().await;
    let first = stage.forward("pod/tools", &[":7"]).start().await.unwrap();
    let port = address(&first, 0).port();
    drop(first);
    // The listener goes with its task, a moment later.
    let spec = format!("{port}:7");
    let second = soon(async {
        loop {
            match stage.forward("pod/tools", &[&spec]).start().await {
                Ok(forward) => break forward,
                Err(ForwardError::Listen(_)) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    })
    .await;
    echo(&mut connect(&second, 0).await, b"hello").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_an_error() {
    let stage = Stage::new().await;
    let start = |target: &'static str, ports: &'static [&str]| {
        let builder = stage.forward(target, ports);
        async move { builder.start().await.unwrap_err() }
    };
    assert!(matches!(start("pod/nope", &[":80"]).await, ForwardError::Find(_)));
    assert!(matches!(
        start("pod/tools", &[":nope"]).await,
        ForwardError::Port(_)
    ));
    assert!(matches!(start("svc/web", &[":81"]).await, ForwardError::Port(_)));
    assert!(matches!(
        start("pod/tools", &[]).await,
        ForwardError::NoPort { .. }
    ));
}
