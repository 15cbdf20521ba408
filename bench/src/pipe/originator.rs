use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::sizes::Sizes;
use super::{BUFFER, Recorded, provider};

/// Bytes that are read at once from the peer's socket: by itself TLS reads 4 KiB at once, a quarter of a full record.
const READ_AHEAD: usize = 64 << 10;

/// Carries connections from a free local port to each of `peers` for as long as the runtime lives; gives the local addresses
/// in the same order.
pub(crate) async fn originate(
    certificate: &Path,
    recorded: Option<&Recorded>,
    peers: &[(u16, SocketAddr)],
) -> io::Result<Vec<SocketAddr>> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from(std::fs::read(certificate)?))
        .map_err(io::Error::other)?;
    let config = ClientConfig::builder_with_provider(provider(recorded))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let sizes: Arc<[u16]> = recorded
        .map(|recorded| recorded.up.sizes.clone())
        .unwrap_or_default()
        .into();
    let mut addresses = Vec::new();
    for &(_, peer) in peers {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        addresses.push(listener.local_addr()?);
        let (connector, sizes) = (connector.clone(), sizes.clone());
        tokio::spawn(async move {
            while let Ok((app, _)) = listener.accept().await {
                let (connector, sizes) = (connector.clone(), sizes.clone());
                tokio::spawn(async move { carry(app, peer, connector, Sizes::new(sizes.to_vec())).await });
            }
        });
    }
    Ok(addresses)
}

async fn carry(app: TcpStream, peer: SocketAddr, connector: TlsConnector, sizes: Sizes) -> io::Result<()> {
    app.set_nodelay(true)?;
    let stream = TcpStream::connect(peer).await?;
    stream.set_nodelay(true)?;
    let stream = BufReader::with_capacity(READ_AHEAD, stream);
    let name = ServerName::try_from("localhost").expect("a constant and valid name");
    let mut tls = connector.connect(name, stream).await?;
    // What is under way is bounded by `BUFFER`. The usual limit of 64 KiB of ciphertext would cut each full buffer in two.
    tls.get_mut().1.set_buffer_limit(None);
    let mut carrier = Carrier {
        app,
        tls,
        down: Way::new(),
        up: Way::new(),
        sizes,
        unflushed: false,
    };
    std::future::poll_fn(|cx| carrier.poll(cx)).await
}

/// Copies both ways between an app's socket and TLS, in one task and without a lock between the two ways.
struct Carrier {
    app: TcpStream,
    tls: TlsStream<BufReader<TcpStream>>,
    down: Way,
    up: Way,
    /// Of the records sent to the peer.
    sizes: Sizes,
    /// Whether TLS still holds records that the socket has not taken.
    unflushed: bool,
}

impl Carrier {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let down = self.poll_down(cx)?;
        let up = self.poll_up(cx)?;
        if down.is_ready() && up.is_ready() {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    fn poll_down(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let way = &mut self.down;
        loop {
            if !way.bytes().is_empty() {
                let taken = ready!(Pin::new(&mut self.app).poll_write(cx, way.bytes()))?;
                way.consume(taken)?;
            } else if !way.source_ended {
                ready!(way.fill(cx, Pin::new(&mut self.tls)))?;
            } else {
                return Pin::new(&mut self.app).poll_shutdown(cx);
            }
        }
    }

    fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let way = &mut self.up;
        loop {
            if self.unflushed {
                ready!(Pin::new(&mut self.tls).poll_flush(cx))?;
                self.unflushed = false;
            } else if !way.bytes().is_empty() {
                // All that was read at once goes into records first, so that one call sends them together.
                loop {
                    let length = self.sizes.cut(way.bytes().len());
                    let (_, connection) = self.tls.get_mut();
                    let taken = connection.writer().write(&way.bytes()[..length])?;
                    way.consume(taken)?;
                    if taken < length || way.bytes().is_empty() {
                        break;
                    }
                }
                self.unflushed = true;
            } else if !way.source_ended {
                ready!(way.fill(cx, Pin::new(&mut self.app)))?;
            } else {
                return Pin::new(&mut self.tls).poll_shutdown(cx);
            }
        }
    }
}

/// What is under way in one direction.
struct Way {
    buffer: Box<[u8]>,
    /// The part of `buffer` that was read and not yet written.
    filled: Range<usize>,
    source_ended: bool,
}

impl Way {
    fn new() -> Self {
        Self {
            buffer: vec![0; BUFFER].into(),
            filled: 0..0,
            source_ended: false,
        }
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[self.filled.clone()]
    }

    fn consume(&mut self, taken: usize) -> io::Result<()> {
        if taken == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.filled.start += taken;
        Ok(())
    }

    fn fill(&mut self, cx: &mut Context<'_>, source: Pin<&mut impl AsyncRead>) -> Poll<io::Result<()>> {
        let mut buffer = ReadBuf::new(&mut self.buffer);
        ready!(source.poll_read(cx, &mut buffer))?;
        self.filled = 0..buffer.filled().len();
        self.source_ended = self.filled.is_empty();
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::client::{self, ECHO, SINK, SOURCE};
    use crate::pattern::Pattern;
    use crate::relay::Recording;

    #[tokio::test]
    async fn the_pipe_carries_what_the_workload_says_with_and_without_recorded_sizes() {
        const AES_128_GCM: u16 = 0x1301;
        let recording = |sizes: &[u16]| Recording {
            suite: AES_128_GCM,
            sizes: sizes.to_vec(),
        };
        let recorded = Recorded {
            down: recording(&[16_384, 1, 2, 5000]),
            up: recording(&[3, 16_384, 700]),
        };
        let pattern = Pattern::new();
        let size = 3_000_001;
        let answer = client::answer_of_sink(size, &pattern);
        for recorded in [None, Some(&recorded)] {
            let directory = tempfile::tempdir().unwrap();
            let certificate = directory.path().join("peer.der");
            let peer = super::super::serve(&certificate, recorded).await.unwrap();
            let peers = [ECHO, SOURCE, SINK].map(|port| (port, peer.ports[&port]));
            let local = originate(&certificate, recorded, &peers).await.unwrap();
            client::first_byte(local[0]).await.unwrap();
            client::download(local[1], size, &pattern).await.unwrap();
            client::visit_closed_by_server(local[1], &pattern).await.unwrap();
            client::upload(local[2], size, &pattern, &answer).await.unwrap();
        }
    }
}
