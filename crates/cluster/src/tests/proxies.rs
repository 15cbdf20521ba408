//! Through proxies to a server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::server;
use super::server::{TestServer, connect, read_request};
use crate::environment::Environment;
use crate::{Cluster, ConnectError, FindError};

/// What a proxy does with its first connection, and then with all others.
#[derive(Clone, Copy)]
enum Manner {
    Http,
    HttpRefusing(&'static str),
    Socks,
    SocksRefusing,
}

/// A proxy that leads everything to one server, whatever it is asked for.
struct Proxy {
    address: SocketAddr,
    /// What it was asked for.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn start(manner: Manner, server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(tcp, manner, server, log.clone()));
            }
        });
        Self { address, asked }
    }
}

async fn serve(mut tcp: TcpStream, manner: Manner, server: SocketAddr, log: Arc<Mutex<Vec<String>>>) {
    match manner {
        Manner::Http => {
            let Some(request) = read_request(&mut tcp).await else {
                return;
            };
            log.lock().unwrap().push(request);
            tcp.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
                .await
                .unwrap();
        }
        Manner::HttpRefusing(status) => {
            let Some(_) = read_request(&mut tcp).await else {
                return;
            };
            tcp.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes())
                .await
                .unwrap();
            return;
        }
        Manner::Socks | Manner::SocksRefusing => {
            let mut greeting = [0; 3];
            tcp.read_exact(&mut greeting).await.unwrap();
            tcp.write_all(&[5, 0]).await.unwrap();
            let mut head = [0; 5];
            tcp.read_exact(&mut head).await.unwrap();
            let mut rest = vec![0; usize::from(head[4]) + 2];
            tcp.read_exact(&mut rest).await.unwrap();
            let name = String::from_utf8(rest[..rest.len() - 2].to_vec()).unwrap();
            log.lock().unwrap().push(name);
            let code = if matches!(manner, Manner::Socks) { 0 } else { 2 };
            tcp.write_all(&[5, code, 0, 1, 127, 0, 0, 1, 0, 80])
                .await
                .unwrap();
        }
    }
    let mut server = TcpStream::connect(server).await.unwrap();
    let _ = copy_bidirectional(&mut tcp, &mut server).await;
}

/// A server that has no pod, and a cluster whose way to it leads through a proxy.
async fn cluster(manner: Manner, scheme: &str) -> (Cluster, Proxy) {
    let not_found = server::json(
        "404 Not Found",
        &json!({"kind": "Status", "code": 404, "message": "no such pod"}),
    );
    let authority = server::Authority::new();
    let config = authority.server(&["k8s.example"], |_| {});
    let server = TestServer::start_with(authority, config, move |_| not_found.clone()).await;
    let proxy = Proxy::start(manner, server.address).await;
    let mut kubeconfig = server.kubeconfig(&json!({}));
    // Only the proxy knows this name.
    kubeconfig["clusters"][0]["cluster"]["server"] = "https://k8s.example:6443".into();
    kubeconfig["clusters"][0]["cluster"]["proxy-url"] = format!("{scheme}{}", proxy.address).into();
    (connect(&kubeconfig, &Environment::of(&[])).await.unwrap(), proxy)
}

async fn find(cluster: &Cluster) -> FindError {
    cluster.find(&"pod/web".parse().unwrap()).await.unwrap_err()
}

/// The message of a failure and of what caused it.
fn messages(error: &FindError) -> (String, String) {
    let FindError::Connect(error) = error else {
        panic!("{error:?}")
    };
    let source = std::error::Error::source(&**error).unwrap();
    (error.to_string(), source.to_string())
}

#[tokio::test]
async fn http_connect_leads_to_the_server_by_its_name() {
    let (cluster, proxy) = cluster(Manner::Http, "http://me:s3cret@").await;
    assert_eq!(find(&cluster).await.to_string(), "no such pod");
    let asked = proxy.asked.lock().unwrap()[0].clone();
    assert!(
        asked.starts_with("CONNECT k8s.example:6443 HTTP/1.1\r\n"),
        "{asked}"
    );
    assert!(asked.contains("Host: k8s.example:6443\r\n"), "{asked}");
    assert!(
        asked.contains("Proxy-Authorization: Basic bWU6czNjcmV0\r\n"),
        "{asked}"
    );
    assert!(!asked.contains("\r\nAuthorization"), "{asked}");
}

