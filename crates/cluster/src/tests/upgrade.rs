//! The request for an upgrade, and what becomes of the connection.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use podline_tunnel::{Io, Upgrade, UpgradeAnswer, UpgradeFailure};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::server::{Authority, TestServer};

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: portforward.k8s.io\r\n\r\nGLUED";

fn request() -> Request<()> {
    Request::post("/api/v1/namespaces/shop/pods/web/portforward")
        .header("Connection", "Upgrade")
        .header("Upgrade", "SPDY/3.1")
        .header("X-Stream-Protocol-Version", "portforward.k8s.io")
        .body(())
        .unwrap()
}

async fn echo(mut io: Box<dyn Io>, text: &[u8]) -> Vec<u8> {
    io.write_all(text).await.unwrap();
    io.flush().await.unwrap();
    let mut back = vec![0; text.len()];
    io.read_exact(&mut back).await.unwrap();
    back
}

#[tokio::test]
async fn the_request_has_all_that_the_server_needs_and_the_connection_is_raw_afterwards() {
    let server = TestServer::start(|_| SWITCH.to_owned()).await;
    let user = json!({"token": "s3cret", "as": "jane", "as-groups": ["devs"]});
    let cluster = server.cluster(&user).await;
    let UpgradeAnswer::Switched { head, io, read_ahead } = cluster.upgrade(request()).await.unwrap() else {
        panic!("not switched");
    };
    assert_eq!(head.headers["x-stream-protocol-version"], "portforward.k8s.io");
    assert_eq!(&read_ahead[..], b"GLUED");
    assert!(io.is_write_vectored());
    assert_eq!(echo(io, b"hello").await, b"hello");

    let requests = server.requests();
    let mut lines: Vec<&str> = requests[0].trim_end().lines().collect();
    lines[1..].sort_unstable();
    let port = server.address.port();
    assert_eq!(
        lines,
        [
            "POST /prefix/api/v1/namespaces/shop/pods/web/portforward HTTP/1.1",
            "Authorization: Bearer s3cret",
            "Connection: Upgrade",
            "Content-Length: 0",
            &format!("Host: localhost:{port}"),
            "Impersonate-Group: devs",
            "Impersonate-User: jane",
            "Upgrade: SPDY/3.1",
            concat!("User-Agent: podline/", env!("CARGO_PKG_VERSION")),
            "X-Stream-Protocol-Version: portforward.k8s.io",
        ]
    );
}

#[tokio::test]
async fn large_amounts_pass_both_ways_unchanged() {
    let server = TestServer::start(|_| SWITCH.to_owned()).await;
    let cluster = server.cluster(&json!({"token": "x"})).await;
    let UpgradeAnswer::Switched { io, .. } = cluster.upgrade(request()).await.unwrap() else {
        panic!("not switched")
    };
    let (mut from, mut to) = tokio::io::split(io);
    let data: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let mut back = vec![0; data.len()];
    let (written, read) = tokio::join!(
        async {
            to.write_all(&data).await?;
            to.flush().await
        },
        from.read_exact(&mut back)
    );
    written.unwrap();
    read.unwrap();
    assert!(back == data);
}

#[tokio::test]
async fn every_session_has_a_connection_of_its_own_and_later_ones_resume_tls() {
    let server = TestServer::start(|_| SWITCH.to_owned()).await;
    let cluster = server.cluster(&json!({"token": "x"})).await;
    for _ in 0..4 {
        let UpgradeAnswer::Switched { io, .. } = cluster.upgrade(request()).await.unwrap() else {
            panic!("refused")
        };
        echo(io, b"x").await;
    }
    let seen = server.seen.lock().unwrap();
    assert_eq!((seen.connections, seen.resumed), (4, 3));
}

#[tokio::test]
async fn a_client_certificate_is_shown() {
    let authority = Authority::new();
    let config = authority.strict_server(&["localhost"]);
    let (certificate, key) = authority.issue(&[], |_| {});
    let server = TestServer::start_with(authority, config, |_| SWITCH.to_owned()).await;
    let user = json!({
        "client-certificate-data": STANDARD.encode(certificate),
        "client-key-data": STANDARD.encode(key),
    });
    let cluster = server.cluster(&user).await;
    assert!(matches!(
        cluster.upgrade(request()).await.unwrap(),
        UpgradeAnswer::Switched { .. }
    ));
    assert_eq!(server.seen.lock().unwrap().certificates, 1);
}

#[tokio::test]
async fn a_missing_client_certificate_is_named() {
    let authority = Authority::new();
    let config = authority.strict_server(&["localhost"]);
    let server = TestServer::start_with(authority, config, |_| SWITCH.to_owned()).await;
    let cluster = server.cluster(&json!({"token": "x"})).await;
    let failure = cluster.upgrade(request()).await.unwrap_err();
    let UpgradeFailure::Tls { source } = failure else {
        panic!("{failure:?}")
    };
    let source = source.source().unwrap().to_string();
    let expected = "the server refuses the client certificate: CertificateRequired";
    assert_eq!(source, expected);
    let error = cluster.find(&"pod/web".parse().unwrap()).await.unwrap_err();
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        expected,
        "{error:?}"
    );
}

#[tokio::test]
async fn a_refusal_comes_with_its_body_and_nothing_is_sent_twice() {
    let server =
        TestServer::start(|_| "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy".to_owned())
            .await;
    let cluster = server.cluster(&json!({"token": "x"})).await;
    let UpgradeAnswer::Refused { head, body } = cluster.upgrade(request()).await.unwrap() else {
        panic!("switched")
    };
    assert_eq!((head.status.as_u16(), &body[..]), (503, &b"busy"[..]));
    assert_eq!(server.requests().len(), 1);
}
