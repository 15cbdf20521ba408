//! What is refused, and what every answer says.

use podline_monitor::{Monitor, WebError, WebOptions, WebServer};
use secrecy::ExposeSecret as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::{Answer, Client};
use crate::stage::PATIENCE;

/// A page that shows no forward. It lives as long as what comes first.
async fn page() -> (WebServer, Client) {
    let options = WebOptions {
        address: "127.0.0.1:0".parse().unwrap(),
        allow_remote: false,
    };
    let web = WebServer::start(Monitor::start(), None, options).await.unwrap();
    let (_, token) = web.link().expose_secret().split_once("#token=").unwrap();
    let client = Client::new(web.address(), token);
    (web, client)
}

fn is_protected(answer: &Answer) {
    let header = |name: &str| answer.headers.get(name).map(String::as_str);
    assert_eq!(header("x-frame-options"), Some("DENY"), "{answer:?}");
    assert_eq!(header("referrer-policy"), Some("no-referrer"));
    assert_eq!(header("cache-control"), Some("no-store"));
    assert_eq!(header("x-content-type-options"), Some("nosniff"));
    let policy = header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    for name in answer.headers.keys() {
        assert!(
            !name.starts_with("access-control-") && name != "set-cookie",
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn the_link_has_the_token_in_its_fragment_and_each_run_has_another() {
    let (web, client) = page().await;
    let (other, _) = page().await;
    let link = web.link().expose_secret();
    assert_eq!(*link, format!("http://{}/#token={}", web.address(), client.token));
    assert_eq!(client.token.len(), 43);
    assert!(!other.link().expose_secret().contains(&client.token));
    assert!(!format!("{web:?}").contains(&client.token));
}

#[tokio::test]
async fn the_files_of_the_page_are_for_everybody_and_nothing_else_is() {
    let (_web, client) = page().await;
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/page.css", "text/css; charset=utf-8"),
        ("/page.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let answer = client.send(&format!("GET {path}"), &[], "").await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.headers["content-type"], content_type);
        assert!(!answer.body.is_empty() && !answer.body.contains(&client.token));
        is_protected(&answer);
    }
    for path in ["/api/live", "/api/end", "/favicon.ico", "/../page.js"] {
        let answer = client.send(&format!("GET {path}"), &[], "").await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        is_protected(&answer);
    }
    let bearer = client.bearer();
    let answer = client
        .send("GET /favicon.ico", &[("authorization", &bearer)], "")
        .await;
    assert_eq!(answer.status, 404);
    is_protected(&answer);
}

#[tokio::test]
async fn a_token_is_taken_from_the_authorization_header_alone() {
    let (_web, client) = page().await;
    let token = &client.token;
    let json = ("content-type", "application/json");
    let refused = async |line: &str, headers: &[(&str, &str)]| {
        let answer = client.send(line, headers, "{}").await;
        assert_eq!(answer.status, 401, "{line} {headers:?}");
        is_protected(&answer);
    };
    refused("POST /api/live", &[json]).await;
    refused(&format!("POST /api/live?token={token}"), &[json]).await;
    refused("POST /api/live", &[json, ("cookie", &format!("token={token}"))]).await;
    refused("POST /api/live", &[json, ("authorization", token)]).await;
    let wrong = format!("Bearer {}", token.chars().rev().collect::<String>());
    refused("POST /api/live", &[json, ("authorization", &wrong)]).await;
}

#[tokio::test]
async fn a_name_that_leads_here_does_not_open_the_page() {
    let (_web, client) = page().await;
    let port = client.address.port();
    for host in [
        format!("attacker.example:{port}"),
        format!("localhost:{port}"),
        "127.0.0.1".to_owned(),
    ] {
        let request = format!(
            "GET / HTTP/1.1\r\nhost: {host}\r\nauthorization: {}\r\nconnection: close\r\n\r\n",
            client.bearer()
        );
        let answer = client.raw(&request).await;
        assert_eq!(answer.status, 421, "{host}");
        is_protected(&answer);
    }
    let answer = client.raw("GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(answer.status, 421, "no host at all");
}

#[tokio::test]
async fn a_page_of_another_origin_can_neither_ask_first_nor_act() {
    let (_web, client) = page().await;
    let bearer = client.bearer();
    let preflight = [
        ("origin", "http://attacker.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type"),
    ];
    let answer = client.send("OPTIONS /api/end", &preflight, "").await;
    assert_eq!(answer.status, 403);
    is_protected(&answer);
    for foreign in [
        ("origin", "http://attacker.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            foreign,
        ];
        for path in ["/api/end", "/api/live"] {
            let answer = client.send(&format!("POST {path}"), &headers, "{}").await;
            assert_eq!(answer.status, 403, "{path} {foreign:?}");
            is_protected(&answer);
        }
    }
}

#[tokio::test]
async fn changes_are_made_by_post_and_json_alone() {
    let (_web, client) = page().await;
    let bearer = client.bearer();
    let authorization = ("authorization", bearer.as_str());
    for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = client
            .send(&format!("{method} /api/end"), &[authorization], "")
            .await;
        assert_eq!(answer.status, 405, "{method}");
        is_protected(&answer);
    }
    // What a form of another page could send, if it had the token.
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ] {
        let headers = [authorization, ("content-type", content_type)];
        let answer = client
            .send("POST /api/end", &headers, r#"{"forward":0,"id":1}"#)
            .await;
        assert_eq!(answer.status, 415, "{content_type}");
    }
    let nothing = client.post("/api/end", &json!({"forward": 0, "id": 1})).await;
    assert_eq!(nothing.status, 404);
    let nonsense = client.post("/api/end", &json!({"forward": "x"})).await;
    assert_eq!(nonsense.status, 400);
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let (_web, client) = page().await;
    let large = client
        .post("/api/live", &json!({"filter": "x".repeat(8000)}))
        .await;
    assert_eq!(large.status, 413);
    is_protected(&large);
    let long = client
        .post("/api/live", &json!({"filter": "x".repeat(300)}))
        .await;
    assert_eq!(long.status, 400);
    let head = format!(
        "GET / HTTP/1.1\r\nhost: {}\r\nx: {}\r\n\r\n",
        client.address,
        "x".repeat(20_000)
    );
    let answer = client.raw(&head).await;
    assert!(matches!(answer.status, 400 | 431), "{answer:?}");
    let many = "x: y\r\n".repeat(100);
    let head = format!("GET / HTTP/1.1\r\nhost: {}\r\n{many}\r\n", client.address);
    assert!(matches!(client.raw(&head).await.status, 400 | 431));
}

/// A client that sends its head, or its body, byte by byte for ever would keep its place for ever.
#[tokio::test]
async fn who_does_not_finish_a_request_is_shown_out() {
    let (_web, client) = page().await;
    let head = format!("GET / HTTP/1.1\r\nhost: {}\r\n", client.address);
    let body = format!(
        "POST /api/live HTTP/1.1\r\nhost: {}\r\nauthorization: {}\r\ncontent-type: application/json\r\n\
         content-length: 100\r\n\r\n{{",
        client.address,
        client.bearer()
    );
    let ended = async |request: String| {
        let mut stream = TcpStream::connect(client.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap()
    };
    let (head, body) = tokio::join!(ended(head), ended(body));
    assert!(head.is_ok() && body.is_ok(), "{head:?} {body:?}");
}

#[tokio::test]
async fn streams_are_few_and_are_free_again_when_their_page_is_closed() {
    let (_web, client) = page().await;
    let mut streams = Vec::new();
    for _ in 0..8 {
        streams.push(client.live(&json!({})).await);
    }
    let more = client.post("/api/live", &json!({})).await;
    assert_eq!(more.status, 503);
    streams.pop();
    let again = async {
        loop {
            // The server hears of the end some time after it.
            let request = client.clone();
            let body = json!({"rows": -1});
            let answer = request.post("/api/live", &body).await;
            assert_eq!(answer.status, 400);
            let mut stream = TcpStream::connect(client.address).await.unwrap();
            let head = format!(
                "POST /api/live HTTP/1.1\r\nhost: {}\r\nauthorization: {}\r\ncontent-type: application/json\r\n\
                 content-length: 2\r\n\r\n{{}}",
                client.address,
                client.bearer()
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut status = [0; 12];
            stream.read_exact(&mut status).await.unwrap();
            if status.ends_with(b"200") {
                return;
            }
        }
    };
    timeout(PATIENCE, again).await.unwrap();
}

#[tokio::test]
async fn a_page_ends_with_what_serves_it() {
    let (web, client) = page().await;
    let mut live = client.live(&json!({})).await;
    live.next(|told| (told["kind"] == "now").then_some(())).await;
    drop(web);
    live.ended().await;
}

#[tokio::test]
async fn other_machines_are_let_in_only_if_that_was_allowed() {
    let start = async |address: &str, allow_remote| {
        let options = WebOptions {
            address: address.parse().unwrap(),
            allow_remote,
        };
        WebServer::start(Monitor::start(), None, options).await
    };
    for address in ["0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0", "192.0.2.1:0"] {
        let refused = start(address, false).await;
        assert!(matches!(refused, Err(WebError::Remote(_))), "{address}");
    }
    assert!(!start("127.0.0.1:0", true).await.unwrap().is_remote());
    let web = start("0.0.0.0:0", true).await.unwrap();
    assert!(web.is_remote());
    // Of all its addresses, the link names one that leads here.
    let port = web.address().port();
    let link = web.link().expose_secret();
    let (place, token) = link.split_once("/#token=").unwrap();
    assert_eq!(place, format!("http://127.0.0.1:{port}"));
    let client = Client::new(format!("127.0.0.1:{port}").parse().unwrap(), token);
    assert_eq!(client.send("GET /", &[], "").await.status, 200);
    let taken = start(&format!("127.0.0.1:{port}"), false).await;
    assert!(matches!(taken, Err(WebError::Listen { .. })));
}
