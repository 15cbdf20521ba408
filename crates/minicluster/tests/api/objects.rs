//! Objects: got, listed, changed, deleted.

use http::{Method, StatusCode};
use podline_minicluster::{User, manifest};
use serde_json::{Value, json};

use crate::support::Client;
use crate::{PODS, WEB, admin, names, start};

#[tokio::test]
async fn discovery_comes_in_both_forms() {
    let minicluster = start().await;
    let mut forwarder = Client::new(&minicluster, User::Forwarder).await;
    let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    for (path, plain) in [("/api", "APIVersions"), ("/apis", "APIGroupList")] {
        assert_eq!(forwarder.get(path).await.1["kind"], plain);
        assert_eq!(forwarder.get_as(path, "application/json").await.1["kind"], plain);
        assert_eq!(
            forwarder.get_as(path, aggregated).await.1["kind"],
            "APIGroupDiscoveryList"
        );
    }
    for path in [
        "/api/v1",
        "/apis/apps/v1",
        "/apis/discovery.k8s.io/v1",
        "/apis/authorization.k8s.io/v1",
    ] {
        assert_eq!(forwarder.get(path).await.1["kind"], "APIResourceList", "{path}");
    }
    assert_eq!(
        forwarder.get("/apis/apps").await.1["preferredVersion"]["version"],
        "v1"
    );
    assert_eq!(forwarder.get("/version").await.1["minor"], "37");
    assert_eq!(forwarder.get("/readyz").await.1, "ok");
    let (status, answer) = forwarder.get("/apis/example.com/v1").await;
    assert_eq!(
        (status, &answer["reason"]),
        (StatusCode::NOT_FOUND, &json!("NotFound"))
    );
}

