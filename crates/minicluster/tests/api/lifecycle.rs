//! Starting, ending, and changing the cluster from behind.

use http::{Request, StatusCode};
use http_body_util::Full;
use podline_minicluster::{Config, Minicluster, StartError, manifest, node::ApiFault};
use serde_json::json;

use crate::{PODS, admin, names, start};

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
async fn a_crash_and_the_restart_after_it_are_in_the_pods_status() {
    let minicluster = start().await;
    let mut client = admin(&minicluster).await;
    let path = format!("{PODS}/lone");
    minicluster.kill_processes("default", "lone").await.unwrap();
    let (_, pod) = client.get(&path).await;
    let container = &pod["status"]["containerStatuses"][0];
    assert_eq!(container["state"]["terminated"]["exitCode"], 137);
    assert_eq!(
        (&container["ready"], &container["restartCount"]),
        (&json!(false), &json!(0))
    );
    assert_eq!(pod["status"]["phase"], "Running");

    minicluster.restart_processes("default", "lone").await.unwrap();
    let (_, pod) = client.get(&path).await;
    let container = &pod["status"]["containerStatuses"][0];
    assert!(container["state"]["running"]["startedAt"].is_string());
    assert_eq!(container["lastState"]["terminated"]["exitCode"], 137);
    assert_eq!(
        (&container["ready"], &container["restartCount"]),
        (&json!(true), &json!(1))
    );

    minicluster.end_processes("default", "lone", 0).await.unwrap();
    let (_, pod) = client.get(&path).await;
    let container = &pod["status"]["containerStatuses"][0];
    assert_eq!(container["state"]["terminated"]["reason"], "Completed");
}

#[tokio::test]
async fn an_evicted_pod_has_failed_and_is_replaced_by_its_owner() {
    let minicluster = start().await;
    let (store, mut client) = (minicluster.store(), admin(&minicluster).await);
    store.scale("default", "web", 1).unwrap();
    store.wait_for_pods("default", "web", 1).await.unwrap();
    let evicted = store
        .pods("default")
        .into_iter()
        .find(|pod| pod.labels["app"] == "web")
        .unwrap()
        .name;
    minicluster.evict("default", &evicted).await.unwrap();
    store.wait_for_pods("default", "web", 1).await.unwrap();
    let (_, pod) = client.get(&format!("{PODS}/{evicted}")).await;
    assert_eq!(
        (&pod["status"]["phase"], &pod["status"]["reason"]),
        (&json!("Failed"), &json!("Evicted"))
    );
    store.delete_pod("default", &evicted).await.unwrap();
}

#[tokio::test]
async fn a_server_in_trouble_answers_every_request_alike() {
    let minicluster = start().await;
    for status in [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::SERVICE_UNAVAILABLE,
    ] {
        minicluster
            .faults()
            .set(|faults| faults.api = ApiFault::Answer(status));
        for path in [PODS, "/readyz", "/version"] {
            // The server ends a connection with such an answer.
            let (answered, body) = admin(&minicluster).await.get(path).await;
            assert_eq!((answered, &body["kind"]), (status, &json!("Status")), "{path}");
        }
    }
    minicluster.faults().clear();
    assert_eq!(admin(&minicluster).await.get(PODS).await.0, StatusCode::OK);
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
async fn a_moved_api_server_is_at_another_address_with_another_certificate() {
    let minicluster = start().await;
    let (address, authority) = (minicluster.address(), minicluster.certificate_authority());
    let token = minicluster.token(podline_minicluster::User::Admin).unwrap();
    minicluster.move_api_server().await.unwrap();
    assert_ne!(minicluster.address(), address);
    assert_ne!(minicluster.certificate_authority(), authority);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    // The client trusts the new authority, and the token is the old one.
    assert_eq!(admin(&minicluster).await.get(PODS).await.0, StatusCode::OK);
    assert_eq!(
        minicluster.token(podline_minicluster::User::Admin).unwrap(),
        token
    );
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
