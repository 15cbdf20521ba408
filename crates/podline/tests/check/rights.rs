//! Rights that are missing, one at a time.

use podline::check::{Finding, Report, Stage, State};
use podline_minicluster::{Config, Rule, User};

use crate::world::{World, ends_at, hop, is, says, shown};

fn jane() -> User {
    User::Other("jane".to_owned())
}

/// Everything that is made use of for a service, as verb and resource.
const ALL: [(&str, &str); 9] = [
    ("get", "services"),
    ("list", "pods"),
    ("watch", "pods"),
    ("watch", "services"),
    ("list", "endpointslices"),
    ("watch", "endpointslices"),
    ("create", "pods/portforward"),
    ("get", "pods/portforward"),
    ("get", "pods"),
];

/// What jane finds without one of them.
async fn without(world: &World, missing: (&str, &str)) -> Report {
    let rules = ALL.iter().filter(|right| **right != missing);
    let rules = rules.map(|(verb, resource)| Rule::new(verb, resource));
    world.minicluster.rules().set(&jane(), rules.collect());
    world.check("svc/echo", &["7"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_needed_right_is_named_when_it_is_missing() {
    let world = World::of(Config::default(), jane()).await;
    for (missing, named) in [
        (("get", "services"), "not allowed: get services echo"),
        (("list", "pods"), "not allowed: list pods"),
    ] {
        let report = without(&world, missing).await;
        ends_at(&report, Stage::Rights, named);
        let hint = report.failed().unwrap().problems[0]
            .hint
            .as_ref()
            .unwrap()
            .to_string();
        assert!(hint.starts_with("the user needs a role that allows: "), "{hint}");
        assert!(hint.ends_with(" in namespace default"), "{hint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_useful_right_is_named_and_ends_nothing() {
    let world = World::of(Config::default(), jane()).await;
    for (verb, resource) in [
        ("watch", "pods"),
        ("watch", "services"),
        ("list", "endpointslices"),
        ("watch", "endpointslices"),
    ] {
        let report = without(&world, (verb, resource)).await;
        assert!(report.failed().is_none(), "{}", shown(&report));
        let rights = hop(&report, Stage::Rights);
        is(rights, State::Good);
        says(rights, &format!("not allowed, and not needed: {verb} {resource}"));
    }
    // What nobody makes use of is not asked for.
    let report = without(&world, ("get", "pods")).await;
    assert!(
        hop(&report, Stage::Rights).problems.is_empty(),
        "{}",
        shown(&report)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_transport_has_a_right_of_its_own() {
    let world = World::of(Config::default(), jane()).await;
    let report = without(&world, ("get", "pods/portforward")).await;
    assert!(report.failed().is_none(), "{}", shown(&report));
    says(
        hop(&report, Stage::Rights),
        "WebSockets are refused, and SPDY is used",
    );
    // Since Kubernetes 1.35 both need it.
    let report = without(&world, ("create", "pods/portforward")).await;
    is(hop(&report, Stage::Rights), State::Doubtful);
    ends_at(&report, Stage::Session, "403");
    world.minicluster.rules().set_websocket_needs_create(false);
    let report = without(&world, ("create", "pods/portforward")).await;
    assert!(report.failed().is_none(), "{}", shown(&report));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_takes_no_more_rights_than_a_forward() {
    let world = World::of(Config::default(), User::Forwarder).await;
    for target in ["pod/tools", "deploy/echo", "svc/echo"] {
        let report = world.check(target, &["7"]).await;
        assert!(report.failed().is_none(), "{}", shown(&report));
        match &hop(&report, Stage::Rights).finding {
            Some(Finding::Rights(rights)) => {
                assert!(rights.iter().all(|(right, has)| *has || !right.is_needed()));
            }
            other => panic!("{other:?}"),
        }
    }
}
