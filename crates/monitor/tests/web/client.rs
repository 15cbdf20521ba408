//! A plain HTTP client that says whatever it is told to say.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::stage::PATIENCE;

/// Knows where the page is, and its token.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
}

/// An answer, as far as it was read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// By lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
    /// What is no text in it is replaced.
    pub(crate) body: String,
    /// Bytes of the body.
    pub(crate) length: usize,
}

/// The lines of a live stream.
pub(crate) struct Lines {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, token: &str) -> Self {
        Self {
            address,
            token: token.to_owned(),
        }
    }

    /// Sends these bytes, and reads until the server closes the connection.
    pub(crate) async fn raw(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // A server that has answered need not take the rest, and may end with a reset then.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut bytes = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap();
        Answer::read(&bytes)
    }

    /// A request with these headers, and a Host.
    pub(crate) async fn send(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.raw(&self.request(line, headers, body)).await
    }

    /// What the page itself would ask.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        let (bearer, origin) = (self.bearer(), self.origin());
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("origin", origin.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        self.send(&format!("POST {path}"), &headers, &body.to_string())
            .await
    }

    /// Listens to what happens.
    pub(crate) async fn live(&self, query: &Value) -> Lines {
        let bearer = self.bearer();
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = self.request("POST /api/live", &headers, &query.to_string());
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut lines = Lines {
            stream: BufReader::new(stream),
        };
        assert_eq!(lines.line().await.unwrap(), "HTTP/1.1 200 OK");
        while !lines.line().await.unwrap().is_empty() {}
        lines
    }

    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    fn request(&self, line: &str, headers: &[(&str, &str)], body: &str) -> String {
        let mut request = format!(
            "{line} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n",
            self.address,
            body.len()
        );
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request + "\r\n" + body
    }
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        let (head, body) = bytes.split_at(end.map_or(bytes.len(), |end| end + 4));
        let head = String::from_utf8_lossy(head);
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap_or("0");
        let headers = lines.filter_map(|line| line.split_once(": "));
        Self {
            status: status.parse().unwrap(),
            headers: headers
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect(),
            body: String::from_utf8_lossy(body).into_owned(),
            length: body.len(),
        }
    }
}

impl Lines {
    /// The next line, as it is on the wire; `None` at the end.
    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let length = timeout(PATIENCE, self.stream.read_line(&mut line)).await;
        (length.unwrap().unwrap_or(0) > 0).then(|| line.trim_end().to_owned())
    }

    /// The next JSON object that `pick` takes.
    pub(crate) async fn next<T>(&mut self, mut pick: impl FnMut(&Value) -> Option<T>) -> T {
        let wait = async {
            loop {
                // Between the objects are the heads of chunks.
                let line = self.line().await.expect("the stream goes on");
                if let Ok(told @ Value::Object(_)) = serde_json::from_str(&line)
                    && let Some(picked) = pick(&told)
                {
                    return picked;
                }
            }
        };
        timeout(PATIENCE, wait).await.unwrap()
    }

    /// Waits until the server ends the stream.
    pub(crate) async fn ended(&mut self) {
        while self.line().await.is_some() {}
    }
}
