use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::failure::Failure;

/// How long what is on its way at the end is waited for, to be compared too.
const DRAIN_DEADLINE: Duration = Duration::from_secs(2);
/// Bytes written or read by one call.
const PIECE: usize = 256 * 1024;
/// After so many bytes they repeat. A prime, so that a piece that was lost or came twice is not taken for the right one.
const PERIOD: usize = 1_048_573;
/// How far apart two connections begin, so that one's bytes are not taken for another's.
const STRIDE: usize = 65_537;

/// The bytes that are sent to an echo and expected back.
#[derive(Clone)]
pub(super) struct Pattern(Arc<[u8]>);

impl Pattern {
    pub(super) fn new() -> Self {
        let mut random = fastrand::Rng::with_seed(1);
        let mut bytes = vec![0; PERIOD + PIECE];
        random.fill(&mut bytes[..PERIOD]);
        // Beyond the period it goes on, so that no piece is cut.
        bytes.copy_within(..PIECE, PERIOD);
        Self(bytes.into())
    }

    /// What comes `offset` bytes after the beginning of connection number `number`; `length` bytes, [`PIECE`] at most.
    fn piece(&self, number: usize, offset: u64, length: usize) -> &[u8] {
        let offset = usize::try_from(offset % PERIOD as u64).unwrap_or_default();
        let start = (number * STRIDE + offset) % PERIOD;
        &self.0[start..start + length]
    }
}

/// Sends to the echo at the other end of connection number `number` as fast as it takes it, until `over` is ready, and compares
/// all that comes back. What came back by then is added to `echoed`.
pub(super) async fn pump(
    stream: TcpStream,
    pattern: &Pattern,
    number: usize,
    over: impl Future<Output = ()>,
    echoed: &AtomicU64,
) -> Result<(), Failure> {
    let (mut reader, mut writer) = stream.into_split();
    let (sent, ended) = (AtomicU64::new(0), CancellationToken::new());
    let mut over = pin!(over);
    let write = async {
        let mut offset = 0;
        loop {
            tokio::select! {
                biased;
                () = &mut over => break,
                written = writer.write(pattern.piece(number, offset, PIECE)) => offset += written? as u64,
            }
            sent.store(offset, Ordering::Relaxed);
        }
        ended.cancel();
        Ok(())
    };
    let read = async {
        let (mut buffer, mut received) = (vec![0; PIECE], 0);
        while !ended.is_cancelled() || received < sent.load(Ordering::Relaxed) {
            let length = tokio::select! {
                biased;
                length = reader.read(&mut buffer) => length?,
                () = ended.cancelled(), if !ended.is_cancelled() => continue,
            };
            if length == 0 {
                return Err(Failure::EndedEarly);
            }
            if buffer[..length] != *pattern.piece(number, received, length) {
                return Err(Failure::WrongBytes);
            }
            received += length as u64;
            if !ended.is_cancelled() {
                echoed.fetch_add(length as u64, Ordering::Relaxed);
            }
        }
        Ok(())
    };
    let too_late = async {
        ended.cancelled().await;
        sleep(DRAIN_DEADLINE).await;
    };
    tokio::select! {
        done = async { tokio::try_join!(write, read) } => done.map(|_| ()),
        // What is still on its way after all that time is slow, and not wrong.
        () = too_late => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use tokio::net::TcpListener;

    use super::*;

    /// What a server does with the number of bytes that it has echoed and the next ones.
    type Deed = fn(u64, &mut Vec<u8>) -> bool;

    /// Pumps through an echo that does this to what it echoes and ends where it says `false`, until some of it came back,
    /// unless `is_endless`.
    async fn pumped(deed: Deed, is_endless: bool) -> (Result<(), Failure>, u64) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let echo = tokio::spawn(async move {
            let (mut buffer, mut done) = (vec![0; 100_003], 0);
            while let Ok(length @ 1..) = server.read(&mut buffer).await {
                let mut bytes = buffer[..length].to_vec();
                let goes_on = deed(done, &mut bytes);
                done += length as u64;
                if !goes_on || server.write_all(&bytes).await.is_err() {
                    return;
                }
            }
        });
        let echoed = AtomicU64::new(0);
        let over = async {
            while is_endless || echoed.load(Ordering::Relaxed) == 0 {
                tokio::task::yield_now().await;
            }
        };
        let result = pump(stream, &Pattern::new(), 3, over, &echoed).await;
        echo.await.unwrap();
        (result, echoed.into_inner())
    }

    #[tokio::test]
    async fn what_an_echo_sends_back_is_counted() {
        let (result, echoed) = pumped(|_, _| true, false).await;
        result.unwrap();
        assert!(echoed > 0);
    }

    #[tokio::test]
    async fn every_byte_is_compared() {
        let (result, _) = pumped(
            |done, bytes| {
                if done >= 1 << 20 {
                    *bytes.last_mut().unwrap() ^= 1;
                }
                true
            },
            true,
        )
        .await;
        assert!(matches!(result, Err(Failure::WrongBytes)), "{result:?}");
        let (result, _) = pumped(
            |done, bytes| {
                if done == 0 {
                    bytes.remove(0);
                }
                true
            },
            true,
        )
        .await;
        assert!(matches!(result, Err(Failure::WrongBytes)), "{result:?}");
    }

    #[tokio::test]
    async fn an_echo_that_ends_has_failed() {
        let (result, _) = pumped(|done, _| done < 1 << 20, true).await;
        assert!(
            matches!(result, Err(Failure::EndedEarly | Failure::Reset(_))),
            "{result:?}"
        );
    }

    #[test]
    fn the_bytes_of_two_connections_differ_and_go_on_beyond_the_period() {
        let pattern = Pattern::new();
        assert_ne!(pattern.piece(0, 0, 64), pattern.piece(1, 0, 64));
        let period = PERIOD as u64;
        assert_eq!(pattern.piece(2, period + 5, 64), pattern.piece(2, 5, 64));
        let whole = pattern.piece(0, period - 10, 20);
        assert_eq!(
            [pattern.piece(0, period - 10, 10), pattern.piece(0, 0, 10)].concat(),
            whole
        );
    }
}
