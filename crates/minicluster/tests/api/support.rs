//! A plain HTTPS client for the minicluster's API, on one connection.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use podline_minicluster::{Minicluster, User};
use rustls::client::WantsClientCert;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, HandshakeKind, RootCertStore};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub(crate) struct Client {
    address: SocketAddr,
    token: Option<String>,
    /// Whether the TLS session is an earlier one.
    pub(crate) resumed: bool,
    connection: SendRequest<Full<Bytes>>,
}

impl Client {
    /// A client that is `user` by token.
    pub(crate) async fn new(minicluster: &Minicluster, user: User) -> Self {
        let token = minicluster.token(user).unwrap();
        Self::with(minicluster, Some(token)).await.unwrap()
    }

    pub(crate) async fn anonymous(minicluster: &Minicluster) -> Self {
        Self::with(minicluster, None).await.unwrap()
    }

    /// A client with the certificate and key of a kubeconfig.
    pub(crate) async fn by_certificate(minicluster: &Minicluster, kubeconfig: &str) -> std::io::Result<Self> {
        let config = Self::certificate_config(minicluster, kubeconfig);
        Self::over_tls(minicluster, None, Arc::new(config)).await
    }

    pub(crate) fn certificate_config(minicluster: &Minicluster, kubeconfig: &str) -> ClientConfig {
        let pem = |field: &str| {
            let line = kubeconfig
                .lines()
                .find(|line| line.trim_start().starts_with(field))
                .unwrap();
            decode_base64(line.rsplit(' ').next().unwrap())
        };
        let certificate = CertificateDer::from_pem_slice(&pem("client-certificate-data:")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(&pem("client-key-data:")).unwrap();
        Self::trusting(minicluster)
            .with_client_auth_cert(vec![certificate], key)
            .unwrap()
    }

    pub(crate) async fn with(minicluster: &Minicluster, token: Option<String>) -> std::io::Result<Self> {
        let config = Self::trusting(minicluster).with_no_client_auth();
        Self::over_tls(minicluster, token, Arc::new(config)).await
    }

    pub(crate) async fn over_tls(
        minicluster: &Minicluster,
        token: Option<String>,
        config: Arc<ClientConfig>,
    ) -> std::io::Result<Self> {
        let address = minicluster.address();
        let stream = TcpStream::connect(address).await?;
        let stream = TlsConnector::from(config)
            .connect(address.ip().into(), stream)
            .await?;
        let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
        let (connection, driver) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(std::io::Error::other)?;
        tokio::spawn(driver.with_upgrades());
        Ok(Self {
            address,
            token,
            resumed,
            connection,
        })
    }

    fn trusting(minicluster: &Minicluster) -> ConfigBuilder<ClientConfig, WantsClientCert> {
        let authority = minicluster.certificate_authority();
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap())
            .unwrap();
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
    }

    /// Sends a request as it is, but for the credentials.
    pub(crate) async fn send(
        &mut self,
        mut request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        let host = self.address.to_string().parse().unwrap();
        request.headers_mut().entry(HOST).or_insert(host);
        if let Some(token) = &self.token {
            request
                .headers_mut()
                .insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        }
        self.connection.ready().await?;
        self.connection.send_request(request).await
    }

    /// Sends a request with a body of a media type, and gives status and JSON (or the text as a JSON string).
    pub(crate) async fn call(
        &mut self,
        method: Method,
        path: &str,
        body: Option<(&str, &Value)>,
    ) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri(path);
        let content = body.map(|(media_type, body)| {
            request
                .headers_mut()
                .unwrap()
                .insert(CONTENT_TYPE, media_type.parse().unwrap());
            Bytes::from(body.to_string())
        });
        let request = request.body(Full::new(content.unwrap_or_default())).unwrap();
        read(self.send(request).await.unwrap()).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> (StatusCode, Value) {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn get_as(&mut self, path: &str, accept: &str) -> (StatusCode, Value) {
        let request = Request::get(path)
            .header("accept", accept)
            .body(Full::default())
            .unwrap();
        read(self.send(request).await.unwrap()).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> (StatusCode, Value) {
        self.call(Method::POST, path, Some(("application/json", body)))
            .await
    }

    pub(crate) async fn merge(&mut self, path: &str, patch: &Value) -> (StatusCode, Value) {
        self.call(Method::PATCH, path, Some(("application/merge-patch+json", patch)))
            .await
    }

    pub(crate) async fn delete(&mut self, path: &str) -> (StatusCode, Value) {
        self.call(Method::DELETE, path, None).await
    }

    /// Starts a watch; this connection serves nothing else any more.
    pub(crate) async fn watch(mut self, path: &str) -> Watch {
        let response = self
            .send(Request::get(path).body(Full::default()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Watch {
            body: response.into_body(),
            buffer: Vec::new(),
            _client: self,
        }
    }
}

pub(crate) struct Watch {
    body: Incoming,
    buffer: Vec<u8>,
    _client: Client,
}

impl Watch {
    /// The next event; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let frame = self.body.frame().await?.ok()?;
            self.buffer.extend_from_slice(frame.data_ref()?);
        }
    }

    /// The next event's type and the name of its object.
    pub(crate) async fn next_name(&mut self) -> (String, String) {
        let event = self.next().await.unwrap();
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        (text(&event["type"]), text(&event["object"]["metadata"]["name"]))
    }
}

pub(crate) async fn read(response: Response<Incoming>) -> (StatusCode, Value) {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let json = serde_json::from_slice(&body)
        .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&body).into_owned()));
    (status, json)
}

fn decode_base64(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}
