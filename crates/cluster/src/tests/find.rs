//! From targets to pods, with kubectl's rights and no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::server::{TestServer, json, running};
use crate::{Cluster, FindError, Target};

fn pod(name: &str, phase: &str, ready: bool) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"), "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"nodeName": "n1", "containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 8080}]}]},
        "status": {"phase": phase, "conditions": [{
            "type": "Ready", "status": if ready { "True" } else { "False" }, "lastTransitionTime": "2026-01-01T00:00:00Z",
        }]},
    })
}

fn list(pods: &[Value]) -> String {
    json(
        "200 OK",
        &json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": pods}),
    )
}

fn forbidden(verb: &str, resource: &str) -> String {
    let message = format!(
        "{resource} is forbidden: User \"me\" cannot {verb} resource \"{resource}\" in API group \"\" in the namespace \"shop\""
    );
    json(
        "403 Forbidden",
        &json!({"kind": "Status", "code": 403, "reason": "Forbidden", "message": message}),
    )
}

fn not_found() -> String {
    json(
        "404 Not Found",
        &json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "not found"}),
    )
}

/// The path and query of a request, without the prefix.
fn path(request: &str) -> &str {
    request
        .split(' ')
        .nth(1)
        .unwrap()
        .strip_prefix("/prefix")
        .unwrap()
}

