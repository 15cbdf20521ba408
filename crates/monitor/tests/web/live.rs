//! What a page is told of real traffic.

use podline_monitor::pcap::{CaptureOptions, Destination};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use tokio::time::timeout;

use crate::stage::{PATIENCE, Stage};

/// How everything is, where `pick` finds what it looks for.
fn now<T>(pick: impl Fn(&Value) -> Option<T>) -> impl Fn(&Value) -> Option<T> {
    move |told| (told["kind"] == "now").then(|| pick(told)).flatten()
}

/// The row of the connection of an app, if it is in sight.
fn row(now: &Value, peer: &str) -> Option<Value> {
    let rows = now["connections"]["rows"].as_array().unwrap();
    rows.iter().find(|row| row["peer"] == peer).cloned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_shown_from_its_beginning_to_its_end_and_can_be_ended() {
    let stage = Stage::new("pod/tools", ":7").await;
    let client = stage.client();
    let mut live = client.live(&json!({"rows": 100})).await;
    live.next(|told| (told["kind"] == "hello").then_some(())).await;
    let mut app = stage.connect().await;
    let peer = app.local_addr().unwrap().to_string();
    app.write_all(b"hello").await.unwrap();
    app.read_exact(&mut [0; 5]).await.unwrap();
    let open = live
        .next(now(|now| row(now, &peer).filter(|row| row["received"] == 5)))
        .await;
    assert_eq!(
        (&open["state"], &open["pod"], &open["port"], &open["sent"]),
        (&json!("open"), &json!("tools"), &json!(7), &json!(5))
    );
    assert!(open["first_byte_ms"].is_f64() && open["reason"].is_null());
    let forward = live.next(now(|now| Some(now["forwards"][0].clone()))).await;
    assert_eq!(
        (&forward["target"], &forward["open"]),
        (&json!("pod/tools"), &json!(1))
    );
    assert_eq!(forward["pods"][0]["state"], "ready");

    let end = json!({"forward": 0, "id": open["id"]});
    assert_eq!(client.post("/api/end", &end).await.status, 204);
    let error = app.read_exact(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let ended = live
        .next(now(|now| row(now, &peer).filter(|row| row["state"] != "open")))
        .await;
    assert_eq!(ended["state"], "killed");
    assert_eq!(ended["reason"], "it was ended on request");
    assert_eq!(client.post("/api/end", &end).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_told_as_they_happen_and_again_to_who_comes_later() {
    let stage = Stage::new("pod/tools", ":7").await;
    let client = stage.client();
    let mut live = client.live(&json!({})).await;
    live.next(now(|_| Some(()))).await;
    stage
        .minicluster
        .store()
        .delete_pod("default", "tools")
        .await
        .unwrap();
    let is_gone = |told: &Value| {
        let sentence = told["sentence"].as_str().unwrap_or_default();
        (told["kind"] == "event" && sentence.contains("pod tools is gone")).then(|| told.clone())
    };
    let gone = live.next(is_gone).await;
    assert_eq!(
        (&gone["weight"], &gone["forward"]),
        (&json!("warning"), &json!(0))
    );
    let again = client.live(&json!({})).await.next(is_gone).await;
    assert_eq!(gone, again);
    // Who has it is told what comes after it only.
    let mut since = client.live(&json!({"since": gone["number"]})).await;
    let first = since
        .next(|told| (told["kind"] != "hello").then(|| told.clone()))
        .await;
    let is_new = first["kind"] == "now" || first["number"].as_u64() > gone["number"].as_u64();
    assert!(is_new, "{first}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_has_what_went_through_in_each_second() {
    let stage = Stage::new("pod/tools", ":7").await;
    let mut live = stage.client().live(&json!({})).await;
    let mut app = stage.connect().await;
    app.write_all(&[7; 1000]).await.unwrap();
    app.read_exact(&mut [0; 1000]).await.unwrap();
    let sum = |values: &Value| -> u64 { values.as_array().unwrap().iter().filter_map(Value::as_u64).sum() };
    live.next(now(|now| {
        let rates = &now["rates"];
        let counted = (
            sum(&rates["sent"]),
            sum(&rates["received"]),
            sum(&rates["accepted"]),
        );
        (counted == (1000, 1000, 1)).then_some(())
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capture_can_be_downloaded_while_it_runs() {
    let stage = Stage::new("pod/tools", ":7").await;
    let client = stage.client();
    let bearer = client.bearer();
    let headers = [("authorization", bearer.as_str())];
    let none = client.send("GET /api/capture", &headers, "").await;
    assert_eq!(none.status, 404);

    let folder = tempfile::tempdir().unwrap();
    let file = Destination::File(folder.path().join("capture.pcapng"));
    stage.capture.start(&CaptureOptions::new(file)).unwrap();
    let mut live = client.live(&json!({})).await;
    let mut app = stage.connect().await;
    app.write_all(b"carry me home").await.unwrap();
    app.read_exact(&mut [0; 13]).await.unwrap();
    live.next(now(|now| {
        (now["capture"]["packets"].as_u64() > Some(0) && now["capture"]["is_running"] == true).then_some(())
    }))
    .await;
    let written = async {
        loop {
            let answer = client.send("GET /api/capture", &headers, "").await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.headers["content-length"], answer.length.to_string());
            assert_eq!(
                answer.headers["content-disposition"],
                "attachment; filename=\"podline.pcapng\""
            );
            // A section header block comes first, once anything is written.
            assert!(
                answer.length == 0 || answer.body.starts_with("\n\r\r\n"),
                "{answer:?}"
            );
            if answer.body.matches("carry me home").count() == 2 {
                return;
            }
        }
    };
    timeout(PATIENCE, written).await.unwrap();
    assert_eq!(client.send("GET /api/capture", &[], "").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_told_with_its_headers_but_not_with_its_secrets() {
    let stage = Stage::new("svc/web", ":80").await;
    let client = stage.client();
    let mut live = client.live(&json!({})).await;
    let mut app = stage.connect().await;
    let request = "GET /nothing?key=hunter2 HTTP/1.1\r\nHost: shop.example\r\n\
                   Authorization: Bearer hunter2\r\nX-Evil: a\r\nConnection: close\r\n\r\n";
    app.write_all(request.as_bytes()).await.unwrap();
    app.read_to_end(&mut Vec::new()).await.unwrap();
    let told = live
        .next(|told| (told["kind"] == "request").then(|| told.clone()))
        .await;
    assert_eq!(
        (
            &told["method"],
            &told["status"],
            &told["host"],
            &told["is_complete"]
        ),
        (&json!("GET"), &json!(404), &json!("shop.example"), &json!(true))
    );
    assert!(told["target"].as_str().unwrap().starts_with("/nothing?key="));
    let detail = client
        .post("/api/request", &json!({"number": told["number"]}))
        .await;
    assert_eq!(
        (detail.status, detail.headers["content-type"].as_str()),
        (200, "application/json")
    );
    let detail: Value = serde_json::from_str(&detail.body).unwrap();
    let headers = detail["request_headers"].as_array().unwrap();
    assert!(
        headers.contains(&json!({"name": "host", "value": "shop.example"})),
        "{detail}"
    );
    assert!(
        headers.contains(&json!({"name": "authorization", "value": null})),
        "{detail}"
    );
    assert!(!detail["response_headers"].as_array().unwrap().is_empty());
    assert!(!format!("{told}{detail}").contains("hunter2"));
    // Who comes later is told too.
    let later = client
        .live(&json!({}))
        .await
        .next(|told| (told["kind"] == "request").then(|| told.clone()))
        .await;
    assert_eq!(later, told);
    let unknown = client.post("/api/request", &json!({"number": 1_000_000})).await;
    assert_eq!(unknown.status, 404);
}
