//! Failures of TLS are told apart.

use rcgen::date_time_ymd;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::server::{Authority, TestServer, connect};
use crate::environment::Environment;
use crate::{Cluster, ConnectError, FindError, TlsFault};

/// What finding a pod fails with.
async fn failure(cluster: &Cluster) -> TlsFault {
    let error = cluster.find(&"pod/web".parse().unwrap()).await.unwrap_err();
    assert!(
        error.to_string().starts_with("no TLS session with https://"),
        "{error}"
    );
    let FindError::Connect(error) = error else {
        panic!("{error:?}")
    };
    match std::sync::Arc::into_inner(error) {
        Some(ConnectError::Tls { source, .. }) => source,
        other => panic!("{other:?}"),
    }
}

async fn fault_of(server: &TestServer) -> TlsFault {
    failure(&server.cluster(&json!({"token": "x"})).await).await
}

async fn server(names: &[&str], change: impl FnOnce(&mut rcgen::CertificateParams)) -> TestServer {
    let authority = Authority::new();
    let config = authority.server(names, change);
    TestServer::start_with(authority, config, |_| {
        super::server::json("404 Not Found", &json!({"code": 404, "message": "gone"}))
    })
    .await
}

#[tokio::test]
async fn an_expired_certificate_is_told() {
    let server = server(&["localhost"], |params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    });
    let fault = fault_of(&server.await).await;
    assert!(matches!(fault, TlsFault::CertificateExpired), "{fault:?}");
}

#[tokio::test]
async fn a_certificate_of_the_future_is_told() {
    let server = server(&["localhost"], |params| {
        params.not_before = date_time_ymd(3020, 1, 1);
        params.not_after = date_time_ymd(3021, 1, 1);
    });
    let fault = fault_of(&server.await).await;
    assert!(matches!(fault, TlsFault::CertificateNotYetValid), "{fault:?}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_told_with_its_names() {
    let server = server(&["k8s.example"], |_| {}).await;
    let fault = fault_of(&server).await;
    assert_eq!(
        fault.to_string(),
        "the server's certificate is not for localhost but for k8s.example"
    );
    assert!(fault.hint().unwrap().contains("--tls-server-name"));

    let mut kubeconfig = server.kubeconfig(&json!({}));
    kubeconfig["clusters"][0]["cluster"]["tls-server-name"] = "k8s.example".into();
    let cluster = connect(&kubeconfig, &Environment::of(&[])).await.unwrap();
    let error = cluster.find(&"pod/web".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.to_string(), "gone");
}

#[tokio::test]
async fn an_unknown_authority_is_told() {
    let other = Authority::new();
    let config = other.server(&["localhost"], |_| {});
    let server = TestServer::start_with(Authority::new(), config, |_| String::new()).await;
    let fault = fault_of(&server).await;
    assert!(matches!(fault, TlsFault::UnknownIssuer), "{fault:?}");
    assert!(fault.hint().unwrap().contains("--certificate-authority"));
}

#[tokio::test]
async fn any_certificate_will_do_where_that_was_asked_for() {
    let answer = super::server::json(
        "404 Not Found",
        &json!({"kind": "Status", "code": 404, "message": "gone"}),
    );
    let authority = Authority::new();
    let config = authority.server(&["k8s.example"], |params| {
        params.not_after = date_time_ymd(2021, 1, 1);
    });
    let server = TestServer::start_with(authority, config, move |_| answer.clone()).await;
    let mut kubeconfig = server.kubeconfig(&json!({}));
    let cluster = &mut kubeconfig["clusters"][0]["cluster"];
    cluster["certificate-authority-data"] = Value::Null;
    cluster["insecure-skip-tls-verify"] = true.into();
    let cluster = connect(&kubeconfig, &Environment::of(&[])).await.unwrap();
    let error = cluster.find(&"pod/web".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.to_string(), "gone");
}

#[tokio::test]
async fn a_server_without_tls_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let _ = tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let mut kubeconfig = server(&["localhost"], |_| {}).await.kubeconfig(&json!({}));
    kubeconfig["clusters"][0]["cluster"]["server"] = format!("https://localhost:{port}").into();
    let fault = failure(&connect(&kubeconfig, &Environment::of(&[])).await.unwrap()).await;
    assert!(matches!(fault, TlsFault::NotTls), "{fault:?}");
}
