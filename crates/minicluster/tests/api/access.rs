//! Who is let in, and how much of what he sends.

use std::sync::Arc;

use http::{Request, StatusCode};
use http_body_util::Full;
use podline_minicluster::{Credential, Rule, User};
use serde_json::json;

use crate::support::{Client, read};
use crate::{PODS, admin, start};

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
