//! `podline demo --check`: real requests through the forward, and what came of them.

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use futures_util::future;
use podline::{
    Address, Forward, LocalPort, PortSpec, RemotePort, Target,
    cluster::{Cluster, Kind},
};
use podline_minicluster::{Minicluster, workload::pattern};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{super::forward::failure, http};
use crate::{
    output::{Failure, Output},
    program::Ending,
};

/// How long one step may take.
const STEP: Duration = Duration::from_secs(60);

/// Bytes that go down and up.
const BULK: u64 = 16 * 1024 * 1024;

/// Connections that are open at the same time.
const CROWD: usize = 100;

/// The ports of the pod `tools` that the steps use.
const ECHO: u16 = 7;
const SOURCE: u16 = 20;
const SINK: u16 = 21;
const GREETER: u16 = 22;
const REFUSED: u16 = 83;

/// Does all steps, even if one fails, and says what each came to.
pub(super) async fn run(
    minicluster: &Minicluster,
    cluster: &Cluster,
    web: SocketAddr,
    output: &Output,
) -> Result<Ending, Failure> {
    let ports = [ECHO, SOURCE, SINK, GREETER, REFUSED];
    let target = Target {
        namespace: None,
        kind: Kind::Pod,
        name: "tools".to_owned(),
    };
    let mut builder =
        Forward::builder(cluster.clone(), target).address(Address::Ip(Ipv4Addr::LOCALHOST.into()));
    for port in ports {
        builder = builder.port(PortSpec {
            local: LocalPort::Any,
            remote: RemotePort::Number(port),
        });
    }
    let tools = builder.start().await.map_err(|error| failure(&error))?;
    let at = |remote: u16| {
        tools
            .local_addrs()
            .iter()
            .find(|address| address.remote == remote)
            .map(|address| address.socket)
            .ok_or_else(|| Failure::new(format!("port {remote} is not forwarded")))
    };
    let mut steps = Steps { output, failed: 0 };
    steps.step("a page over HTTP", page(web)).await;
    steps
        .step("16 MiB from the pod, every byte compared", download(at(SOURCE)?))
        .await;
    steps
        .step("16 MiB to the pod, hash compared", upload(at(SINK)?))
        .await;
    steps
        .step("a server that speaks first", greeting(at(GREETER)?))
        .await;
    steps.step("100 connections at once", crowd(at(ECHO)?)).await;
    steps
        .step(
            "a refused connection, and its neighbour lives",
            refused(at(REFUSED)?, at(ECHO)?),
        )
        .await;
    steps
        .step(
            "the service goes on after its pod is deleted",
            replaced(minicluster, web),
        )
        .await;
    tools.shutdown().await;
    match steps.failed {
        0 => {
            output.text("\nAll is well.");
            Ok(Ending::Done)
        }
        failed => Err(Failure::new(format!("{failed} of the steps failed"))),
    }
}

struct Steps<'a> {
    output: &'a Output,
    failed: usize,
}

impl Steps<'_> {
    /// Does one step and prints a line about it.
    async fn step(&mut self, name: &str, step: impl Future<Output = io::Result<String>>) {
        let began = Instant::now();
        let result = timeout(STEP, step)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let milliseconds = began.elapsed().as_millis();
        match result {
            Ok(report) => self
                .output
                .text(&format!("ok      {name}: {report}, {milliseconds} ms")),
            Err(error) => {
                self.failed += 1;
                let error = podline::Untrusted::new(error.to_string());
                self.output
                    .text(&format!("FAILED  {name}: {error}, {milliseconds} ms"));
            }
        }
    }
}

async fn page(web: SocketAddr) -> io::Result<String> {
    let body = http::fetch(web, "/").await?;
    let pod = http::fetch(web, "/whoami").await?;
    let pod = podline::Untrusted::new(String::from_utf8_lossy(pod.trim_ascii()));
    Ok(format!("{} bytes from {pod}", body.len()))
}