async fn cluster(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> (TestServer, Cluster) {
    let server = TestServer::start(move |request| answer(path(request))).await;
    let cluster = server.cluster(&json!({"token": "t"})).await;
    (server, cluster)
}

fn target(text: &str) -> Target {
    text.parse().unwrap()
}

fn names(found: &crate::Found) -> Vec<&str> {
    found.pods.iter().map(|pod| &*pod.name).collect()
}

#[tokio::test]
async fn every_kind_comes_to_its_pods_by_its_selector() {
    let labels = json!({"selector": {"matchLabels": {"app": "web", "a": "b"}, "matchExpressions": [
        {"key": "tier", "operator": "In", "values": ["x", "y"]},
        {"key": "old", "operator": "DoesNotExist"},
    ]}, "template": {}, "serviceName": "", "updateStrategy": {}});
    let map = json!({"selector": {"app": "web", "a": "b"}});
    for (kind, object, spec, selector) in [
        ("svc", "/api/v1/namespaces/shop/services/web", &map, "a=b,app=web"),
        (
            "rc",
            "/api/v1/namespaces/shop/replicationcontrollers/web",
            &map,
            "a=b,app=web",
        ),
        (
            "deploy",
            "/apis/apps/v1/namespaces/shop/deployments/web",
            &labels,
            "",
        ),
        ("rs", "/apis/apps/v1/namespaces/shop/replicasets/web", &labels, ""),
        (
            "sts",
            "/apis/apps/v1/namespaces/shop/statefulsets/web",
            &labels,
            "",
        ),
        ("ds", "/apis/apps/v1/namespaces/shop/daemonsets/web", &labels, ""),
        ("job", "/apis/batch/v1/namespaces/shop/jobs/web", &labels, ""),
    ] {
        let body = json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": spec});
        let (server, cluster) = cluster(move |path| {
            if path == object {
                return json("200 OK", &body);
            }
            assert!(path.starts_with("/api/v1/namespaces/shop/pods?"), "{path}");
            list(&[
                pod("slow", "Pending", false),
                pod("unready", "Running", false),
                pod("good", "Running", true),
            ])
        })
        .await;
        let found = cluster.find(&target(&format!("{kind}/web"))).await.unwrap();
        assert_eq!(names(&found), ["good", "unready", "slow"], "{kind}");
        assert_eq!(found.target.namespace.as_deref(), Some("shop"));
        let requests = server.requests();
        assert_eq!(requests.len(), 2, "{kind}: the object and its pods, nothing else");
        let query = path(&requests[1])
            .replace("%3D", "=")
            .replace("%2C", ",")
            .replace("%28", "(")
            .replace("%29", ")");
        if selector.is_empty() {
            for part in ["a=b", "app=web", "tier+in+(x,y)", "!old"] {
                let part = part.replace('!', "%21");
                assert!(
                    query.contains(&part) || query.contains(&part.replace("%21", "!")),
                    "{kind}: {query}"
                );
            }
        } else {
            assert!(
                query.contains(&format!("labelSelector={selector}")),
                "{kind}: {query}"
            );
        }
    }
}

#[tokio::test]
async fn a_pod_takes_one_request_and_no_right_but_to_get_it() {
    let (server, cluster) = cluster(|path| match path {
        "/api/v1/namespaces/shop/pods/web" => json("200 OK", &pod("web", "Running", false)),
        _ => forbidden("list", "pods"),
    })
    .await;
    let found = cluster.find(&target("web")).await.unwrap();
    assert_eq!(
        (names(&found), found.pods[0].uid.as_str()),
        (vec!["web"], "uid-web")
    );
    assert_eq!(server.requests().len(), 1);
    let found = running(&cluster, &target("web"), Duration::ZERO).await.unwrap();
    assert_eq!(names(&found), ["web"]);
}

#[tokio::test]
async fn a_namespace_in_the_target_wins() {
    let (_, cluster) = cluster(|path| match path {
        "/api/v1/namespaces/other/pods/web" => json("200 OK", &pod("web", "Running", true)),
        _ => not_found(),
    })
    .await;
    assert_eq!(
        names(&cluster.find(&target("other/pod/web")).await.unwrap()),
        ["web"]
    );
    let error = cluster.find(&target("pod/web")).await.unwrap_err();
    assert!(matches!(error, FindError::Refused(refusal) if refusal.is_not_found()));
}

#[tokio::test]
async fn long_lists_are_read_in_pages() {
    let (server, cluster) = cluster(|path| {
        if path.contains("/services/") {
            return json(
                "200 OK",
                &json!({"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}}}),
            );
        }
        let (next, pod) = if path.contains("continue=more") {
            ("", pod("last", "Running", true))
        } else {
            ("more", pod("first", "Running", false))
        };
        json("200 OK", &json!({"metadata": {"continue": next}, "items": [pod]}))
    })
    .await;
    assert_eq!(
        names(&cluster.find(&target("svc/web")).await.unwrap()),
        ["last", "first"]
    );
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_service_that_publishes_pods_that_are_not_ready_makes_them_ready() {
    let (_, cluster) = cluster(|path| {
        if path.contains("/services/") {
            let spec = json!({"selector": {"app": "web"}, "publishNotReadyAddresses": true, "sessionAffinity": "ClientIP"});
            return json("200 OK", &json!({"metadata": {"name": "web"}, "spec": spec}));
        }
        list(&[pod("starting", "Pending", false), pod("unready", "Running", false)])
    })
    .await;
    let found = cluster.find(&target("svc/web")).await.unwrap();
    let ready: Vec<(&str, bool)> = found.pods.iter().map(|pod| (&*pod.name, pod.ready)).collect();
    assert_eq!(ready, [("unready", true), ("starting", false)]);
    assert!(found.is_sticky());
}

#[tokio::test]
async fn a_service_without_selector_has_no_pods() {
    let (_, cluster) = cluster(|_| json("200 OK", &json!({"metadata": {"name": "web"}, "spec": {}}))).await;
    let error = cluster.find(&target("svc/web")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "svc/web has no selector, so no pods belong to it"
    );
}

#[tokio::test]
async fn the_missing_right_is_named() {
    let (_, cluster) = cluster(|path| {
        if path.contains("/services/") {
            return json(
                "200 OK",
                &json!({"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}}}),
            );
        }
        forbidden("list", "pods")
    })
    .await;
    let error = cluster.find(&target("svc/web")).await.unwrap_err();
    assert_eq!(
        error.hint().unwrap(),
        "the user needs a role that allows: list pods in namespace shop"
    );
}

#[tokio::test]
async fn a_running_pod_is_waited_for_by_a_watch() {
    let asked = AtomicUsize::new(0);
    let (_, cluster) = cluster(move |path| {
        if path.contains("watch=true") {
            assert!(path.contains("fieldSelector=metadata.name%3Dweb"), "{path}");
            let events = ["Pending", "Running"].map(|phase| {
                let event = json!({"type": "MODIFIED", "object": pod("web", phase, false)});
                format!("{event}\n")
            });
            let chunk = events.concat();
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            return format!("{head}{:x}\r\n{chunk}\r\n", chunk.len());
        }
        match asked.fetch_add(1, Ordering::SeqCst) {
            0 => json("200 OK", &pod("web", "Pending", false)),
            // There is no other answer: what the watch tells has to do.
            _ => String::new(),
        }
    })
    .await;
    let found = running(&cluster, &target("pod/web"), Duration::from_secs(60)).await;
    assert!(found.unwrap().pods[0].is_running());
}

#[tokio::test]
async fn a_running_pod_is_waited_for_by_asking_again_where_watching_is_forbidden() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let (_, cluster) = cluster(move |path| {
        if path.contains("watch=true") {
            return forbidden("watch", "pods");
        }
        let phase = if count.fetch_add(1, Ordering::SeqCst) == 0 {
            "Pending"
        } else {
            "Running"
        };
        json("200 OK", &pod("web", phase, false))
    })
    .await;
    let found = running(&cluster, &target("pod/web"), Duration::from_secs(60))
        .await
        .unwrap();
    assert!(found.pods[0].is_running());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_pod_that_is_over_is_not_waited_for() {
    let (_, cluster) = cluster(|_| json("200 OK", &pod("web", "Succeeded", false))).await;
    let error = running(&cluster, &target("pod/web"), Duration::from_secs(600))
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("unable to forward port because pod is not running. Current status=Succeeded")
    );
    assert!(error.hint().unwrap().contains("never runs again"));
}

#[tokio::test]
async fn no_pods_at_all_is_told_from_none_that_runs() {
    let (_, cluster) = cluster(|path| {
        if path.contains("/services/") {
            return json(
                "200 OK",
                &json!({"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}}}),
            );
        }
        if path.contains("watch=true") {
            forbidden("watch", "pods")
        } else {
            list(&[])
        }
    })
    .await;
    let error = running(&cluster, &target("svc/web"), Duration::ZERO)
        .await
        .unwrap_err();
    assert!(matches!(error, FindError::NoPods { .. }), "{error:?}");
    assert!(cluster.find(&target("svc/web")).await.unwrap().pods.is_empty());
}

#[tokio::test]
async fn an_owner_is_named_so_that_one_can_forward_to_it() {
    let (_, cluster) = cluster(|path| {
        let name = path.rsplit('/').next().unwrap().to_owned();
        let mut pod = pod(&name, "Running", true);
        let (kind, owner) = if name == "web-5f6-x" {
            ("ReplicaSet", "web-5f6")
        } else {
            ("StatefulSet", "db")
        };
        pod["metadata"]["labels"] = json!({"pod-template-hash": "5f6"});
        pod["metadata"]["ownerReferences"] =
            json!([{"apiVersion": "apps/v1", "kind": kind, "name": owner, "uid": "u", "controller": true}]);
        json("200 OK", &pod)
    })
    .await;
    for (name, owner) in [("web-5f6-x", "deployment/web"), ("db-0", "statefulset/db")] {
        let found = cluster.find(&target(name)).await.unwrap();
        assert_eq!(found.pods[0].owner.as_ref().unwrap().target.to_string(), owner);
    }
}

#[tokio::test]
async fn an_answer_that_is_no_answer_is_an_error() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    ] {
        let (_, cluster) = cluster(move |_| answer.to_owned()).await;
        let result = cluster.find(&target("deploy/web")).await;
        assert!(
            matches!(
                result,
                Err(FindError::Answer { .. } | FindError::NoSelector { .. })
            ),
            "{result:?}"
        );
    }
    let (_, cluster) = cluster(|_| "SSH-2.0-OpenSSH\r\nConnection: close\r\n\r\n".to_owned()).await;
    let error = cluster.find(&target("pod/web")).await.unwrap_err();
    assert!(matches!(error, FindError::Connect(_)), "{error:?}");
}
