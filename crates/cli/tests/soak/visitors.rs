//! Those who come through the forward: apps of every kind, each of which knows what it must get.

use std::{
    io,
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use fastrand::Rng;
use podline_minicluster::workload::pattern;
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    ledger::{Place, Verdict},
    mixed::{
        ECHO_ECHO, ECHO_SINK, ECHO_SOURCE, TOOLS_BLACKHOLE, TOOLS_ECHO, TOOLS_GENERATOR, TOOLS_REFUSED,
        TOOLS_SINK, TOOLS_SOURCE, WEB,
    },
};

/// How long one step of a visitor may take: longer than podline holds a connection, and than it takes to find out that a
/// session is dead.
const STEP: Duration = Duration::from_secs(60);

/// Bytes of a piece.
const PIECE: usize = 64 * 1024;

/// A kind of visitor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Takes some of an endless download and leaves.
    Canceller,
    /// Takes a download to its end.
    Downloader,
    /// Says something and hears it back, more than once.
    Echoer,
    /// Says all it has to say, ends its side, and waits for the answer.
    HalfCloser,
    /// Asks a web application.
    HttpClient,
    /// Takes a download, and lets it wait in between.
    LateReader,
    /// Asks a port where nobody listens.
    Refused,
    /// Says something now and then for a long time.
    Resident,
    /// Sends to somebody who never reads, until nothing more is taken, and leaves.
    Staller,
    /// Sends bytes and hears their hash.
    Uploader,
}

impl Kind {
    pub(crate) const ALL: [Self; 10] = [
        Self::Canceller,
        Self::Downloader,
        Self::Echoer,
        Self::HalfCloser,
        Self::HttpClient,
        Self::LateReader,
        Self::Refused,
        Self::Resident,
        Self::Staller,
        Self::Uploader,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Canceller => "cancelled download",
            Self::Downloader => "download",
            Self::Echoer => "echo",
            Self::HalfCloser => "half-close",
            Self::HttpClient => "HTTP",
            Self::LateReader => "late reader",
            Self::Refused => "refused port",
            Self::Resident => "long echo",
            Self::Staller => "stalled upload",
            Self::Uploader => "upload",
        }
    }

    /// Where such a visitor may go: the place, and the remote port.
    pub(crate) fn doors(self) -> &'static [(Place, u16)] {
        match self {
            Self::Canceller => &[(Place::Tools, TOOLS_GENERATOR)],
            Self::Downloader | Self::LateReader => {
                &[(Place::Tools, TOOLS_SOURCE), (Place::Echo, ECHO_SOURCE)]
            }
            Self::Echoer | Self::Resident => &[(Place::Tools, TOOLS_ECHO), (Place::Echo, ECHO_ECHO)],
            Self::HalfCloser | Self::Uploader => &[(Place::Tools, TOOLS_SINK), (Place::Echo, ECHO_SINK)],
            Self::HttpClient => &[(Place::Web, WEB)],
            Self::Refused => &[(Place::Tools, TOOLS_REFUSED)],
            Self::Staller => &[(Place::Tools, TOOLS_BLACKHOLE)],
        }
    }

    /// One whole visit; gives the bytes that were carried, too. Those who stay long leave soon after `stop`.
    pub(crate) async fn visit(
        self,
        address: SocketAddr,
        random: &mut Rng,
        stop: &AtomicBool,
    ) -> (Verdict, u64) {
        let mut visit = Visit {
            stream: None,
            carried: 0,
        };
        let result = match (self, visit.make(self, address, random, stop).await) {
            // The reset may be there before anybody looks at the connection.
            (Self::Refused, Err(Trouble::Lost)) => Ok(()),
            (_, result) => result,
        };
        // What is unread makes the end of it a reset, as it does for any app.
        drop(visit.stream);
        let verdict = match result {
            Ok(()) => Verdict::Served,
            Err(Trouble::Early(what)) => Verdict::Early(what),
            Err(Trouble::Lost) => Verdict::Cut,
            Err(Trouble::Wrong(what)) => Verdict::Wrong(what),
        };
        (verdict, visit.carried)
    }
}

/// Why a visit did not come to its end.
enum Trouble {
    /// The connection ended in order, before its time.
    Early(String),
    /// The connection was reset.
    Lost,
    /// Something came that must not come, or nothing did.
    Wrong(String),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset => {
                Self::Lost
            }
            _ => Self::Wrong(error.to_string()),
        }
    }
}

struct Visit {
    stream: Option<TcpStream>,
    carried: u64,
}