#[tokio::test]
async fn socks5_leads_to_the_server_by_its_name() {
    let (cluster, proxy) = cluster(Manner::Socks, "socks5://").await;
    assert_eq!(find(&cluster).await.to_string(), "no such pod");
    assert_eq!(proxy.asked.lock().unwrap()[0], "k8s.example");
}

#[tokio::test]
async fn a_proxys_refusal_is_told_from_the_servers() {
    for (manner, scheme, cause) in [
        (
            Manner::HttpRefusing("407 Proxy Authentication Required"),
            "http://",
            "it asks for a user and a password",
        ),
        (
            Manner::HttpRefusing("403 Forbidden"),
            "http://",
            "it answered 403 Forbidden",
        ),
        (
            Manner::SocksRefusing,
            "socks5://",
            "it answered not allowed by its rules",
        ),
    ] {
        let (cluster, proxy) = cluster(manner, scheme).await;
        let (message, source) = messages(&find(&cluster).await);
        assert_eq!(
            message,
            format!(
                "the proxy {scheme}{} did not connect to k8s.example:6443",
                proxy.address
            )
        );
        assert_eq!(source, cause);
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_told() {
    let (_, proxy) = cluster(Manner::Http, "http://").await;
    let unused = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let mut kubeconfig = TestServer::start(|_| String::new()).await.kubeconfig(&json!({}));
    kubeconfig["clusters"][0]["cluster"]["proxy-url"] = format!("http://{unused}").into();
    let gone = connect(&kubeconfig, &Environment::of(&[])).await.unwrap();
    let (message, _) = messages(&find(&gone).await);
    assert!(
        message.starts_with(&format!("the proxy http://{unused}")),
        "{message}"
    );
    assert!(message.contains(" did not connect to localhost:"), "{message}");
    drop(proxy);
}

#[tokio::test]
async fn an_https_proxy_carries_tls_in_tls() {
    let not_found = server::json(
        "404 Not Found",
        &json!({"kind": "Status", "code": 404, "message": "no such pod"}),
    );
    let target = TestServer::start(move |_| not_found.clone()).await;
    // The proxy's certificate is of the same authority, so that the kubeconfig's authority covers it.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = target.authority.server(&["localhost"], |_| {});
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let server = target.address;
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut tls = acceptor.accept(tcp).await.unwrap();
                read_request(&mut tls).await.unwrap();
                tls.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let mut server = TcpStream::connect(server).await.unwrap();
                let _ = copy_bidirectional(&mut tls, &mut server).await;
            });
        }
    });
    let mut kubeconfig = target.kubeconfig(&json!({}));
    kubeconfig["clusters"][0]["cluster"]["proxy-url"] = format!("https://localhost:{port}").into();
    let cluster = connect(&kubeconfig, &Environment::of(&[])).await.unwrap();
    let error = find(&cluster).await;
    assert_eq!(error.to_string(), "no such pod", "{error:?}");
}

#[tokio::test]
async fn the_environments_proxy_is_used_unless_the_server_is_an_exception() {
    let (_, proxy) = cluster(Manner::Http, "http://").await;
    let mut kubeconfig = TestServer::start(|_| String::new()).await.kubeconfig(&json!({}));
    kubeconfig["clusters"][0]["cluster"]["server"] = "https://k8s.invalid:6443".into();
    let url = format!("http://{}", proxy.address);
    let environment = Environment::of(&[("HTTPS_PROXY", &url)]);
    find(&connect(&kubeconfig, &environment).await.unwrap()).await;
    assert!(proxy.asked.lock().unwrap()[0].starts_with("CONNECT k8s.invalid:6443 "));
    let environment = Environment::of(&[("HTTPS_PROXY", &url), ("NO_PROXY", ".invalid")]);
    let error = find(&connect(&kubeconfig, &environment).await.unwrap()).await;
    assert!(
        matches!(&error, FindError::Connect(error) if matches!(**error, ConnectError::Dns { .. })),
        "{error:?}"
    );
}
