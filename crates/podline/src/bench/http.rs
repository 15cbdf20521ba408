use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::Either;
use http::header::{ACCEPT, HOST, USER_AGENT};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use podline_cluster::{AGENT, unverified_tls};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::failure::Failure;
use super::link::Exchanged;
use crate::HttpPath;

/// An app that asks for one path.
#[derive(Clone)]
pub(super) struct HttpApp {
    host: String,
    path: Uri,
    tls: Option<Arc<ClientConfig>>,
    /// The status of the first answer: others are failures.
    pub(super) status: Option<u16>,
}

/// A connection that HTTP/1.1 is spoken on.
pub(super) struct HttpLink {
    requests: SendRequest<Empty<Bytes>>,
    connection: AbortOnDropHandle<hyper::Result<()>>,
}

impl HttpApp {
    /// Asks the server at the local port `port` for `path`, by TLS if `tls`; the server's certificate is not looked at.
    ///
    /// # Errors
    /// Why it cannot be asked for.
    pub(super) fn new(path: &HttpPath, port: u16, tls: bool) -> Result<Self, String> {
        let uri = path.to_string().parse::<Uri>();
        let tls = tls.then(unverified_tls).transpose();
        Ok(Self {
            host: format!("localhost:{port}"),
            path: uri.map_err(|error| format!("HTTP cannot ask for {path}: {error}"))?,
            tls: tls.map_err(|error| format!("TLS cannot be spoken: {error}"))?,
            status: None,
        })
    }

    /// Begins to speak on a connection.
    pub(super) async fn open(&self, stream: TcpStream) -> Result<HttpLink, Failure> {
        let stream = match &self.tls {
            None => Either::Left(stream),
            Some(config) => {
                let name = ServerName::try_from("localhost").expect("it is a DNS name");
                let connector = TlsConnector::from(config.clone());
                let secured = connector.connect(name, stream).await;
                Either::Right(secured.map_err(Failure::of_tls)?)
            }
        };
        match stream {
            Either::Left(stream) => HttpLink::new(TokioIo::new(stream)).await,
            Either::Right(stream) => HttpLink::new(TokioIo::new(stream)).await,
        }
    }

    fn request(&self) -> Request<Empty<Bytes>> {
        Request::get(self.path.clone())
            .header(HOST, &self.host)
            .header(USER_AGENT, AGENT)
            .header(ACCEPT, "*/*")
            .body(Empty::new())
            .expect("a path and a host make a request")
    }
}

impl fmt::Debug for HttpApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpApp")
            .field("path", &self.path)
            .field("is_tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

impl HttpLink {
    async fn new<I>(io: I) -> Result<Self, Failure>
    where
        I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    {
        let (requests, connection) = handshake(io).await?;
        Ok(Self {
            requests,
            connection: AbortOnDropHandle::new(tokio::spawn(connection)),
        })
    }

    /// Asks, and reads the whole answer.
    pub(super) async fn exchange(&mut self, app: &HttpApp) -> Result<Exchanged, Failure> {
        let begun = Instant::now();
        let mut answer = self.ask(app).await?;
        let first = begun.elapsed();
        while let Some(frame) = answer.body_mut().frame().await {
            frame?;
        }
        Ok(Exchanged {
            first,
            whole: begun.elapsed(),
        })
    }

    /// Asks, and gives the answer once its head is there.
    pub(super) async fn ask(&mut self, app: &HttpApp) -> Result<Response<Incoming>, Failure> {
        let answer = match self.requests.ready().await {
            Ok(()) => self.requests.send_request(app.request()).await,
            Err(error) => Err(error),
        };
        let answer = match answer {
            Ok(answer) => answer,
            // The request was never sent: why is known where the connection was.
            Err(error) if error.is_canceled() || error.is_closed() => {
                return Err(match (&mut self.connection).await {
                    Ok(Err(cause)) => cause.into(),
                    Ok(Ok(())) | Err(_) => error.into(),
                });
            }
            Err(error) => return Err(error.into()),
        };
        let status = answer.status().as_u16();
        match app.status {
            Some(first) if first != status => Err(Failure::Status(status)),
            _ => Ok(answer),
        }
    }

    /// Whether the server keeps it open for another request.
    pub(super) fn may_go_on(&self) -> bool {
        !self.requests.is_closed() && !self.connection.is_finished()
    }
}
