//! The app's end of a connection.

use std::{io, time::Duration};

use podline_minicluster::workload::pattern;
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// An app that talks to a pod.
pub(crate) struct App {
    stream: TcpStream,
    patience: Duration,
}

impl App {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            patience: PATIENCE,
        }
    }

    /// Waits for everything by so much longer.
    pub(crate) fn waiting_longer(mut self, by: Duration) -> Self {
        self.patience += by;
        self
    }

    /// The connection itself.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// The port that it has on its own side.
    pub(crate) fn local_port(&self) -> u16 {
        self.stream.local_addr().unwrap().port()
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        timeout(self.patience, self.stream.write_all(bytes))
            .await
            .expect("the bytes are taken in time")
            .unwrap();
    }

    /// Sends for as long as anybody takes it.
    pub(crate) async fn flood(mut self) {
        let bytes = vec![0; 64 * 1024];
        while self.stream.write_all(&bytes).await.is_ok() {}
    }

    /// Sends until the connection is lost.
    pub(crate) async fn flood_until_lost(&mut self) {
        let bytes = vec![0; 64 * 1024];
        let lost = async { while self.stream.write_all(&bytes).await.is_ok() {} };
        timeout(self.patience, lost).await.expect("it is lost in time");
    }

    /// Ends with a reset.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }

    /// Says that it sends no more.
    pub(crate) async fn finish(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// The next `number` bytes.
    pub(crate) async fn receive(&mut self, number: usize) -> Vec<u8> {
        let mut bytes = vec![0; number];
        timeout(self.patience, self.stream.read_exact(&mut bytes))
            .await
            .expect("an answer comes in time")
            .unwrap();
        bytes
    }

    /// All bytes up to the end, and whether it was an orderly one.
    pub(crate) async fn rest(&mut self) -> (Vec<u8>, io::Result<()>) {
        let mut bytes = Vec::new();
        let end = timeout(self.patience, self.stream.read_to_end(&mut bytes))
            .await
            .expect("it ends in time");
        (bytes, end.map(drop))
    }

    /// Sends something and expects it back.
    pub(crate) async fn is_echoed(&mut self, text: &[u8]) {
        self.send(text).await;
        assert_eq!(self.receive(text.len()).await, text);
    }

    /// Takes bytes without looking at them until the connection ends, and says whether that was orderly.
    pub(crate) async fn drain(&mut self) -> io::Result<()> {
        let mut sink = tokio::io::sink();
        let end = tokio::io::copy(&mut self.stream, &mut sink);
        timeout(self.patience, end)
            .await
            .expect("it ends in time")
            .map(drop)
    }

    /// Ends without any more bytes, by a reset.
    pub(crate) async fn is_reset(&mut self) {
        let (bytes, end) = self.rest().await;
        assert_eq!(bytes, b"");
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    /// The body of the answer to a GET.
    pub(crate) async fn get(&mut self, path: &str) -> Vec<u8> {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())
            .await;
        self.answer().await
    }

    /// The body of the answer to a POST.
    pub(crate) async fn post(&mut self, path: &str, body: &[u8]) -> Vec<u8> {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
        self.send(&[head.as_bytes(), body].concat()).await;
        self.answer().await
    }

    async fn answer(&mut self) -> Vec<u8> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.receive(1).await);
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse().unwrap())
        });
        self.receive(length.expect("the answer says how long it is"))
            .await
    }

    /// Takes `number` of the bytes that a source or generator sends, and compares each.
    pub(crate) async fn receive_pattern(&mut self, number: u64) {
        receive_pattern(&mut self.stream, 0, number).await;
    }

    /// The same for the bytes from `from` on.
    pub(crate) async fn receive_pattern_from(&mut self, from: u64, number: u64) {
        receive_pattern(&mut self.stream, from, number).await;
    }

    /// Sends `number` such bytes, and gives their hash in hex.
    pub(crate) async fn send_pattern(&mut self, number: u64) -> String {
        let mut buffer = vec![0; 64 * 1024];
        let mut hash = Sha256::new();
        let mut offset = 0;
        while offset < number {
            let length = (number - offset).min(buffer.len() as u64) as usize;
            pattern::fill(offset, &mut buffer[..length]);
            hash.update(&buffer[..length]);
            self.send(&buffer[..length]).await;
            offset += length as u64;
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Sends `number` such bytes, and at the same time expects them back.
    pub(crate) async fn exchange_pattern(&mut self, number: u64) {
        let patience = self.patience;
        let (mut back, mut forth) = self.stream.split();
        let send = async {
            let mut buffer = vec![0; 64 * 1024];
            let mut offset = 0;
            while offset < number {
                let length = (number - offset).min(buffer.len() as u64) as usize;
                pattern::fill(offset, &mut buffer[..length]);
                forth.write_all(&buffer[..length]).await.unwrap();
                offset += length as u64;
            }
        };
        let receive = receive_pattern(&mut back, 0, number);
        timeout(patience, async { tokio::join!(send, receive) })
            .await
            .expect("the bytes are back in time");
    }
}

async fn receive_pattern(stream: &mut (impl AsyncRead + Unpin), from: u64, number: u64) {
    let mut buffer = vec![0; 64 * 1024];
    let mut offset = from;
    while offset < from + number {
        let wanted = (from + number - offset).min(buffer.len() as u64) as usize;
        let read = timeout(PATIENCE, stream.read(&mut buffer[..wanted])).await;
        let length = read.expect("bytes come in time").unwrap();
        assert_ne!(
            length,
            0,
            "the end came after {offset} of {} bytes",
            from + number
        );
        assert_eq!(
            pattern::first_difference(offset, &buffer[..length]),
            None,
            "after {offset} bytes"
        );
        offset += length as u64;
    }
}
