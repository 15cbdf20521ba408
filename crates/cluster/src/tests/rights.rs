//! A target kept in sight with more and with fewer rights, on a cluster in this process.

use std::time::Duration;

use http::StatusCode;
use k8s_openapi::api::core::v1;
use kube::api::{DeleteParams, Patch, PatchParams};
use podline_minicluster::node::ApiFault;
use podline_minicluster::{Config, Minicluster, Rule, User, manifest};
use serde_json::json;
use tokio::time::timeout;

use crate::environment::Environment;
use crate::{Cluster, Found, Options, PodWatch, Target};

/// Long enough for anything that should happen, with the pauses between looks.
const SOON: Duration = Duration::from_secs(40);
const PODS: &str = "pods services deployments replicasets";

/// A cluster with a deployment and a service `web` of two pods, and a user with some rights.
struct Fixture {
    minicluster: Minicluster,
    admin: Cluster,
    user: Cluster,
}

impl Fixture {
    async fn new(rules: Vec<Rule>) -> Self {
        let config = Config::empty()
            .with(manifest::deployment("web", 2, &[("http", 8080, "web")]))
            .with(manifest::service("web", &[("http", 80, "http")]))
            .with(manifest::pod("lone", &[("http", 8080, "web")]));
        let minicluster = Minicluster::start(config).await.unwrap();
        let fixture_user = user();
        minicluster.rules().set(&fixture_user, rules);
        let admin = connect(&minicluster.kubeconfig(User::Admin)).await;
        let user = connect(&minicluster.kubeconfig(fixture_user)).await;
        Self {
            minicluster,
            admin,
            user,
        }
    }

    fn services(&self) -> kube::Api<v1::Service> {
        kube::Api::namespaced(self.admin.client(), "default")
    }

    fn watch(&self, target: &str) -> PodWatch {
        let target: Target = target.parse().unwrap();
        self.user.watch(&target)
    }

    fn set(&self, rules: Vec<Rule>) {
        self.minicluster.rules().set(&user(), rules);
    }
}

fn user() -> User {
    User::Other("ada".to_owned())
}

async fn connect(kubeconfig: &str) -> Cluster {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, kubeconfig).unwrap();
    let options = Options {
        kubeconfig: Some(path),
        ..Options::default()
    };
    Cluster::connect_in(&options, &Environment::of(&[]))
        .await
        .unwrap()
}

fn full() -> Vec<Rule> {
    vec![
        Rule::new("get list watch", PODS),
        Rule::new("list watch", "endpointslices"),
    ]
}

/// Waits for a state in which `is_so`.
async fn until(watch: &mut PodWatch, is_so: impl Fn(&Found) -> bool) -> Found {
    let changed = async {
        loop {
            if let Ok(found) = watch.changed().await
                && is_so(&found)
            {
                return found;
            }
        }
    };
    timeout(SOON, changed).await.unwrap()
}

/// Waits until a look is under way.
async fn looks(watch: &PodWatch) {
    let looks = async {
        // Nobody tells of it.
        while !watch.is_looking() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, looks).await.expect("a look is under way");
}

/// How a change comes to be known.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Known {
    /// By looks, every now and then.
    Asked,
    /// By watches: then nobody looks for five minutes, longer than anything is waited for here.
    Told,
}