#[tokio::test]
async fn objects_are_got_and_listed() {
    let minicluster = start().await;
    let mut admin = admin(&minicluster).await;
    let (status, pod) = admin.get(&format!("{PODS}/lone")).await;
    assert_eq!((status, &pod["kind"]), (StatusCode::OK, &json!("Pod")));
    assert_eq!(pod["status"]["phase"], "Running");
    assert_eq!(pod["spec"]["containers"][0]["ports"][0]["name"], "echo");
    let (_, list) = admin.get(PODS).await;
    assert_eq!((&list["kind"], names(&list).len()), (&json!("PodList"), 3));
    let (_, selected) = admin.get(&format!("{PODS}?labelSelector=app%3Dweb")).await;
    assert_eq!(names(&selected).len(), 2);
    let (_, named) = admin
        .get(&format!("{PODS}?fieldSelector=metadata.name%3Dlone"))
        .await;
    assert_eq!(names(&named), ["lone"]);
    let (_, everywhere) = admin.get("/api/v1/services").await;
    assert_eq!(names(&everywhere), ["kubernetes", "web"]);
    let (_, none) = admin.get("/apis/apps/v1/statefulsets").await;
    assert_eq!(
        (&none["kind"], names(&none).len()),
        (&json!("StatefulSetList"), 0)
    );
    let (status, answer) = admin.get(&format!("{PODS}/nobody")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(answer["message"], "pods \"nobody\" not found");
    let (status, answer) = admin
        .get("/apis/apps/v1/namespaces/default/deployments/nobody")
        .await;
    assert_eq!(
        (status, &answer["message"]),
        (
            StatusCode::NOT_FOUND,
            &json!("deployments.apps \"nobody\" not found")
        )
    );
}

#[tokio::test]
async fn a_table_has_kubectls_columns() {
    let minicluster = start().await;
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    let (_, table) = admin(&minicluster).await.get_as(PODS, accept).await;
    assert_eq!(table["kind"], "Table");
    let columns: Vec<&str> = (table["columnDefinitions"].as_array().unwrap().iter())
        .filter(|column| column["priority"] == 0)
        .map(|column| column["name"].as_str().unwrap())
        .collect();
    assert_eq!(columns, ["Name", "Ready", "Status", "Restarts", "Age"]);
    let cells = table["rows"][0]["cells"].as_array().unwrap();
    assert_eq!(cells[..3], [json!("lone"), json!("1/1"), json!("Running")]);
}

#[tokio::test]
async fn a_deleted_pod_of_a_deployment_is_replaced() {
    let minicluster = start().await;
    let mut client = admin(&minicluster).await;
    let (_, list) = client.get(&format!("{PODS}?labelSelector=app%3Dweb")).await;
    let name = names(&list)[0].to_owned();
    let (status, marked) = client.delete(&format!("{PODS}/{name}")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(marked["metadata"]["deletionTimestamp"].is_string());
    minicluster
        .store()
        .wait_for_pods("default", "web", 2)
        .await
        .unwrap();
    let (_, list) = client.get(&format!("{PODS}?labelSelector=app%3Dweb")).await;
    assert!(!names(&list).contains(&name.as_str()));
    assert_eq!(
        client.delete(&format!("{PODS}/nobody")).await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_deletion_may_name_the_uid_that_it_means() {
    let minicluster = start().await;
    let mut client = admin(&minicluster).await;
    let options = json!({"preconditions": {"uid": "other"}});
    let path = format!("{PODS}/lone");
    let (status, answer) = client
        .call(Method::DELETE, &path, Some(("application/json", &options)))
        .await;
    assert_eq!(
        (status, &answer["reason"]),
        (StatusCode::CONFLICT, &json!("Conflict"))
    );
    assert_eq!(client.get(&path).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_deployment_is_scaled_and_restarted() {
    let minicluster = start().await;
    let mut client = admin(&minicluster).await;
    let (status, scale) = client
        .merge(&format!("{WEB}/scale"), &json!({"spec": {"replicas": 3}}))
        .await;
    assert_eq!(
        (status, &scale["kind"], &scale["spec"]["replicas"]),
        (StatusCode::OK, &json!("Scale"), &json!(3))
    );
    minicluster
        .store()
        .wait_for_pods("default", "web", 3)
        .await
        .unwrap();
    let before: Vec<String> = minicluster
        .store()
        .pods("default")
        .into_iter()
        .map(|pod| pod.uid)
        .collect();
    let annotation = json!({"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"});
    let patch = json!({"spec": {"template": {"metadata": {"annotations": annotation}}}});
    let body = Some(("application/strategic-merge-patch+json", &patch));
    let (status, deployment) = client.call(Method::PATCH, WEB, body).await;
    assert_eq!(
        (status, &deployment["metadata"]["generation"]),
        (StatusCode::OK, &json!(3))
    );
    minicluster.store().wait_until_settled().await.unwrap();
    minicluster
        .store()
        .wait_for_pods("default", "web", 3)
        .await
        .unwrap();
    let after = minicluster.store().pods("default");
    let kept: Vec<_> = after
        .iter()
        .filter(|pod| before.contains(&pod.uid))
        .map(|pod| &pod.name)
        .collect();
    assert_eq!(kept, ["lone"]);
    assert_eq!(client.get(WEB).await.1["status"]["observedGeneration"], 3);
    let (status, _) = client
        .merge(&format!("{WEB}/scale"), &json!({"spec": {"replicas": -1}}))
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn an_old_version_of_an_object_is_not_written_back() {
    let minicluster = start().await;
    let mut client = admin(&minicluster).await;
    let (_, mut deployment) = client.get(WEB).await;
    client
        .merge(WEB, &json!({"metadata": {"labels": {"a": "b"}}}))
        .await;
    deployment["metadata"]["labels"]["c"] = "d".into();
    let body = Some(("application/json", &deployment));
    let (status, answer) = client.call(Method::PUT, WEB, body).await;
    assert_eq!(
        (status, &answer["reason"]),
        (StatusCode::CONFLICT, &json!("Conflict"))
    );
}

#[tokio::test]
async fn what_can_not_be_done_is_told() {
    let minicluster = start().await;
    let mut client = admin(&minicluster).await;
    for (method, path, body, expected) in [
        (
            Method::POST,
            "/api/v1/pods",
            json!({}),
            StatusCode::METHOD_NOT_ALLOWED,
        ),
        (Method::PUT, PODS, json!({}), StatusCode::METHOD_NOT_ALLOWED),
        (
            Method::POST,
            PODS,
            json!({"kind": "Service"}),
            StatusCode::BAD_REQUEST,
        ),
        (
            Method::POST,
            PODS,
            json!({"metadata": {"name": "A"}}),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            Method::POST,
            PODS,
            json!({"metadata": {"name": 5}}),
            StatusCode::BAD_REQUEST,
        ),
        (
            Method::POST,
            "/api/v1/namespaces/nowhere/pods",
            json!({"metadata": {"name": "a"}}),
            StatusCode::NOT_FOUND,
        ),
        (
            Method::PUT,
            "/api/v1/namespaces/default/pods/lone",
            json!({"metadata": {"name": "b"}}),
            StatusCode::BAD_REQUEST,
        ),
        (Method::PATCH, WEB, json!({}), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (
            Method::GET,
            "/api/v1/pods?fieldSelector=spec.x%3D1",
            Value::Null,
            StatusCode::BAD_REQUEST,
        ),
        (
            Method::GET,
            "/api/v1/pods?resourceVersion=x",
            Value::Null,
            StatusCode::BAD_REQUEST,
        ),
        (
            Method::GET,
            "/api/v1/pods?resourceVersion=999999",
            Value::Null,
            StatusCode::GATEWAY_TIMEOUT,
        ),
        (
            Method::GET,
            "/api/v1/namespaces/default/pods/lone/log",
            Value::Null,
            StatusCode::NOT_FOUND,
        ),
        (Method::GET, "/nowhere", Value::Null, StatusCode::NOT_FOUND),
    ] {
        let body = (!body.is_null()).then_some(("application/json", &body));
        let (status, answer) = client.call(method.clone(), path, body).await;
        assert_eq!(status, expected, "{method} {path}: {answer}");
    }
    let protobuf = client.get_as(PODS, "application/vnd.kubernetes.protobuf").await.0;
    assert_eq!(protobuf, StatusCode::NOT_ACCEPTABLE);
}

#[tokio::test]
async fn a_pod_is_made_unready_by_its_status() {
    let minicluster = start().await;
    let mut client = admin(&minicluster).await;
    let condition = json!({"type": "Ready", "status": "False"});
    let patch = json!({"metadata": {"labels": {"a": "b"}}, "status": {"conditions": [condition]}});
    let body = Some(("application/strategic-merge-patch+json", &patch));
    let (status, pod) = client
        .call(Method::PATCH, &format!("{PODS}/lone/status"), body)
        .await;
    assert_eq!(
        (status, &pod["status"]["containerStatuses"][0]["ready"]),
        (StatusCode::OK, &json!(false))
    );
    assert_eq!(
        pod["metadata"]["labels"],
        json!({"app": "lone"}),
        "only the status changes"
    );
    let lone = minicluster.store().pods("default").remove(0);
    assert_eq!(
        (lone.name.as_str(), lone.running, lone.ready),
        ("lone", true, false)
    );
}

#[tokio::test]
async fn a_namespace_goes_with_all_that_is_in_it() {
    let minicluster = start().await;
    let mut client = admin(&minicluster).await;
    client
        .post("/api/v1/namespaces", &json!({"metadata": {"name": "other"}}))
        .await;
    let (status, _) = client
        .post("/api/v1/namespaces/other/pods", &manifest::pod("a", &[]))
        .await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(client.delete("/api/v1/namespaces/other").await.0, StatusCode::OK);
    assert_eq!(
        names(&client.get("/api/v1/namespaces/other/pods").await.1).len(),
        0
    );
    assert_eq!(
        client.delete("/api/v1/namespaces/default").await.0,
        StatusCode::FORBIDDEN
    );
}