impl Visit {
    async fn make(
        &mut self,
        kind: Kind,
        address: SocketAddr,
        random: &mut Rng,
        stop: &AtomicBool,
    ) -> Result<(), Trouble> {
        let connected = step("the connection", TcpStream::connect(address)).await?;
        connected.set_nodelay(true)?;
        self.stream = Some(connected);
        match kind {
            Kind::Canceller => {
                let length = random.u64(1..500_000);
                self.expect_pattern(0, length).await
            }
            Kind::Downloader => self.download(random.u64(1..4_000_000), None).await,
            Kind::LateReader => {
                let pause = Duration::from_millis(random.u64(200..2000));
                self.download(random.u64(500_000..4_000_000), Some(pause)).await
            }
            Kind::Echoer => {
                for _ in 0..random.usize(1..10) {
                    self.echo(random).await?;
                }
                self.finish().await?;
                self.expect_end().await
            }
            Kind::Resident => {
                let until = Instant::now() + Duration::from_secs(random.u64(3..30));
                self.echo(random).await?;
                while Instant::now() < until && !stop.load(Ordering::Relaxed) {
                    self.echo(random).await?;
                    sleep(Duration::from_millis(random.u64(20..1500))).await;
                }
                Ok(())
            }
            Kind::HalfCloser => {
                let length = random.u64(1..300_000);
                self.send(format!("{length}\n").as_bytes()).await?;
                let hash = self.send_pattern(length).await?;
                self.finish().await?;
                self.expect(format!("{hash}\n").as_bytes()).await?;
                self.expect_end().await
            }
            Kind::HttpClient => {
                for _ in 0..random.usize(1..6) {
                    let length = random.usize(0..200_000);
                    let request = format!("GET /bytes/{length} HTTP/1.1\r\nHost: localhost\r\n\r\n");
                    self.send(request.as_bytes()).await?;
                    self.expect_answer(length as u64).await?;
                }
                Ok(())
            }
            Kind::Refused => {
                let length = self.receive(&mut [0; 1]).await?;
                Err(Trouble::Wrong(format!("{length} bytes and no reset")))
            }
            Kind::Staller => {
                let until = Duration::from_millis(random.u64(100..3000));
                match timeout(until, self.flood()).await {
                    Ok(result) => result,
                    Err(_) => Ok(()),
                }
            }
            Kind::Uploader => {
                let length = random.u64(1..4_000_000);
                self.send(format!("{length}\n").as_bytes()).await?;
                let hash = self.send_pattern(length).await?;
                self.expect(format!("{hash}\n").as_bytes()).await
            }
        }
    }

    fn stream(&mut self) -> &mut TcpStream {
        self.stream.as_mut().expect("the visit has begun")
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        step("the bytes to be taken", self.stream().write_all(bytes)).await?;
        self.carried += bytes.len() as u64;
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), Trouble> {
        Ok(self.stream().shutdown().await?)
    }

    async fn flood(&mut self) -> Result<(), Trouble> {
        let bytes = vec![0; PIECE];
        loop {
            self.stream().write_all(&bytes).await?;
            self.carried += bytes.len() as u64;
        }
    }

    /// Some bytes; none are the end.
    async fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, Trouble> {
        let length = step("bytes", self.stream().read(buffer)).await?;
        self.carried += length as u64;
        Ok(length)
    }

    async fn expect(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        let mut heard = vec![0; bytes.len()];
        let mut length = 0;
        while length < heard.len() {
            match self.receive(&mut heard[length..]).await? {
                0 => return Err(early_end(length as u64, bytes.len() as u64)),
                more => length += more,
            }
        }
        match heard == bytes {
            true => Ok(()),
            false => Err(Trouble::Wrong(
                "other bytes came than those that should".to_owned(),
            )),
        }
    }

    async fn expect_pattern(&mut self, from: u64, length: u64) -> Result<(), Trouble> {
        let mut buffer = vec![0; PIECE];
        let mut offset = from;
        while offset < from + length {
            let wanted = (from + length - offset).min(PIECE as u64) as usize;
            let read = self.receive(&mut buffer[..wanted]).await?;
            if read == 0 {
                return Err(early_end(offset, from + length));
            }
            if let Some(place) = pattern::first_difference(offset, &buffer[..read]) {
                return Err(Trouble::Wrong(format!("another byte than that at {place} came")));
            }
            offset += read as u64;
        }
        Ok(())
    }

    async fn expect_end(&mut self) -> Result<(), Trouble> {
        match self.receive(&mut [0; 1]).await? {
            0 => Ok(()),
            _ => Err(Trouble::Wrong("more came than should".to_owned())),
        }
    }

    /// The head of an answer, and so many bytes after it.
    async fn expect_answer(&mut self, length: u64) -> Result<(), Trouble> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if self.receive(&mut byte).await? == 0 {
                return Err(early_end(head.len() as u64, head.len() as u64 + length));
            }
            head.push(byte[0]);
        }
        if !head.starts_with(b"HTTP/1.1 200 ") {
            return Err(Trouble::Wrong(format!(
                "the answer was `{}`",
                String::from_utf8_lossy(&head).escape_debug()
            )));
        }
        self.expect_pattern(0, length).await
    }

    async fn download(&mut self, length: u64, pause: Option<Duration>) -> Result<(), Trouble> {
        self.send(format!("{length}\n").as_bytes()).await?;
        let first = if pause.is_some() { length / 2 } else { length };
        self.expect_pattern(0, first).await?;
        if let Some(pause) = pause {
            sleep(pause).await;
        }
        self.expect_pattern(first, length - first).await?;
        self.expect_end().await
    }

    async fn echo(&mut self, random: &mut Rng) -> Result<(), Trouble> {
        let length = match random.bool() {
            true => random.usize(1..200),
            false => random.usize(1..PIECE),
        };
        let text: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
        self.send(&text).await?;
        self.expect(&text).await
    }

    async fn send_pattern(&mut self, length: u64) -> Result<String, Trouble> {
        let mut buffer = vec![0; PIECE];
        let mut hash = Sha256::new();
        let mut offset = 0;
        while offset < length {
            let piece = (length - offset).min(PIECE as u64) as usize;
            pattern::fill(offset, &mut buffer[..piece]);
            hash.update(&buffer[..piece]);
            self.send(&buffer[..piece]).await?;
            offset += piece as u64;
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

fn early_end(came: u64, wanted: u64) -> Trouble {
    Trouble::Early(format!("an orderly end after {came} of {wanted} bytes"))
}

async fn step<T>(what: &str, future: impl Future<Output = io::Result<T>>) -> Result<T, Trouble> {
    match timeout(STEP, future).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(Trouble::Wrong(format!(
            "{what} took more than {} s",
            STEP.as_secs()
        ))),
    }
}
