//! A server with TLS and a certificate authority of its own.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{HandshakeKind, RootCertStore, ServerConfig};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::environment::Environment;
use crate::{Cluster, ConfigError, FindError, Found, Options, Pod, Target};

/// Certificates signed by an authority that nobody else knows.
pub(super) struct Authority {
    pub(super) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "test authority");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    /// Certificate and key, both PEM, after the parameters went through `change`.
    pub(super) fn issue(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "test subject");
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        (
            params.signed_by(&key, &self.issuer).unwrap().pem(),
            key.serialize_pem(),
        )
    }

    /// A server's configuration with a certificate for `names`.
    pub(super) fn server(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> ServerConfig {
        let (certificate, key) = self.issue(names, change);
        config(false, self, &certificate, &key)
    }

    /// As [`Authority::server`], but it wants to see a client's certificate of the same authority.
    pub(super) fn strict_server(&self, names: &[&str]) -> ServerConfig {
        let (certificate, key) = self.issue(names, |_| {});
        config(true, self, &certificate, &key)
    }
}

fn config(strict: bool, authority: &Authority, certificate: &str, key: &str) -> ServerConfig {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = if strict {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap())
            .unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .unwrap();
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

/// What a server saw.
#[derive(Default)]
pub(super) struct Seen {
    /// Each request, head and body.
    pub(super) requests: Vec<String>,
    /// How many connections it accepted.
    pub(super) connections: usize,
    /// How many of their TLS handshakes resumed an earlier session.
    pub(super) resumed: usize,
    /// How many clients showed a certificate.
    pub(super) certificates: usize,
}

/// A server on this machine that answers requests.
pub(super) struct TestServer {
    pub(super) address: SocketAddr,
    pub(super) authority: Authority,
    pub(super) seen: Arc<Mutex<Seen>>,
}

impl TestServer {
    /// Answers each request, given whole, with what `answer` makes of it; after a 101 it sends everything back.
    pub(super) async fn start(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let authority = Authority::new();
        let config = authority.server(&["localhost", "127.0.0.1"], |_| {});
        Self::start_with(authority, config, answer).await
    }

    pub(super) async fn start_with(
        authority: Authority,
        config: ServerConfig,
        answer: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (acceptor, answer) = (TlsAcceptor::from(Arc::new(config)), Arc::new(answer));
        let shared = seen.clone();
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let (acceptor, answer, seen) = (acceptor.clone(), answer.clone(), shared.clone());
                tokio::spawn(async move {
                    seen.lock().unwrap().connections += 1;
                    let Ok(tls) = acceptor.accept(tcp).await else {
                        return;
                    };
                    {
                        let mut seen = seen.lock().unwrap();
                        let session = tls.get_ref().1;
                        seen.resumed += usize::from(session.handshake_kind() == Some(HandshakeKind::Resumed));
                        seen.certificates += usize::from(session.peer_certificates().is_some());
                    }
                    serve(tls, &*answer, &seen).await;
                });
            }
        });
        Self {
            address,
            authority,
            seen,
        }
    }

    /// A kubeconfig with this server and a user, whose fields are given in JSON.
    pub(super) fn kubeconfig(&self, user: &Value) -> Value {
        serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "me", "namespace": "shop"}}],
            "clusters": [{"name": "test", "cluster": {
                "server": format!("https://localhost:{}/prefix", self.address.port()),
                "certificate-authority-data": STANDARD.encode(&self.authority.pem),
            }}],
            "users": [{"name": "me", "user": user}],
        })
    }

    /// A cluster of that kubeconfig.
    pub(super) async fn cluster(&self, user: &Value) -> Cluster {
        connect(&self.kubeconfig(user), &Environment::of(&[]))
            .await
            .unwrap()
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().requests.clone()
    }
}

/// Waits until one of the target's pods runs.
pub(super) async fn running(cluster: &Cluster, target: &Target, wait: Duration) -> Result<Found, FindError> {
    let runs = |pods: &[Pod]| pods.iter().any(Pod::is_running);
    cluster.watch(target).running(wait, runs).await
}

/// Connects with a kubeconfig that is written to a file for the time.
pub(super) async fn connect(kubeconfig: &Value, environment: &Environment) -> Result<Cluster, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, kubeconfig.to_string()).unwrap();
    Cluster::connect_in(
        &Options {
            kubeconfig: Some(path),
            ..Options::default()
        },
        environment,
    )
    .await
}

async fn serve<T: AsyncRead + AsyncWrite + Unpin>(
    mut io: T,
    answer: &(dyn Fn(&str) -> String + Send + Sync),
    seen: &Mutex<Seen>,
) {
    while let Some(request) = read_request(&mut io).await {
        let answer = answer(&request);
        seen.lock().unwrap().requests.push(request);
        if io.write_all(answer.as_bytes()).await.is_err() || io.flush().await.is_err() {
            return;
        }
        if answer.starts_with("HTTP/1.1 101") {
            let (mut from, mut to) = tokio::io::split(io);
            let _ = tokio::io::copy(&mut from, &mut to).await;
            return;
        }
        if answer.to_lowercase().contains("connection: close") {
            let _ = io.shutdown().await;
            return;
        }
    }
}

/// Reads one request with its body; `None` at the end of the connection.
pub(super) async fn read_request<T: AsyncRead + Unpin>(io: &mut T) -> Option<String> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(io.read_u8().await.ok()?);
    }
    let head = String::from_utf8(request.clone()).unwrap().to_lowercase();
    let length = head
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.lines().next());
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    io.read_exact(&mut body).await.ok()?;
    request.extend(body);
    Some(String::from_utf8(request).unwrap())
}

/// A whole answer with a JSON body.
pub(super) fn json(status: &str, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
