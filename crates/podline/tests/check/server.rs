//! What the API server refuses.

use http::StatusCode;
use podline::Check;
use podline::check::{Stage, State};
use podline::cluster::Options;
use podline_minicluster::node::ApiFault;
use podline_minicluster::{Config, User};

use crate::world::{World, ends_at, hop, is, run, says, shown};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_well() {
    let world = World::new().await;
    let faults = world.minicluster.faults();
    faults.set(|faults| faults.api = ApiFault::Answer(StatusCode::SERVICE_UNAVAILABLE));
    ends_at(&world.check("pod/tools", &["7"]).await, Stage::Server, "");
    faults.set(|faults| faults.api = ApiFault::Hang);
    let options = Options {
        request_timeout: Some("500ms".to_owned()),
        ..world.options()
    };
    let report = run(Check::new(options, "pod/tools".parse().unwrap())).await;
    ends_at(&report, Stage::Server, "did not answer within 0.5 s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_taken_any_more() {
    let world = World::of(Config::default(), User::Forwarder).await;
    world.minicluster.revoke(&User::Forwarder);
    let report = world.check("pod/tools", &["7"]).await;
    ends_at(&report, Stage::Identity, "Unauthorized");
    let hint = report.failed().unwrap().problems[0].hint.as_ref().unwrap();
    assert!(hint.to_string().contains("log in again"), "{hint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_does_not_exist() {
    let world = World::new().await;
    let report = world.check("svc/nowhere", &["80"]).await;
    ends_at(&report, Stage::Target, "\"nowhere\" not found");
    says(report.failed().unwrap(), "looked in namespace default");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_selects_no_pods() {
    let world = World::new().await;
    ends_at(
        &world.check("svc/kubernetes", &["443"]).await,
        Stage::Target,
        "has no selector",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_one_is_and_what_the_server_is_are_told() {
    let world = World::new().await;
    let report = world.check("pod/tools", &["7"]).await;
    let text = |stage| hop(&report, stage).finding.as_ref().unwrap().to_string();
    assert_eq!(text(Stage::Server), "Kubernetes v1.37.2+podline");
    assert!(
        text(Stage::Identity).starts_with("user admin, groups system:masters"),
        "{}",
        shown(&report)
    );
    assert!(
        text(Stage::RoundTrip).contains(" ms to the API server, "),
        "{}",
        shown(&report)
    );
    is(hop(&report, Stage::Credentials), State::Good);
    assert!(text(Stage::Credentials).starts_with("a client certificate, expires in 36"));
}