async fn download(source: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(source).await?;
    stream.write_all(format!("{BULK}\n").as_bytes()).await?;
    let began = Instant::now();
    let mut buffer = vec![0; 64 * 1024];
    let mut offset = 0;
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            break;
        }
        if let Some(place) = pattern::first_difference(offset, &buffer[..length]) {
            return Err(wrong(format!("byte {place} is another")));
        }
        offset += length as u64;
    }
    if offset != BULK {
        return Err(wrong(format!("{offset} bytes came instead of {BULK}")));
    }
    Ok(rate(began.elapsed()))
}

async fn upload(sink: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(sink).await?;
    stream.write_all(format!("{BULK}\n").as_bytes()).await?;
    let began = Instant::now();
    let mut buffer = vec![0; 64 * 1024];
    let mut hash = Sha256::new();
    let mut offset = 0;
    while offset < BULK {
        pattern::fill(offset, &mut buffer);
        hash.update(&buffer);
        stream.write_all(&buffer).await?;
        offset += buffer.len() as u64;
    }
    let expected: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut answer = vec![0; expected.len()];
    stream.read_exact(&mut answer).await?;
    if answer != expected.as_bytes() {
        return Err(wrong("the pod got other bytes".to_owned()));
    }
    Ok(rate(began.elapsed()))
}

async fn greeting(greeter: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(greeter).await?;
    let mut greeting = [0; 6];
    stream.read_exact(&mut greeting).await?;
    if &greeting == b"hello\n" {
        Ok("hello".to_owned())
    } else {
        Err(wrong("it said something else".to_owned()))
    }
}

async fn crowd(echo: SocketAddr) -> io::Result<String> {
    let mut streams = future::try_join_all((0..CROWD).map(|_| TcpStream::connect(echo))).await?;
    future::try_join_all(streams.iter_mut().map(heard)).await?;
    Ok("each was answered".to_owned())
}

async fn refused(refused: SocketAddr, echo: SocketAddr) -> io::Result<String> {
    let mut neighbour = TcpStream::connect(echo).await?;
    heard(&mut neighbour).await?;
    // The reset may be there before anybody looks at the connection.
    let reset = match TcpStream::connect(refused).await {
        Ok(mut stream) => stream.read(&mut [0; 1]).await,
        Err(error) => Err(error),
    };
    if !reset
        .as_ref()
        .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset)
    {
        return Err(wrong(format!("it was not reset: {reset:?}")));
    }
    heard(&mut neighbour).await?;
    Ok("reset, and nothing else".to_owned())
}

async fn replaced(minicluster: &Minicluster, web: SocketAddr) -> io::Result<String> {
    let before = http::fetch(web, "/whoami").await?;
    let pod = String::from_utf8_lossy(before.trim_ascii()).into_owned();
    minicluster
        .store()
        .delete_pod("default", &pod)
        .await
        .map_err(io::Error::other)?;
    let after = http::fetch(web, "/whoami").await?;
    if after == before {
        return Err(wrong("the deleted pod answered".to_owned()));
    }
    let after = podline::Untrusted::new(String::from_utf8_lossy(after.trim_ascii()));
    Ok(format!(
        "{after} answered instead of {}",
        podline::Untrusted::new(pod)
    ))
}

/// Sends a few bytes to an echo and wants them back.
async fn heard(stream: &mut TcpStream) -> io::Result<()> {
    const WORD: [u8; 16] = *b"is anybody there";
    stream.write_all(&WORD).await?;
    let mut answer = [0; WORD.len()];
    stream.read_exact(&mut answer).await?;
    if answer == WORD {
        Ok(())
    } else {
        Err(wrong("something else came back".to_owned()))
    }
}

fn wrong(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn rate(taken: Duration) -> String {
    format!("{:.0} MB/s", BULK as f64 / 1e6 / taken.as_secs_f64().max(1e-6))
}
