use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::pattern::Pattern;

/// The workload's ports.
pub(crate) const ECHO: u16 = 7;
pub(crate) const SOURCE: u16 = 20;
pub(crate) const SINK: u16 = 21;
pub(crate) const GREETER: u16 = 22;

/// Bytes of one small message.
pub(crate) const MESSAGE: usize = 64;

/// How long one small exchange may take before it counts as failed.
const EXCHANGE_LIMIT: Duration = Duration::from_secs(20);

/// The least rate at which a transfer may go before it counts as failed, in bytes a second, beside `EXCHANGE_LIMIT`.
const LEAST_RATE: u64 = 4_000_000;

/// Bytes written or read by one call during a transfer.
const TRANSFER_PIECE: usize = Pattern::LONGEST_PIECE;

/// What a connection through a forwarder did instead of its work.
#[derive(Debug, Error)]
pub(crate) enum ConnectionError {
    #[error("connection could not be made")]
    Connect(#[source] io::Error),
    #[error("connection ended early")]
    EndedEarly,
    #[error("connection failed")]
    Other(#[source] io::Error),
    #[error("connection was reset")]
    Reset,
    #[error("connection took too long")]
    TooLong,
    #[error("connection carried other bytes than were sent")]
    WrongBytes,
}

impl From<io::Error> for ConnectionError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::EndedEarly,
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Self::Reset,
            _ => Self::Other(error),
        }
    }
}

/// An app's connection, as a contender's local port gives it.
pub(crate) struct Connection(TcpStream);

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, ConnectionError> {
        let stream = TcpStream::connect(address)
            .await
            .map_err(ConnectionError::Connect)?;
        stream.set_nodelay(true).map_err(ConnectionError::Connect)?;
        Ok(Self(stream))
    }

    /// Sends a message to the echo port and reads it back; gives the time until its first byte and until its last.
    pub(crate) async fn echo(&mut self) -> Result<(Duration, Duration), ConnectionError> {
        let message: [u8; MESSAGE] = std::array::from_fn(|i| i as u8);
        limited(EXCHANGE_LIMIT, async {
            let started = Instant::now();
            self.0.write_all(&message).await?;
            let mut answer = [0; MESSAGE];
            self.0.read_exact(&mut answer[..1]).await?;
            let first = started.elapsed();
            self.0.read_exact(&mut answer[1..]).await?;
            if answer == message {
                Ok((first, started.elapsed()))
            } else {
                Err(ConnectionError::WrongBytes)
            }
        })
        .await
    }

    /// Reads what the greeter says unasked.
    async fn greeting(&mut self) -> Result<(), ConnectionError> {
        let mut greeting = [0; 6];
        self.0.read_exact(&mut greeting).await?;
        if &greeting == b"hello\n" {
            Ok(())
        } else {
            Err(ConnectionError::WrongBytes)
        }
    }
}

/// Time from before a connection is made until the first byte of an answer is there.
pub(crate) async fn first_byte(address: SocketAddr) -> Result<Duration, ConnectionError> {
    let started = Instant::now();
    let mut connection = limited(EXCHANGE_LIMIT, Connection::open(address)).await?;
    let connected = started.elapsed();
    let (first, _) = connection.echo().await?;
    Ok(connected + first)
}

/// Time from before a connection is made until the server's first words are there.
pub(crate) async fn greeting(address: SocketAddr) -> Result<Duration, ConnectionError> {
    limited(EXCHANGE_LIMIT, async {
        let started = Instant::now();
        Connection::open(address).await?.greeting().await?;
        Ok(started.elapsed())
    })
    .await
}

/// Connects, has a message echoed and closes.
pub(crate) async fn visit_closed_by_client(address: SocketAddr) -> Result<(), ConnectionError> {
    let mut connection = limited(EXCHANGE_LIMIT, Connection::open(address)).await?;
    connection.echo().await.map(drop)
}

/// Connects, asks the source for a message and waits until the server closes.
pub(crate) async fn visit_closed_by_server(
    address: SocketAddr,
    pattern: &Pattern,
) -> Result<(), ConnectionError> {
    limited(EXCHANGE_LIMIT, async {
        let Connection(mut stream) = Connection::open(address).await?;
        stream.write_all(format!("{MESSAGE}\n").as_bytes()).await?;
        let mut answer = [0; MESSAGE];
        stream.read_exact(&mut answer).await?;
        if answer != *pattern.piece(0, MESSAGE) {
            return Err(ConnectionError::WrongBytes);
        }
        match stream.read(&mut answer).await? {
            0 => Ok(()),
            _ => Err(ConnectionError::WrongBytes),
        }
    })
    .await
}