impl Known {
    /// Waits until it is so.
    async fn stands(self, watch: &PodWatch) {
        let stands = async {
            // Nobody tells of it.
            while self == Self::Told && !watch.is_told() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(SOON, stands).await.expect("all is told at last");
    }
}

fn ready(found: &Found) -> usize {
    let ready = |pod: &&crate::Pod| pod.ready && pod.is_running() && !pod.deleting;
    found.pods.iter().filter(ready).count()
}

/// Takes a service through all that can happen to it and its pods. Each change has to be noticed as it comes to be `known`.
async fn follow_a_service(fixture: &Fixture, known: Known) {
    let store = fixture.minicluster.store();
    let mut watch = fixture.watch("svc/web");
    watch.hurry(true);
    let found = until(&mut watch, |found| ready(found) == 2).await;
    known.stands(&watch).await;
    let first = found.pods[0].name.clone();
    store.set_ready("default", &first, false).unwrap();
    let found = until(&mut watch, |found| ready(found) == 1).await;
    assert_ne!(found.pods[0].name, first, "a ready one comes first");
    known.stands(&watch).await;
    store.set_ready("default", &first, true).unwrap();
    until(&mut watch, |found| ready(found) == 2).await;

    known.stands(&watch).await;
    store.replace_pod("default", &first).await.unwrap();
    let is_gone = |found: &Found| found.pods.iter().all(|pod| pod.name != first);
    until(&mut watch, |found| is_gone(found) && ready(found) == 2).await;

    known.stands(&watch).await;
    store.scale("default", "web", 0).unwrap();
    until(&mut watch, |found| found.pods.is_empty()).await;
    store.scale("default", "web", 1).unwrap();
    until(&mut watch, |found| ready(found) == 1).await;

    known.stands(&watch).await;
    let elsewhere = json!({"spec": {"selector": {"app": "lone"}}});
    let patch = PatchParams::default();
    let services = fixture.services();
    services
        .patch("web", &patch, &Patch::Merge(elsewhere))
        .await
        .unwrap();
    let found = until(&mut watch, |found| {
        found.pods.iter().all(|pod| pod.name == "lone")
    })
    .await;
    assert_eq!(ready(&found), 1);

    known.stands(&watch).await;
    services.delete("web", &DeleteParams::default()).await.unwrap();
    let error = timeout(SOON, watch.changed()).await.unwrap();
    assert!(matches!(&error, Err(error) if error.is_not_found()), "{error:?}");
    store
        .create(&manifest::service("web", &[("http", 81, "http")]))
        .unwrap();
    let found = until(&mut watch, |found| ready(found) == 1).await;
    assert!(found.endpoint(&found.pods[0], &"81".parse().unwrap()).is_ok());
}

/// Takes a pod through all that can happen to it.
async fn follow_a_pod(fixture: &Fixture, known: Known) {
    let store = fixture.minicluster.store();
    let mut watch = fixture.watch("pod/lone");
    watch.hurry(true);
    let found = until(&mut watch, |found| ready(found) == 1).await;
    known.stands(&watch).await;
    let uid = found.pods[0].uid.clone();
    store.set_ready("default", "lone", false).unwrap();
    until(&mut watch, |found| ready(found) == 0).await;
    known.stands(&watch).await;
    store.replace_pod("default", "lone").await.unwrap();
    until(&mut watch, |found| found.pods[0].uid != uid && ready(found) == 1).await;
    known.stands(&watch).await;
    store.delete_pod("default", "lone").await.unwrap();
    let error = timeout(SOON, async {
        loop {
            if let Err(error) = watch.changed().await {
                return error;
            }
        }
    });
    assert!(error.await.unwrap().is_not_found());
}

#[tokio::test]
async fn with_all_rights_everything_is_told_at_once() {
    let fixture = Fixture::new(full()).await;
    follow_a_service(&fixture, Known::Told).await;
    follow_a_pod(&fixture, Known::Told).await;
}

#[tokio::test]
async fn without_watch_it_is_asked_for() {
    let rules = vec![Rule::new("get list", PODS), Rule::new("list", "endpointslices")];
    let fixture = Fixture::new(rules).await;
    follow_a_service(&fixture, Known::Asked).await;
    follow_a_pod(&fixture, Known::Asked).await;
}

#[tokio::test]
async fn without_endpoint_slices_the_pods_say_who_is_ready() {
    let fixture = Fixture::new(vec![Rule::new("get list watch", PODS)]).await;
    follow_a_service(&fixture, Known::Told).await;
    follow_a_pod(&fixture, Known::Told).await;
}

#[tokio::test]
async fn the_rights_of_kubectl_are_enough() {
    let fixture = Fixture::new(Rule::port_forward()).await;
    follow_a_service(&fixture, Known::Asked).await;
    follow_a_pod(&fixture, Known::Asked).await;
}

#[tokio::test]
async fn a_named_pod_needs_no_right_but_to_get_it() {
    let fixture = Fixture::new(vec![Rule::new("get", "pods")]).await;
    follow_a_pod(&fixture, Known::Asked).await;
}

#[tokio::test]
async fn without_list_the_pods_that_are_known_are_asked_for_one_by_one() {
    let fixture = Fixture::new(Rule::port_forward()).await;
    let store = fixture.minicluster.store();
    let mut watch = fixture.watch("svc/web");
    watch.hurry(true);
    let found = until(&mut watch, |found| ready(found) == 2).await;
    fixture.set(vec![Rule::new("get", PODS)]);
    let (first, second) = (found.pods[0].name.clone(), found.pods[1].name.clone());
    store.set_ready("default", &first, false).unwrap();
    until(&mut watch, |found| ready(found) == 1).await;
    store.delete_pod("default", &second).await.unwrap();
    until(&mut watch, |found| found.pods.iter().all(|pod| pod.name == first)).await;
    // Nothing is left to see: now it is an error.
    fixture.set(Vec::new());
    let error = timeout(SOON, watch.changed()).await.unwrap().unwrap_err();
    assert!(error.is_forbidden(), "{error:?}");
}

#[tokio::test]
async fn a_watch_alone_does_where_pods_cannot_be_listed() {
    let fixture = Fixture::new(full()).await;
    let store = fixture.minicluster.store();
    let mut watch = fixture.watch("svc/web");
    let found = until(&mut watch, |found| ready(found) == 2).await;
    fixture.set(vec![Rule::new("get watch", PODS)]);
    watch.look();
    store.set_ready("default", &found.pods[0].name, false).unwrap();
    until(&mut watch, |found| ready(found) == 1).await;
    store.scale("default", "web", 3).unwrap();
    until(&mut watch, |found| found.pods.len() == 3).await;
}

#[tokio::test]
async fn a_watch_goes_on_after_the_server_forgot_what_happened() {
    let fixture = Fixture::new(full()).await;
    let store = fixture.minicluster.store();
    for target in ["svc/web", "deploy/web"] {
        let mut watch = fixture.watch(target);
        let found = until(&mut watch, |found| ready(found) == 2).await;
        Known::Told.stands(&watch).await;
        store.compact();
        store.set_ready("default", &found.pods[0].name, false).unwrap();
        until(&mut watch, |found| ready(found) == 1).await;
        store.set_ready("default", &found.pods[0].name, true).unwrap();
        until(&mut watch, |found| ready(found) == 2).await;
    }
}

#[tokio::test]
async fn a_watch_outlives_the_server() {
    let fixture = Fixture::new(full()).await;
    let store = fixture.minicluster.store();
    let mut watch = fixture.watch("svc/web");
    watch.hurry(true);
    let found = until(&mut watch, |found| ready(found) == 2).await;
    Known::Told.stands(&watch).await;
    fixture.minicluster.stop_api_server().await;
    let error = timeout(SOON, watch.changed()).await.unwrap().unwrap_err();
    assert!(error.is_unreachable(), "{error:?}");
    store.set_ready("default", &found.pods[0].name, false).unwrap();
    fixture.minicluster.start_api_server().await.unwrap();
    until(&mut watch, |found| ready(found) == 1).await;
    // And it is told again, not only asked for.
    watch.hurry(false);
    Known::Told.stands(&watch).await;
    store.set_ready("default", &found.pods[0].name, true).unwrap();
    until(&mut watch, |found| ready(found) == 2).await;
}

#[tokio::test]
async fn what_watches_tell_is_taken_in_while_a_look_has_no_answer() {
    let fixture = Fixture::new(full()).await;
    let store = fixture.minicluster.store();
    for target in ["svc/web", "deploy/web", "pod/lone"] {
        let mut watch = fixture.watch(target);
        let ready_pods = if target == "pod/lone" { 1 } else { 2 };
        let found = until(&mut watch, |found| ready(found) == ready_pods).await;
        Known::Told.stands(&watch).await;
        let name = &found.pods[0].name;
        let answers = |api| fixture.minicluster.faults().set(|faults| faults.api = api);
        answers(ApiFault::Hang);
        watch.look();
        looks(&watch).await;
        for is_ready in [false, true] {
            store.set_ready("default", name, is_ready).unwrap();
            let expected = ready_pods - usize::from(!is_ready);
            let changed = timeout(SOON, watch.changed()).await.unwrap();
            assert_eq!(ready(&changed.unwrap()), expected, "{target}");
        }
        answers(ApiFault::None);
    }
}

#[tokio::test]
async fn watches_that_go_on_keep_a_target_in_sight_while_looks_fail() {
    let fixture = Fixture::new(full()).await;
    let store = fixture.minicluster.store();
    let mut watch = fixture.watch("svc/web");
    let found = until(&mut watch, |found| ready(found) == 2).await;
    Known::Told.stands(&watch).await;
    let busy = ApiFault::Answer(StatusCode::SERVICE_UNAVAILABLE);
    fixture.minicluster.faults().set(|faults| faults.api = busy);
    watch.look();
    assert!(
        timeout(Duration::from_millis(500), watch.changed())
            .await
            .is_err()
    );
    store.set_ready("default", &found.pods[0].name, false).unwrap();
    let changed = timeout(SOON, watch.changed()).await.unwrap();
    assert_eq!(ready(&changed.unwrap()), 1);
}
