//! What only a real API server can tell. They run on the cluster that `PODLINE_E2E_KUBECONFIG` names; the pod that they
//! make there runs `PODLINE_E2E_PAUSE_IMAGE` (`local/pause:1`).

use std::time::Duration;

use http::Request;
use k8s_openapi::api::core::v1;
use k8s_openapi::api::rbac::v1 as rbac;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use podline_tunnel::{Upgrade, UpgradeAnswer};
use serde_json::json;
use tokio::time::timeout;

use super::server::running;
use crate::{Cluster, FindError, Found, Options, Phase, PodWatch, RemotePort, Target};

/// The kubeconfig of the real cluster, or nothing and a word about it.
fn kubeconfig() -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PODLINE_E2E_KUBECONFIG");
    if path.is_none() {
        #[allow(clippy::print_stderr, reason = "a skipped test says so")]
        {
            eprintln!("skipped: PODLINE_E2E_KUBECONFIG is not set");
        }
    }
    path.map(Into::into)
}

/// A pod and a service of their own, gone when the test is over.
struct Fixture {
    cluster: Cluster,
    name: String,
}

impl Fixture {
    async fn new(test: &str) -> Option<Self> {
        let options = Options {
            kubeconfig: Some(kubeconfig()?),
            ..Options::default()
        };
        let cluster = Cluster::connect(options).await.unwrap();
        let fixture = Self {
            cluster,
            name: format!("podline-{test}-{}", std::process::id()),
        };
        let image = std::env::var("PODLINE_E2E_PAUSE_IMAGE").unwrap_or_else(|_| "local/pause:1".to_owned());
        let pod = json!({
            "metadata": {"name": fixture.name, "labels": {"podline": fixture.name}},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "automountServiceAccountToken": false,
                "containers": [{
                    "name": "pause", "image": image, "imagePullPolicy": "Never",
                    "ports": [{"name": "http", "containerPort": 8080}],
                }],
            },
        });
        let service = json!({
            "metadata": {"name": fixture.name},
            "spec": {"selector": {"podline": fixture.name}, "ports": [{"name": "web", "port": 80, "targetPort": "http"}]},
        });
        let create = PostParams::default();
        fixture
            .pods()
            .create(&create, &serde_json::from_value(pod).unwrap())
            .await
            .unwrap();
        fixture
            .services()
            .create(&create, &serde_json::from_value(service).unwrap())
            .await
            .unwrap();
        Some(fixture)
    }

    fn pods(&self) -> Api<v1::Pod> {
        Api::namespaced(self.cluster.client(), self.cluster.namespace())
    }

    fn services(&self) -> Api<v1::Service> {
        Api::namespaced(self.cluster.client(), self.cluster.namespace())
    }

    async fn clean_up(self) {
        let delete = DeleteParams::default();
        self.pods().delete(&self.name, &delete).await.unwrap();
        self.services().delete(&self.name, &delete).await.unwrap();
    }

    fn target(&self, kind: &str) -> Target {
        format!("{kind}/{}", self.name).parse().unwrap()
    }
}

fn request(method: &str, pod: &str, headers: &[(&str, &str)]) -> Request<()> {
    let path = format!("/api/v1/namespaces/default/pods/{pod}/portforward");
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("Connection", "Upgrade");
    headers
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value))
        .body(())
        .unwrap()
}

