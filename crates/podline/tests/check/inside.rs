//! What fails behind the API server: pods, sessions, ports.

use std::time::Duration;

use http::StatusCode;
use podline::check::{Finding, Stage, State};
use podline::{Ask, Probe};
use podline_minicluster::node::UpgradeFault;
use podline_minicluster::{Config, manifest};
use tokio::time::timeout;

use crate::world::{World, ends_at, hop, hops, is, run, says, shown};

#[tokio::test(flavor = "multi_thread")]
async fn a_way_that_is_open() {
    let world = World::new().await;
    let mut walk = world.walk("svc/web", &["http"]);
    walk = walk.ask(Ask::Http("/whoami".parse().unwrap()));
    let report = run(walk).await;
    assert!(
        report.hops.iter().all(|hop| hop.state == State::Good),
        "{}",
        shown(&report)
    );
    let stages: Vec<Stage> = report.hops.iter().map(|hop| hop.stage).collect();
    let mut sorted = stages.clone();
    sorted.sort_unstable();
    assert_eq!(stages, sorted);
    let all = Stage::ALL.into_iter().filter(|stage| *stage != Stage::Proxy);
    assert!(all.into_iter().all(|stage| stages.contains(&stage)), "{stages:?}");
    let port = hop(&report, Stage::Port).finding.as_ref().unwrap().to_string();
    assert_eq!(port, "http, which is 8080: serving: HTTP status 200");
    let pods = hop(&report, Stage::Pods).finding.as_ref().unwrap().to_string();
    assert!(pods.starts_with("2 of 2 ready; web-"), "{pods}");
    // Nothing is left open.
    let emptied = async {
        while world.minicluster.sessions() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), emptied).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_without_pods() {
    let world = World::new().await;
    world.minicluster.store().scale("default", "web", 0).unwrap();
    let emptied = async {
        while world
            .minicluster
            .store()
            .pods("default")
            .iter()
            .any(|pod| pod.name.starts_with("web-"))
        {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), emptied).await.unwrap();
    ends_at(
        &world.check("deploy/web", &["http"]).await,
        Stage::Pods,
        "has no pods",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_does_not_start() {
    let world = World::new().await;
    let pod = manifest::pod("stuck", &[("http", 80, "nonsense")]);
    world.minicluster.store().create(&pod).unwrap();
    let told = async {
        loop {
            let report = world.check("pod/stuck", &["80"]).await;
            ends_at(&report, Stage::Pods, "pod stuck does not run, it is pending");
            let reason = report.failed().unwrap().problems[0].reason.to_string();
            // The kubelet finds out first.
            if reason.ends_with("pending: container stuck waits: CreateContainerError") {
                return;
            }
        }
    };
    timeout(Duration::from_secs(60), told).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_that_are_not_ready() {
    let world = World::new().await;
    let pod = world.pod("echo-");
    world
        .minicluster
        .store()
        .set_ready("default", &pod, false)
        .unwrap();
    let report = world.check("deploy/echo", &["7"]).await;
    assert!(report.failed().is_none(), "{}", shown(&report));
    is(hop(&report, Stage::Pods), State::Doubtful);
    says(
        hop(&report, Stage::Pods),
        "none of the pods of deployment/echo is ready",
    );
    world
        .minicluster
        .store()
        .set_ready("default", "tools", false)
        .unwrap();
    says(
        hop(&world.check("pod/tools", &["7"]).await, Stage::Pods),
        "pod tools is not ready",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_a_ready_endpoint() {
    let world = World::new().await;
    let pod = world.pod("echo-");
    world
        .minicluster
        .store()
        .set_ready("default", &pod, false)
        .unwrap();
    let unready = async {
        loop {
            let report = world.check("svc/echo", &["7"]).await;
            let pods = hop(&report, Stage::Pods);
            // The controller of the endpoints takes its time.
            if pods
                .problems
                .iter()
                .any(|problem| problem.reason.to_string().contains("has no ready endpoint"))
            {
                return;
            }
        }
    };
    timeout(Duration::from_secs(60), unready).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_crashes_again_and_again() {
    let world = World::new().await;
    world.minicluster.crash_loop("default", "tools").await.unwrap();
    let report = world.check("pod/tools", &["7"]).await;
    ends_at(
        &report,
        Stage::Pods,
        "pod tools crashes again and again; container tools ended last with Error",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_was_restarted_is_told_of() {
    let world = World::new().await;
    world
        .minicluster
        .end_processes("default", "tools", 3)
        .await
        .unwrap();
    world
        .minicluster
        .restart_processes("default", "tools")
        .await
        .unwrap();
    let report = world.check("pod/tools", &["7"]).await;
    assert!(report.failed().is_none(), "{}", shown(&report));
    let pods = hop(&report, Stage::Pods);
    is(pods, State::Good);
    says(
        pods,
        "pod tools was restarted; container tools ended last with Error",
    );
    assert_eq!(
        pods.finding.as_ref().unwrap().to_string(),
        "1 of 1 ready; tools is running and ready, restarted once"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_knows_spdy_only() {
    let world = World::new().await;
    world
        .minicluster
        .faults()
        .set(|faults| faults.websocket_tunnel = false);
    let report = world.check("pod/tools", &["7"]).await;
    assert!(report.failed().is_none(), "{}", shown(&report));
    let sessions = hops(&report, Stage::Session);
    is(sessions[0], State::Doubtful);
    says(sessions[0], "400");
    is(sessions[1], State::Good);
    assert_eq!(sessions[1].finding.as_ref().unwrap().to_string(), "SPDY");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_at_all() {
    let world = World::new().await;
    let answer = UpgradeFault::Answer(StatusCode::INTERNAL_SERVER_ERROR);
    world.minicluster.faults().set(|faults| faults.upgrade = answer);
    let report = world.check("pod/tools", &["7"]).await;
    ends_at(&report, Stage::Session, "500");
    assert_eq!(hops(&report, Stage::Session).len(), 2);
}

/// What the ports of the pod `tools` are found to be.
async fn probes(world: &World, ports: &[&str], ask: Option<Ask>) -> Vec<(State, Option<Probe>)> {
    let walk = world.walk("pod/tools", ports);
    let report = run(match ask {
        Some(ask) => walk.ask(ask),
        None => walk,
    })
    .await;
    let probe = |finding: &Finding| match finding {
        Finding::Port { probe, .. } => probe.clone(),
        other => panic!("{other}"),
    };
    let ports = hops(&report, Stage::Port).into_iter();
    ports
        .map(|hop| (hop.state, hop.finding.as_ref().and_then(probe)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ports_that_refuse_reset_or_drop() {
    let world = World::new().await;
    let probes = probes(&world, &["83", "23", "84", "7"], None).await;
    assert!(
        matches!(probes[0], (State::Failed, Some(Probe::Refused(_)))),
        "{probes:?}"
    );
    assert!(
        matches!(probes[1], (State::Failed, Some(Probe::Reset(_)))),
        "{probes:?}"
    );
    assert_eq!(probes[2], (State::Failed, Some(Probe::Dropped)));
    // One that failed keeps none from being told.
    assert_eq!(probes[3], (State::Good, Some(Probe::Open)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_open_and_does_not_answer() {
    let world = World::new().await;
    let ask = Ask::Http("/".parse().unwrap());
    let report = run(world.walk("pod/tools", &["25"]).ask(ask)).await;
    ends_at(&report, Stage::Port, "it is open, but nothing answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_by_a_name_that_nobody_declares() {
    let world = World::new().await;
    ends_at(
        &world.check("pod/tools", &["nothing"]).await,
        Stage::Port,
        "nothing",
    );
    let report = world.check("svc/web", &["81"]).await;
    ends_at(&report, Stage::Port, "does not have a service port 81");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_pod_declares_is_told_where_a_port_is_not_in_it() {
    let world = World::new().await;
    let report = world.check("deploy/web", &["8081"]).await;
    let port = hop(&report, Stage::Port);
    is(port, State::Failed);
    says(
        port,
        "does not declare port 8081, which need not matter; it declares 8080 (http)",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_port_the_declared_ones_are_looked_at() {
    let config = Config::empty()
        .with(manifest::pod("two", &[("a", 80, "web"), ("b", 81, "echo")]))
        .with(manifest::pod("none", &[]));
    let world = World::of(config, podline_minicluster::User::Admin).await;
    assert_eq!(hops(&world.check("pod/two", &[]).await, Stage::Port).len(), 2);
    let report = world.check("pod/none", &[]).await;
    is(hop(&report, Stage::Port), State::Skipped);
    assert!(report.failed().is_none());
}