/// Has the source send `size` bytes, each of which is compared; gives the time from the request to the last byte.
pub(crate) async fn download(
    address: SocketAddr,
    size: u64,
    pattern: &Pattern,
) -> Result<Duration, ConnectionError> {
    limited(transfer_limit(size), async {
        let Connection(mut stream) = Connection::open(address).await?;
        let mut buffer = vec![0; TRANSFER_PIECE];
        let started = Instant::now();
        stream.write_all(format!("{size}\n").as_bytes()).await?;
        let mut come = 0;
        while come < size {
            let length = stream.read(&mut buffer).await?;
            if length == 0 {
                return Err(ConnectionError::EndedEarly);
            }
            if buffer[..length] != *pattern.piece(come, length) {
                return Err(ConnectionError::WrongBytes);
            }
            come += length as u64;
        }
        if come == size {
            Ok(started.elapsed())
        } else {
            Err(ConnectionError::WrongBytes)
        }
    })
    .await
}

/// Sends `size` bytes to the sink; gives the time until its answer, the hash of what it got, is there.
pub(crate) async fn upload(
    address: SocketAddr,
    size: u64,
    pattern: &Pattern,
    hash: &str,
) -> Result<Duration, ConnectionError> {
    limited(transfer_limit(size), async {
        let Connection(mut stream) = Connection::open(address).await?;
        let started = Instant::now();
        stream.write_all(format!("{size}\n").as_bytes()).await?;
        let mut gone = 0;
        while gone < size {
            let length = (size - gone).min(TRANSFER_PIECE as u64) as usize;
            stream.write_all(pattern.piece(gone, length)).await?;
            gone += length as u64;
        }
        let mut answer = vec![0; hash.len()];
        stream.read_exact(&mut answer).await?;
        if answer == hash.as_bytes() {
            Ok(started.elapsed())
        } else {
            Err(ConnectionError::WrongBytes)
        }
    })
    .await
}

/// What the sink answers to the first `size` bytes of the pattern: their SHA-256 in hexadecimal digits and a line feed.
pub(crate) fn answer_of_sink(size: u64, pattern: &Pattern) -> String {
    let mut hasher = Sha256::new();
    let mut done = 0;
    while done < size {
        let length = (size - done).min(TRANSFER_PIECE as u64) as usize;
        hasher.update(pattern.piece(done, length));
        done += length as u64;
    }
    let mut answer: String = hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    answer.push('\n');
    answer
}

fn transfer_limit(size: u64) -> Duration {
    EXCHANGE_LIMIT + Duration::from_secs(size / LEAST_RATE)
}

async fn limited<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, ConnectionError>>,
) -> Result<T, ConnectionError> {
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or(Err(ConnectionError::TooLong))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A server for one connection that reads once and then sends `answer`.
    async fn answering(answer: Vec<u8>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await.unwrap();
            stream.write_all(&answer).await.unwrap();
            stream.shutdown().await.unwrap();
            // Unread bytes would turn the close into a reset.
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        });
        address
    }

    #[tokio::test]
    async fn a_download_is_compared_to_its_last_byte() {
        let pattern = Pattern::new();
        let right = pattern.piece(0, 70_000).to_vec();
        download(answering(right.clone()).await, 70_000, &pattern)
            .await
            .unwrap();
        let mut wrong = right.clone();
        wrong[69_999] ^= 1;
        let error = download(answering(wrong).await, 70_000, &pattern)
            .await
            .unwrap_err();
        assert!(matches!(error, ConnectionError::WrongBytes), "{error}");
        let error = download(answering(right[..69_999].to_vec()).await, 70_000, &pattern)
            .await
            .unwrap_err();
        assert!(matches!(error, ConnectionError::EndedEarly), "{error}");
    }

    #[tokio::test]
    async fn an_upload_counts_only_with_the_right_hash() {
        let pattern = Pattern::new();
        let hash = answer_of_sink(1, &pattern);
        assert_eq!(
            hash,
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d\n"
        );
        upload(answering(hash.clone().into_bytes()).await, 1, &pattern, &hash)
            .await
            .unwrap();
        let error = upload(answering(vec![b'0'; 65]).await, 1, &pattern, &hash)
            .await
            .unwrap_err();
        assert!(matches!(error, ConnectionError::WrongBytes), "{error}");
    }

    #[tokio::test]
    async fn an_echo_must_be_the_same() {
        let error = first_byte(answering(vec![0; MESSAGE]).await).await.unwrap_err();
        assert!(matches!(error, ConnectionError::WrongBytes), "{error}");
        let error = visit_closed_by_client(answering(vec![0; 3]).await)
            .await
            .unwrap_err();
        assert!(matches!(error, ConnectionError::EndedEarly), "{error}");
    }

    #[tokio::test]
    async fn a_server_that_closes_is_waited_for() {
        let pattern = Pattern::new();
        let right = pattern.piece(0, MESSAGE).to_vec();
        visit_closed_by_server(answering(right.clone()).await, &pattern)
            .await
            .unwrap();
        let longer = [right, vec![1]].concat();
        assert!(
            visit_closed_by_server(answering(longer).await, &pattern)
                .await
                .is_err()
        );
        greeting(greeter().await).await.unwrap();
    }

    async fn greeter() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"hello\n").await.unwrap();
        });
        address
    }
}