#[tokio::test]
async fn a_pod_is_found_and_upgraded_both_ways() {
    let Some(fixture) = Fixture::new("upgrade").await else {
        return;
    };
    let found = running(&fixture.cluster, &fixture.target("pod"), Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(found.pods[0].name, fixture.name);
    assert!(found.pods[0].is_running());
    let found = running(&fixture.cluster, &fixture.target("svc"), Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(
        found.endpoint(&found.pods[0], &RemotePort::Number(80)).unwrap(),
        8080
    );
    assert_eq!(found.local_port(&RemotePort::Name("web".into())).unwrap(), 80);

    let spdy = [
        ("Upgrade", "SPDY/3.1"),
        ("X-Stream-Protocol-Version", "portforward.k8s.io"),
    ];
    let websocket = [
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Protocol", "SPDY/3.1+portforward.k8s.io"),
    ];
    for (request, header, protocol) in [
        (
            request("POST", &fixture.name, &spdy),
            "x-stream-protocol-version",
            "portforward.k8s.io",
        ),
        (
            request("GET", &fixture.name, &websocket),
            "sec-websocket-protocol",
            "SPDY/3.1+portforward.k8s.io",
        ),
    ] {
        match fixture.cluster.upgrade(request).await.unwrap() {
            UpgradeAnswer::Switched { head, io, .. } => {
                assert_eq!(head.headers[header], protocol);
                assert!(io.is_write_vectored());
            }
            UpgradeAnswer::Refused { head, body } => panic!("{head:?} {body:?}"),
        }
    }
    let refused = fixture
        .cluster
        .upgrade(request("POST", "no-such-pod", &spdy))
        .await
        .unwrap();
    let UpgradeAnswer::Refused { head, body } = refused else {
        panic!("not refused")
    };
    let refusal = crate::Refusal::of_upgrade(&head, &body);
    assert_eq!(
        (refusal.code, refusal.to_string().as_str()),
        (404, "pods \"no-such-pod\" not found")
    );
    fixture.clean_up().await;
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_servers_words() {
    let Some(path) = kubeconfig() else { return };
    let options = Options {
        kubeconfig: Some(path),
        ..Options::default()
    };
    let cluster = Cluster::connect(options).await.unwrap();
    for (target, message) in [
        ("pod/no-such", "pods \"no-such\" not found"),
        ("deploy/no-such", "deployments.apps \"no-such\" not found"),
        ("no-such-namespace/svc/no-such", "services \"no-such\" not found"),
    ] {
        let error = cluster.find(&target.parse().unwrap()).await.unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(matches!(error, FindError::Refused(refusal) if refusal.is_not_found()));
    }
}

#[tokio::test]
async fn nobody_is_unauthorized_and_a_powerless_user_is_told_what_is_missing() {
    let Some(path) = kubeconfig() else { return };
    let token = Options {
        kubeconfig: Some(path.clone()),
        token: Some("nonsense".into()),
        ..Options::default()
    };
    let error = Cluster::connect(token)
        .await
        .unwrap()
        .find(&"pod/x".parse().unwrap())
        .await
        .unwrap_err();
    // The client certificate of the kubeconfig speaks for the user, whatever the token says.
    let FindError::Refused(refusal) = error else {
        panic!("{error:?}")
    };
    assert!(refusal.is_not_found() || refusal.is_unauthorized(), "{refusal:?}");

    let nobody = Options {
        kubeconfig: Some(path),
        impersonate_user: Some("podline-nobody".to_owned()),
        ..Options::default()
    };
    let cluster = Cluster::connect(nobody).await.unwrap();
    let error = cluster.find(&"pod/x".parse().unwrap()).await.unwrap_err();
    assert_eq!(
        error.hint().unwrap(),
        "the user needs a role that allows: get pods in namespace default"
    );
    let answer = cluster
        .upgrade(request("POST", "x", &[("Upgrade", "SPDY/3.1")]))
        .await
        .unwrap();
    let UpgradeAnswer::Refused { head, body } = answer else {
        panic!("not refused")
    };
    let refusal = crate::Refusal::of_upgrade(&head, &body);
    assert_eq!(
        refusal.hint().unwrap(),
        "the user needs a role that allows: create pods/portforward in namespace default"
    );
}

#[tokio::test]
async fn a_pod_that_cannot_start_is_not_waited_for_for_ever() {
    let Some(path) = kubeconfig() else { return };
    let options = Options {
        kubeconfig: Some(path),
        ..Options::default()
    };
    let cluster = Cluster::connect(options).await.unwrap();
    let pods: Api<v1::Pod> = Api::namespaced(cluster.client(), cluster.namespace());
    let name = format!("podline-pending-{}", std::process::id());
    let pod = json!({
        "metadata": {"name": name},
        "spec": {
            "automountServiceAccountToken": false,
            "nodeSelector": {"podline": "no-such-node"},
            "containers": [{"name": "pause", "image": "local/pause:1", "imagePullPolicy": "Never"}],
        },
    });
    pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap())
        .await
        .unwrap();
    let target: Target = format!("pod/{name}").parse().unwrap();
    let error = running(&cluster, &target, Duration::from_secs(1))
        .await
        .unwrap_err();
    pods.delete(&name, &DeleteParams::default()).await.unwrap();
    assert!(
        matches!(
            error,
            FindError::NotRunning {
                phase: Phase::Pending,
                ..
            }
        ),
        "{error:?}"
    );
}

/// Gives the user of a name some rights in the namespace of `cluster`.
async fn allow(cluster: &Cluster, name: &str, rules: serde_json::Value) {
    let client = cluster.client();
    let roles: Api<rbac::Role> = Api::namespaced(client.clone(), cluster.namespace());
    let bindings: Api<rbac::RoleBinding> = Api::namespaced(client, cluster.namespace());
    let role = json!({"metadata": {"name": name}, "rules": rules});
    let binding = json!({
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}],
    });
    let create = PostParams::default();
    roles
        .create(&create, &serde_json::from_value(role).unwrap())
        .await
        .unwrap();
    bindings
        .create(&create, &serde_json::from_value(binding).unwrap())
        .await
        .unwrap();
}

