//! The API server as a plain HTTPS client sees it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;

use http::{Method, Request, StatusCode};
use http_body_util::Full;
use podline_minicluster::{Config, Credential, Minicluster, Rule, StartError, User, manifest};
use serde_json::{Value, json};
use support::{Client, read};

const PODS: &str = "/api/v1/namespaces/default/pods";
const WEB: &str = "/apis/apps/v1/namespaces/default/deployments/web";

async fn start() -> Minicluster {
    let config = Config::empty()
        .with(manifest::deployment("web", 2, &[("http", 8080, "web")]))
        .with(manifest::service("web", &[("http", 80, "http")]))
        .with(manifest::pod("lone", &[("echo", 7, "echo")]));
    Minicluster::start(config).await.unwrap()
}

async fn admin(minicluster: &Minicluster) -> Client {
    Client::new(minicluster, User::Admin).await
}

fn names(list: &Value) -> Vec<&str> {
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["metadata"]["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn nobody_is_served_without_credentials() {
    let minicluster = start().await;
    let mut anonymous = Client::anonymous(&minicluster).await;
    for path in [
        "/",
        "/version",
        "/readyz",
        "/api",
        PODS,
        "/api/v1/namespaces/default/pods/lone/portforward",
    ] {
        let (status, answer) = anonymous.get(path).await;
        assert_eq!(
            (status, &answer["reason"]),
            (StatusCode::UNAUTHORIZED, &json!("Unauthorized")),
            "{path}"
        );
        assert_eq!(answer["kind"], "Status");
    }
    let mut wrong = Client::with(&minicluster, Some("wrong".to_owned()))
        .await
        .unwrap();
    assert_eq!(wrong.get(PODS).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn revoked_credentials_are_worthless_at_once() {
    let minicluster = start().await;
    let kubeconfig = minicluster
        .kubeconfig_with(User::Admin, Credential::Certificate)
        .unwrap();
    let mut by_token = admin(&minicluster).await;
    let mut by_certificate = Client::by_certificate(&minicluster, &kubeconfig).await.unwrap();
    assert_eq!(by_token.get(PODS).await.0, StatusCode::OK);
    assert_eq!(by_certificate.get(PODS).await.0, StatusCode::OK);
    minicluster.revoke(&User::Admin);
    assert_eq!(by_token.get(PODS).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(by_certificate.get(PODS).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(admin(&minicluster).await.get(PODS).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_certificate_of_another_cluster_is_refused() {
    let (minicluster, other) = (start().await, start().await);
    let kubeconfig = other
        .kubeconfig_with(User::Admin, Credential::Certificate)
        .unwrap();
    let refused = match Client::by_certificate(&minicluster, &kubeconfig).await {
        Err(_) => true,
        // TLS 1.3 tells the client of the refusal only with the first answer.
        Ok(mut client) => client
            .send(Request::get(PODS).body(Full::default()).unwrap())
            .await
            .is_err(),
    };
    assert!(refused);
}

#[tokio::test]
async fn a_resumed_tls_session_keeps_its_certificate() {
    let minicluster = start().await;
    let kubeconfig = minicluster.kubeconfig(User::Admin);
    let config = Arc::new(Client::certificate_config(&minicluster, &kubeconfig));
    for resumed in [false, true, true] {
        let mut client = Client::over_tls(&minicluster, None, Arc::clone(&config))
            .await
            .unwrap();
        assert_eq!(client.resumed, resumed);
        assert_eq!(client.get(PODS).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_foreign_host_is_refused() {
    let minicluster = start().await;
    let mut admin = admin(&minicluster).await;
    for (host, expected) in [
        ("attacker.example:6443", StatusCode::FORBIDDEN),
        ("127.0.0.1.attacker.example", StatusCode::FORBIDDEN),
        ("localhost:1", StatusCode::OK),
        ("kubernetes.default.svc", StatusCode::OK),
    ] {
        let request = Request::get(PODS)
            .header("host", host)
            .body(Full::default())
            .unwrap();
        let (status, answer) = read(admin.send(request).await.unwrap()).await;
        assert_eq!(status, expected, "{host}: {answer}");
    }
}

#[tokio::test]
async fn heads_and_bodies_have_limits() {
    let minicluster = start().await;
    let request =
        |builder: http::request::Builder, body: Vec<u8>| builder.body(Full::new(body.into())).unwrap();
    let large = "a".repeat(80 * 1024);
    let head = request(Request::get(PODS).header("x-large", large), Vec::new());
    let status = admin(&minicluster).await.send(head).await.unwrap().status();
    assert_eq!(status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let mut many = Request::get(PODS);
    for index in 0..200 {
        many = many.header(format!("x-{index}"), "a");
    }
    let status = admin(&minicluster)
        .await
        .send(request(many, Vec::new()))
        .await
        .unwrap()
        .status();
    assert_eq!(status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let post = Request::post(PODS).header("content-type", "application/json");
    let answer = admin(&minicluster)
        .await
        .send(request(post, vec![b' '; 1024 * 1024 + 1]))
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn watches_are_counted() {
    let minicluster = start().await;
    let mut watches = Vec::new();
    for _ in 0..512 {
        watches.push(
            admin(&minicluster)
                .await
                .watch(&format!("{PODS}?watch=1&resourceVersion=1"))
                .await,
        );
    }
    let mut one_more = admin(&minicluster).await;
    let (status, answer) = one_more.get(&format!("{PODS}?watch=1")).await;
    assert_eq!(
        (status, &answer["reason"]),
        (StatusCode::TOO_MANY_REQUESTS, &json!("TooManyRequests"))
    );
    watches.clear();
    // The end of a watch is noticed soon, not at once.
    while one_more.get(&format!("{PODS}?watch=1&timeoutSeconds=1")).await.0 != StatusCode::OK {
        tokio::task::yield_now().await;
    }
}

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
async fn a_watch_goes_on_where_a_list_ended() {
    let minicluster = start().await;
    let mut client = admin(&minicluster).await;
    let (_, list) = client.get(PODS).await;
    let version = list["metadata"]["resourceVersion"].as_str().unwrap();
    let path = format!("{PODS}?watch=true&resourceVersion={version}&labelSelector=app%3Dlone");
    let mut watch = admin(&minicluster).await.watch(&path).await;
    client
        .merge(
            &format!("{PODS}/lone"),
            &json!({"metadata": {"labels": {"x": "y"}}}),
        )
        .await;
    assert_eq!(
        watch.next_name().await,
        ("MODIFIED".to_owned(), "lone".to_owned())
    );
    // An object that ceases to match is gone for the watch, and new when it matches again.
    client
        .merge(
            &format!("{PODS}/lone"),
            &json!({"metadata": {"labels": {"app": "other"}}}),
        )
        .await;
    assert_eq!(watch.next_name().await, ("DELETED".to_owned(), "lone".to_owned()));
    client
        .merge(
            &format!("{PODS}/lone"),
            &json!({"metadata": {"labels": {"app": "lone"}}}),
        )
        .await;
    assert_eq!(watch.next_name().await, ("ADDED".to_owned(), "lone".to_owned()));
    minicluster.store().delete_pod("default", "lone").await.unwrap();
    assert_eq!(
        watch.next_name().await,
        ("MODIFIED".to_owned(), "lone".to_owned())
    );
    assert_eq!(watch.next_name().await, ("DELETED".to_owned(), "lone".to_owned()));
}

#[tokio::test]
async fn a_watch_can_begin_with_all_there_is() {
    let minicluster = start().await;
    let path = "/api/v1/namespaces/default/services?watch=1&sendInitialEvents=true&allowWatchBookmarks=true\
                &resourceVersionMatch=NotOlderThan";
    let mut watch = admin(&minicluster).await.watch(path).await;
    assert_eq!(
        watch.next_name().await,
        ("ADDED".to_owned(), "kubernetes".to_owned())
    );
    assert_eq!(watch.next_name().await, ("ADDED".to_owned(), "web".to_owned()));
    let bookmark = watch.next().await.unwrap();
    assert_eq!(bookmark["type"], "BOOKMARK");
    assert_eq!(
        bookmark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"],
        "true"
    );
    let mut plain = admin(&minicluster)
        .await
        .watch("/api/v1/namespaces/default/services?watch=1")
        .await;
    assert_eq!(
        plain.next_name().await,
        ("ADDED".to_owned(), "kubernetes".to_owned())
    );
}

#[tokio::test]
async fn a_watch_that_fell_behind_is_told_so() {
    let minicluster = start().await;
    let mut live = admin(&minicluster).await.watch(&format!("{PODS}?watch=1")).await;
    for _ in 0..3 {
        assert_eq!(live.next().await.unwrap()["type"], "ADDED");
    }
    minicluster.store().compact();
    let gone = live.next().await.unwrap();
    assert_eq!(
        (&gone["type"], &gone["object"]["code"]),
        (&json!("ERROR"), &json!(410))
    );
    assert_eq!(gone["object"]["reason"], "Expired");
    assert_eq!(live.next().await, None);
    let mut late = admin(&minicluster)
        .await
        .watch(&format!("{PODS}?watch=1&resourceVersion=1"))
        .await;
    assert_eq!(late.next().await.unwrap()["object"]["code"], 410);
}

#[tokio::test]
async fn a_watch_ends_when_its_time_is_over() {
    let minicluster = start().await;
    let path = format!("{PODS}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dlone");
    let mut watch = admin(&minicluster).await.watch(&path).await;
    assert_eq!(watch.next_name().await, ("ADDED".to_owned(), "lone".to_owned()));
    assert_eq!(watch.next().await, None);
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
async fn rules_are_kept_and_named_in_the_answer() {
    let minicluster = start().await;
    let mut forwarder = Client::new(&minicluster, User::Forwarder).await;
    assert_eq!(forwarder.get(&format!("{PODS}/lone")).await.0, StatusCode::OK);
    let (status, answer) = forwarder.delete(&format!("{PODS}/lone")).await;
    assert_eq!(
        (status, &answer["reason"]),
        (StatusCode::FORBIDDEN, &json!("Forbidden"))
    );
    assert_eq!(
        answer["message"],
        "pods \"lone\" is forbidden: User \"forwarder\" cannot delete resource \"pods\" in API group \"\" in the \
         namespace \"default\""
    );
    let (_, answer) = forwarder.get("/api/v1/nodes").await;
    assert_eq!(
        answer["message"],
        "nodes is forbidden: User \"forwarder\" cannot list resource \"nodes\" in API group \"\" at the cluster scope"
    );
    minicluster
        .rules()
        .set(&User::Forwarder, vec![Rule::new("list", "nodes")]);
    assert_eq!(forwarder.get("/api/v1/nodes").await.0, StatusCode::OK);
    assert_eq!(
        forwarder.get(&format!("{PODS}/lone")).await.0,
        StatusCode::FORBIDDEN
    );
}

/// The status of a port-forward to the pod `lone`, over WebSockets or SPDY.
async fn forward(minicluster: &Minicluster, pod: &str, websocket: bool) -> (StatusCode, String) {
    let path = format!("{PODS}/{pod}/portforward");
    let request = match websocket {
        true => Request::get(path)
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-protocol", "SPDY/3.1+portforward.k8s.io"),
        false => Request::post(path)
            .header("upgrade", "SPDY/3.1")
            .header("x-stream-protocol-version", "portforward.k8s.io"),
    };
    let request = request
        .header("connection", "Upgrade")
        .body(Full::default())
        .unwrap();
    let response = Client::new(minicluster, User::Forwarder)
        .await
        .send(request)
        .await
        .unwrap();
    match response.status() {
        StatusCode::SWITCHING_PROTOCOLS => (StatusCode::SWITCHING_PROTOCOLS, String::new()),
        _ => {
            let (status, answer) = read(response).await;
            (status, answer["message"].as_str().unwrap_or_default().to_owned())
        }
    }
}

#[tokio::test]
async fn a_port_forward_needs_create_and_over_websockets_get_too() {
    let minicluster = start().await;
    let rules = |rules| minicluster.rules().set(&User::Forwarder, rules);
    let denied = |verb: &str| {
        let message = format!(
            "pods \"lone\" is forbidden: User \"forwarder\" cannot {verb} resource \"pods/portforward\" in API group \
             \"\" in the namespace \"default\""
        );
        (StatusCode::FORBIDDEN, message)
    };
    let switched = (StatusCode::SWITCHING_PROTOCOLS, String::new());
    rules(vec![Rule::new("create", "pods/portforward")]);
    assert_eq!(forward(&minicluster, "lone", false).await, switched);
    assert_eq!(forward(&minicluster, "lone", true).await, denied("get"));
    rules(vec![Rule::websocket()]);
    assert_eq!(forward(&minicluster, "lone", false).await, denied("create"));
    assert_eq!(forward(&minicluster, "lone", true).await, denied("create"));
    minicluster.rules().set_websocket_needs_create(false);
    assert_eq!(forward(&minicluster, "lone", true).await, switched);
    minicluster.rules().set_websocket_needs_create(true);
    rules(vec![Rule::new("create get", "pods/portforward")]);
    assert_eq!(forward(&minicluster, "lone", true).await, switched);
    let missing = (StatusCode::NOT_FOUND, "pods \"nobody\" not found".to_owned());
    assert_eq!(forward(&minicluster, "nobody", false).await, missing);
    assert_eq!(forward(&minicluster, "nobody", true).await, missing);
}

#[tokio::test]
async fn a_port_forward_that_is_no_upgrade_is_refused() {
    let minicluster = start().await;
    let (status, _) = admin(&minicluster)
        .await
        .post(&format!("{PODS}/lone/portforward"), &Value::Null)
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn reviews_answer_by_the_rules() {
    let minicluster = start().await;
    let mut forwarder = Client::new(&minicluster, User::Forwarder).await;
    for (verb, allowed) in [("create", true), ("get", false)] {
        let review = json!({"spec": {"resourceAttributes": {
            "namespace": "default", "verb": verb, "resource": "pods", "subresource": "portforward",
        }}});
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let (status, answer) = forwarder.post(path, &review).await;
        assert_eq!(
            (status, &answer["status"]["allowed"]),
            (StatusCode::CREATED, &json!(allowed))
        );
    }
    let (_, answer) = forwarder
        .post("/apis/authentication.k8s.io/v1/selfsubjectreviews", &json!({}))
        .await;
    assert_eq!(answer["status"]["userInfo"]["username"], "forwarder");
    let (status, _) = forwarder
        .post(
            "/apis/authentication.k8s.io/v1/selfsubjectaccessreviews",
            &json!({}),
        )
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pods_are_replaced_and_made_unready_from_behind() {
    let minicluster = start().await;
    let store = minicluster.store();
    let pod = |name: &str| store.pods("default").into_iter().find(|pod| pod.name == name);
    let old = pod("lone").unwrap();
    assert_eq!(store.replace_pod("default", "lone").await.unwrap(), "lone");
    let new = pod("lone").unwrap();
    assert_ne!(new.uid, old.uid);
    assert!(new.running && new.ready);

    let web = store
        .pods("default")
        .into_iter()
        .find(|pod| pod.labels["app"] == "web")
        .unwrap()
        .name;
    let successor = store.replace_pod("default", &web).await.unwrap();
    assert!(pod(&web).is_none() && pod(&successor).unwrap().ready);

    store.set_ready("default", &successor, false).unwrap();
    assert!(!pod(&successor).unwrap().ready && pod(&successor).unwrap().running);
    assert!(store.set_ready("default", "nobody", false).is_err());
    store.scale("default", "web", 0).unwrap();
    store.wait_for_pods("default", "web", 0).await.unwrap();
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
async fn held_pods_wait_until_they_are_let_go() {
    let minicluster = start().await;
    let (store, mut client) = (minicluster.store(), admin(&minicluster).await);
    store.hold_pods(true);
    store
        .create(&manifest::pod("late", &[("echo", 7, "echo")]))
        .unwrap();
    assert_eq!(
        client.get(&format!("{PODS}/late")).await.1["status"]["phase"],
        "Pending"
    );
    let rules = vec![Rule::new("create", "pods/portforward")];
    minicluster.rules().set(&User::Forwarder, rules);
    let message = "pod late does not have a host assigned".to_owned();
    assert_eq!(
        forward(&minicluster, "late", false).await,
        (StatusCode::BAD_REQUEST, message)
    );
    store.hold_pods(false);
    store.wait_for_pods("default", "late", 1).await.unwrap();
    assert_eq!(
        forward(&minicluster, "late", false).await.0,
        StatusCode::SWITCHING_PROTOCOLS
    );
}

#[tokio::test]
async fn a_pod_that_can_not_start_says_why_and_is_not_multiplied() {
    let minicluster = start().await;
    let (store, mut client) = (minicluster.store(), admin(&minicluster).await);
    store
        .create(&manifest::deployment("bad", 2, &[("x", 1, "nonsense")]))
        .unwrap();
    let mut watch = admin(&minicluster)
        .await
        .watch(&format!("{PODS}?watch=1&labelSelector=app%3Dbad"))
        .await;
    loop {
        let event = watch.next().await.unwrap();
        let waiting = &event["object"]["status"]["containerStatuses"][0]["state"]["waiting"];
        if waiting["reason"] == "CreateContainerError" {
            assert!(waiting["message"].as_str().unwrap().contains("nonsense"));
            break;
        }
    }
    let (_, list) = client.get(&format!("{PODS}?labelSelector=app%3Dbad")).await;
    assert_eq!(names(&list).len(), 2);
    store.scale("default", "bad", 0).unwrap();
    store.wait_for_pods("default", "bad", 0).await.unwrap();
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

#[tokio::test]
async fn a_crashed_api_server_comes_back_with_all_its_objects() {
    let minicluster = start().await;
    let mut client = admin(&minicluster).await;
    let mut watch = admin(&minicluster)
        .await
        .watch(&format!("{PODS}?watch=1&resourceVersion=1"))
        .await;
    while watch.next_name().await.0 != "MODIFIED" {}
    minicluster.stop_api_server().await;
    while watch.next().await.is_some() {}
    assert!(
        client
            .send(Request::get(PODS).body(Full::default()).unwrap())
            .await
            .is_err()
    );
    assert!(
        tokio::net::TcpStream::connect(minicluster.address())
            .await
            .is_err()
    );
    minicluster.start_api_server().await.unwrap();
    assert_eq!(names(&admin(&minicluster).await.get(PODS).await.1).len(), 3);
}

#[tokio::test]
async fn a_cluster_that_ends_leaves_nothing_open() {
    let minicluster = start().await;
    let address = minicluster.address();
    let mut watch = admin(&minicluster).await.watch(&format!("{PODS}?watch=1")).await;
    minicluster.shutdown().await;
    while watch.next().await.is_some() {}
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn what_a_cluster_can_not_start_with_is_told() {
    let mut config = Config::empty();
    config.listen = "0.0.0.0:0".parse().unwrap();
    assert!(matches!(
        Minicluster::start(config).await,
        Err(StartError::NotLoopback(_))
    ));
    let running = start().await;
    let mut config = Config::empty();
    config.listen = running.address();
    assert!(matches!(
        Minicluster::start(config).await,
        Err(StartError::Listen { .. })
    ));
    let config = Config::empty().with(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}));
    assert!(matches!(
        Minicluster::start(config).await,
        Err(StartError::Manifest { .. })
    ));
}
