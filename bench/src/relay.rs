mod delay;
mod records;

use delay::Delay;
pub(crate) use delay::DelayLine;
pub(crate) use records::{Recorder, Recording, Way};

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Bytes taken from a socket at once.
const CHUNK: usize = 64 << 10;

/// Chunks that may be under way in one direction of one connection: 64 MiB, more than a gigabyte a second fills in
/// 50 ms, so that the relay adds delay and never a limit of its own.
const CHUNKS_UNDER_WAY: usize = 1024;

/// A relay in front of a server: delays what passes, or notes its TLS records, or both.
///
/// It accepts connections at once, as no relay of this kind can do otherwise: over a real link of the same delay each
/// new connection would take one round trip more.
#[derive(Clone, Default)]
pub(crate) struct Relay {
    /// Added to each direction: half of the round trip.
    pub(crate) delay: Option<DelayLine>,
    pub(crate) recorder: Option<Recorder>,
}

impl Relay {
    /// Listens on a free loopback port and relays to `server` until the returned tasks are dropped.
    pub(crate) async fn start(self, server: SocketAddr) -> io::Result<(SocketAddr, JoinSet<()>)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((client, _)) => {
                            connections.spawn(self.clone().carry(client, server));
                        }
                        // Out of descriptors, or the client left already: the others go on.
                        Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                    },
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Ok((address, tasks))
    }

    async fn carry(self, client: TcpStream, server: SocketAddr) {
        let Ok(server) = TcpStream::connect(server).await else {
            return;
        };
        if client
            .set_nodelay(true)
            .and_then(|()| server.set_nodelay(true))
            .is_err()
        {
            return;
        }
        let track = self.recorder.as_ref().map(Recorder::track);
        let (client_reads, client_writes) = client.into_split();
        let (server_reads, server_writes) = server.into_split();
        let up = pass(
            client_reads,
            server_writes,
            self.delay.clone(),
            track.clone().map(|track| (track, Way::Up)),
        );
        let down = pass(
            server_reads,
            client_writes,
            self.delay,
            track.map(|track| (track, Way::Down)),
        );
        // An error of one direction ends both: the sockets are closed when the halves are dropped.
        let _ = tokio::try_join!(up, down);
    }
}

struct Chunk {
    delay: Option<Delay>,
    /// Empty at the end of the stream.
    bytes: Vec<u8>,
}

async fn pass(
    reads: OwnedReadHalf,
    writes: OwnedWriteHalf,
    delay: Option<DelayLine>,
    track: Option<(Arc<records::Track>, Way)>,
) -> io::Result<()> {
    let (sender, receiver) = mpsc::channel(CHUNKS_UNDER_WAY);
    tokio::try_join!(take(reads, sender, delay, track), give(writes, receiver)).map(drop)
}

async fn take(
    mut reads: OwnedReadHalf,
    sender: mpsc::Sender<Chunk>,
    line: Option<DelayLine>,
    track: Option<(Arc<records::Track>, Way)>,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let length = reads.read(&mut buffer).await?;
        let delay = line.as_ref().map(DelayLine::begin);
        let bytes = buffer[..length].to_vec();
        if let Some((track, way)) = &track {
            track.note(*way, &bytes);
        }
        let sent = sender.send(Chunk { delay, bytes }).await;
        if length == 0 || sent.is_err() {
            return Ok(());
        }
    }
}

async fn give(mut writes: OwnedWriteHalf, mut receiver: mpsc::Receiver<Chunk>) -> io::Result<()> {
    while let Some(Chunk { delay, bytes }) = receiver.recv().await {
        if let Some(delay) = delay {
            delay.passed().await;
        }
        if bytes.is_empty() {
            return writes.shutdown().await;
        }
        writes.write_all(&bytes).await?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::Instant;

    use super::*;

    /// A server that sends back what it got once its client has finished.
    async fn mirror() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut all = Vec::new();
                    stream.read_to_end(&mut all).await.unwrap();
                    stream.write_all(&all).await.unwrap();
                });
            }
        });
        address
    }

    /// A server that tells each byte that it gets.
    async fn reader() -> (SocketAddr, mpsc::Receiver<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, told) = mpsc::channel(8);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let tell = tell.clone();
                tokio::spawn(async move {
                    while let Ok(byte) = stream.read_u8().await {
                        tell.send(byte).await.unwrap();
                    }
                });
            }
        });
        (address, told)
    }

    async fn exchange(relay: SocketAddr, sent: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(relay).await.unwrap();
        let (mut reads, mut writes) = stream.split();
        let mut answer = Vec::new();
        let send = async {
            writes.write_all(sent).await.unwrap();
            writes.shutdown().await.unwrap();
        };
        let (read, ()) = tokio::join!(reads.read_to_end(&mut answer), send);
        read.unwrap();
        answer
    }

    #[tokio::test]
    async fn bytes_and_ends_pass_unchanged_both_ways() {
        let (address, _tasks) = Relay::default().start(mirror().await).await.unwrap();
        let sent: Vec<u8> = (0..3_000_000_u32).map(|i| (i >> 3) as u8).collect();
        assert!(exchange(address, &sent).await == sent);
    }

    #[tokio::test]
    async fn nothing_arrives_before_its_delay() {
        let delay = DelayLine::start(Duration::from_millis(30)).unwrap();
        let relay = Relay {
            delay: Some(delay),
            recorder: None,
        };
        let (address, _tasks) = relay.start(mirror().await).await.unwrap();
        let started = Instant::now();
        assert_eq!(exchange(address, b"ping").await, b"ping");
        assert!(started.elapsed() >= Duration::from_millis(60));
    }

    #[tokio::test]
    async fn a_second_chunk_does_not_wait_for_those_of_other_connections() {
        let one_way = Duration::from_millis(200);
        let relay = Relay {
            delay: Some(DelayLine::start(one_way).unwrap()),
            recorder: None,
        };
        let (server, mut arrived) = reader().await;
        let (address, _tasks) = relay.start(server).await.unwrap();
        let mut one = TcpStream::connect(address).await.unwrap();
        let mut other = TcpStream::connect(address).await.unwrap();
        one.write_all(b"a").await.unwrap();
        tokio::time::sleep(one_way / 10).await;
        one.write_all(b"b").await.unwrap();
        // Under way when the relay has passed on the first.
        tokio::time::sleep(one_way / 2).await;
        other.write_all(b"c").await.unwrap();
        for expected in *b"abc" {
            assert_eq!(arrived.recv().await, Some(expected));
        }
    }

    #[tokio::test]
    async fn a_delay_is_no_limit_on_the_rate() {
        let delay = DelayLine::start(Duration::from_millis(200)).unwrap();
        let relay = Relay {
            delay: Some(delay),
            recorder: None,
        };
        let (address, _tasks) = relay.start(mirror().await).await.unwrap();
        // Were a chunk sent only after the one before had arrived, this would take minutes.
        let sent = vec![7; 20 << 20];
        let answer = tokio::time::timeout(Duration::from_secs(60), exchange(address, &sent))
            .await
            .unwrap();
        assert!(answer == sent);
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_closes_the_connection() {
        let gone = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        let (address, _tasks) = Relay::default().start(gone).await.unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert!(matches!(stream.read(&mut [0; 1]).await, Ok(0) | Err(_)));
    }
}