async fn forbid(cluster: &Cluster, name: &str) {
    let client = cluster.client();
    let roles: Api<rbac::Role> = Api::namespaced(client.clone(), cluster.namespace());
    let bindings: Api<rbac::RoleBinding> = Api::namespaced(client, cluster.namespace());
    roles.delete(name, &DeleteParams::default()).await.unwrap();
    bindings.delete(name, &DeleteParams::default()).await.unwrap();
}

async fn until(watch: &mut PodWatch, is_so: impl Fn(&Result<Found, FindError>) -> bool) {
    let changed = async { while !is_so(&watch.changed().await) {} };
    timeout(Duration::from_secs(60), changed).await.unwrap();
}

#[tokio::test]
async fn a_service_and_its_pod_are_kept_in_sight_with_any_rights() {
    let rule = |resources: &[&str], verbs: &[&str]| json!({"apiGroups": ["", "apps", "discovery.k8s.io"], "resources": resources, "verbs": verbs});
    let objects = ["pods", "services"];
    for (test, rules) in [
        ("sight-all", json!([rule(&["*"], &["get", "list", "watch"])])),
        ("sight-kubectl", json!([rule(&objects, &["get", "list"])])),
        (
            "sight-slices",
            json!([
                rule(&objects, &["get", "list"]),
                rule(&["endpointslices"], &["list"])
            ]),
        ),
        ("sight-watch", json!([rule(&objects, &["get", "list", "watch"])])),
    ] {
        let Some(fixture) = Fixture::new(test).await else {
            return;
        };
        allow(&fixture.cluster, &fixture.name, rules).await;
        let options = Options {
            kubeconfig: kubeconfig(),
            impersonate_user: Some(fixture.name.clone()),
            ..Options::default()
        };
        let user = Cluster::connect(options).await.unwrap();
        let mut service = user.watch(&fixture.target("svc"));
        let mut pod = user.watch(&fixture.target("pod"));
        service.hurry(true);
        pod.hurry(true);
        let runs = |found: &Result<Found, FindError>| {
            found.as_ref().is_ok_and(|found| {
                found
                    .pods
                    .iter()
                    .any(|pod| pod.ready && !pod.containers.is_empty())
            })
        };
        until(&mut service, runs).await;
        until(&mut pod, runs).await;
        let now = DeleteParams::default();
        fixture.pods().delete(&fixture.name, &now).await.unwrap();
        until(&mut service, |found| {
            found.as_ref().is_ok_and(|found| found.pods.is_empty())
        })
        .await;
        let is_gone = |found: &Result<Found, FindError>| found.as_ref().is_err_and(FindError::is_not_found);
        until(&mut pod, is_gone).await;
        fixture.services().delete(&fixture.name, &now).await.unwrap();
        until(&mut service, is_gone).await;
        forbid(&fixture.cluster, &fixture.name).await;
    }
}
