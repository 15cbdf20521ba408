//! What is measured of a port that answers.

use podline::TransportChoice;
use podline::bench::{Kind, Service};

use crate::world::{World, has_numbers, http, kinds, not_measured, numbers, run, run_until, times};

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_is_measured_both_ways_and_every_byte_is_compared() {
    let world = World::new().await;
    let report = run_until(world.bench("pod/tools", "7").service(Service::Echo), has_numbers).await;
    assert!(report.failed.is_none() && !report.interrupted, "{report:?}");
    assert_eq!(
        kinds(&report),
        [
            (Kind::ServerRoundTrip, 1),
            (Kind::SessionRoundTrip, 1),
            (Kind::FirstByte, 1),
            (Kind::RoundTrip, 1),
            (Kind::Rate, 4),
            (Kind::Echo, 1),
            (Kind::Echo, 4),
        ]
    );
    assert_eq!(not_measured(&report), []);
    for kind in [
        Kind::ServerRoundTrip,
        Kind::SessionRoundTrip,
        Kind::FirstByte,
        Kind::RoundTrip,
    ] {
        times(&report, kind);
    }
    assert_eq!(times(&report, Kind::SessionRoundTrip).count, 10);
    numbers(&report, Kind::Rate);
    assert_eq!(numbers(&report, Kind::Echo).len(), 2);
    assert_eq!(report.pods[0].name, "tools");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_http_answer_is_measured_by_requests_and_connections() {
    let world = World::new().await;
    let report = run_until(
        world.bench("svc/web", "80").service(http("/bytes/100000")),
        has_numbers,
    )
    .await;
    assert!(report.failed.is_none(), "{report:?}");
    assert_eq!(
        kinds(&report)[2..],
        [
            (Kind::FirstByte, 1),
            (Kind::Request, 1),
            (Kind::Rate, 4),
            (Kind::Download, 1),
            (Kind::Download, 4),
        ]
    );
    let found = report.found.as_ref().unwrap().to_string();
    assert_eq!(found, "HTTP status 200, 100000 bytes");
    times(&report, Kind::FirstByte);
    times(&report, Kind::Request);
    numbers(&report, Kind::Rate);
    numbers(&report, Kind::Download);
    assert_eq!(not_measured(&report), []);
    // Connections to a service take turns.
    assert_eq!(report.pods.len(), 2, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_http_answer_is_only_downloaded() {
    let world = World::new().await;
    let bench = world.bench("svc/web", "80").service(http("/bytes/100000000000"));
    let report = run_until(bench.transport(TransportChoice::Spdy), has_numbers).await;
    assert!(report.failed.is_none(), "{report:?}");
    assert_eq!(kinds(&report)[2..], [(Kind::Download, 1), (Kind::Download, 4)]);
    numbers(&report, Kind::Download);
    assert_eq!(
        not_measured(&report),
        [Kind::FirstByte, Kind::Request, Kind::Rate]
    );
    assert_eq!(report.transport, Some(podline::Transport::Spdy));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_speaks_first_is_measured_by_its_greeting() {
    let world = World::new().await;
    let report = run_until(world.bench("pod/tools", "22"), has_numbers).await;
    assert!(report.failed.is_none(), "{report:?}");
    assert_eq!(kinds(&report)[2..], [(Kind::Greeting, 1), (Kind::Rate, 4)]);
    times(&report, Kind::Greeting);
    numbers(&report, Kind::Rate);
    assert!(not_measured(&report).contains(&Kind::Download));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_of_which_nothing_is_known_is_measured_by_empty_connections() {
    let world = World::new().await;
    let report = run(world.bench("pod/tools", "7")).await;
    assert!(report.failed.is_none(), "{report:?}");
    assert_eq!(kinds(&report)[2..], [(Kind::Probe, 4)]);
    assert_eq!(times(&report, Kind::Probe).count, 4);
    assert!(not_measured(&report).contains(&Kind::Rate));
    let hint = report.not_measured[0].problem.hint.as_ref().unwrap().to_string();
    assert!(hint.contains("--http-path") && hint.contains("--echo"), "{hint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn https_is_measured_whatever_the_certificate() {
    let world = World::new().await;
    let service = Service::Https("/whoami".parse().unwrap());
    let report = run_until(world.bench("pod/tools", "https").service(service), has_numbers).await;
    assert!(report.failed.is_none(), "{report:?}");
    times(&report, Kind::Request);
    numbers(&report, Kind::Rate);
    assert_eq!(not_measured(&report), [Kind::Download]);
}
