//! Watches from their beginning to their end.

use serde_json::json;

use crate::{PODS, admin, start};

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
