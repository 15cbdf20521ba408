//! The way into pods, as far as the API server decides on it.

use http::{Request, StatusCode};
use http_body_util::Full;
use podline_minicluster::{Minicluster, Rule, User, manifest};
use serde_json::Value;

use crate::support::{Client, read};
use crate::{PODS, admin, start};

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
