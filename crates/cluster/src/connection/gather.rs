//! Reads that wait until they are worth a system call.
//!
//! A server that sends much in small pieces wakes its reader for each of them: a download of 1 GiB took 40,000 wake-ups of
//! 26 KB, and more processor time for those than for decryption. So while much comes, the system is asked to tell of
//! bytes only when there are [`LOW_WATER`] of them. What stays below is fetched after [`PATIENCE`], and that ends it.

use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::low_water::set_low_water;
use super::worth::Worth;

/// How many bytes a read is worth, while much comes.
const LOW_WATER: usize = 128 << 10;
/// The longest that fewer bytes are left waiting: what a neighbour of the greedy connection on the same session may lose.
const PATIENCE: Duration = Duration::from_millis(2);

/// A connection whose reads are gathered while much comes.
pub(crate) struct Gather {
    tcp: TcpStream,
    worth: Worth,
    gathering: Option<Gathering>,
}

struct Gathering {
    timer: Pin<Box<Sleep>>,
    /// Whether the timer runs.
    waits: bool,
}

impl Gather {
    pub(crate) fn new(tcp: TcpStream) -> Self {
        Self {
            tcp,
            worth: Worth::new(Instant::now()),
            gathering: None,
        }
    }

    pub(crate) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    fn handle_read(&mut self, length: usize) {
        if self.worth.handle_read(length, Instant::now) {
            self.gather();
        }
    }

    fn gather(&mut self) {
        if set_low_water(&self.tcp, LOW_WATER) {
            self.worth.handle_begun();
            self.gathering = Some(Gathering {
                timer: Box::pin(sleep(PATIENCE)),
                waits: false,
            });
        }
    }

    /// Reads what came in [`PATIENCE`], though it is less than it should be.
    fn read_little(&mut self, out: &mut ReadBuf<'_>) -> io::Result<usize> {
        let socket = SockRef::from(&self.tcp);
        let length = (&*socket).read(out.initialize_unfilled())?;
        out.advance(length);
        Ok(length)
    }

    fn stop_gathering(&mut self) {
        // The system tells of bytes that are there already when the mark is lowered.
        self.gathering = None;
        self.worth.handle_waited();
        set_low_water(&self.tcp, 1);
    }
}

impl AsyncRead for Gather {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = out.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut this.tcp).poll_read(cx, out) {
            if let Some(gathering) = &mut this.gathering {
                gathering.waits = false;
            }
            this.handle_read(out.filled().len() - before);
            return Poll::Ready(read);
        }
        let Some(gathering) = &mut this.gathering else {
            return Poll::Pending;
        };
        if !gathering.waits {
            gathering.waits = true;
            gathering.timer.as_mut().reset(Instant::now() + PATIENCE);
        }
        ready!(gathering.timer.as_mut().poll(cx));
        gathering.waits = false;
        let read = this.read_little(out);
        if !matches!(read, Ok(length) if length >= LOW_WATER) {
            this.stop_gathering();
        }
        match read {
            // The task is woken for the next bytes: that was asked for above.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            read => {
                let length = read?;
                this.handle_read(length);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Gather {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tcp).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tcp).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;

    async fn connected() -> (Gather, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
        (Gather::new(near.unwrap()), far.unwrap().0)
    }

    #[tokio::test]
    async fn bytes_below_the_mark_come_and_end_the_gathering() {
        let (mut near, mut far) = connected().await;
        near.gather();
        let ended = async {
            // A system that is short of memory tells of few bytes too, so they end it only in the end.
            while near.gathering.is_some() {
                far.write_all(b"little").await.unwrap();
                let mut little = [0; 6];
                near.read_exact(&mut little).await.unwrap();
                assert_eq!(&little, b"little");
            }
        };
        timeout(Duration::from_secs(30), ended)
            .await
            .expect("few bytes end it");
        // And the system tells of single bytes again.
        far.write_all(b"!").await.unwrap();
        assert_eq!(near.read_u8().await.unwrap(), b'!');
    }

    #[tokio::test]
    async fn an_end_is_seen_at_once_and_after_all_bytes() {
        let (mut near, mut far) = connected().await;
        near.gather();
        far.write_all(&[7; 1000]).await.unwrap();
        drop(far);
        let mut all = Vec::new();
        near.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, [7; 1000]);
    }

    #[tokio::test]
    async fn every_byte_comes_in_order_while_much_and_little_alternate() {
        let (mut near, mut far) = connected().await;
        near.gather();
        let bytes: Vec<u8> = (0..12 << 20_u32).map(|at| (at % 251) as u8).collect();
        let sent = bytes.clone();
        let sender = tokio::spawn(async move {
            for (turn, piece) in sent.chunks(1 << 20).enumerate() {
                let (much, little) = piece.split_at(piece.len() - turn * 1000);
                far.write_all(much).await.unwrap();
                for piece in little.chunks(3000) {
                    far.write_all(piece).await.unwrap();
                    tokio::task::yield_now().await;
                }
            }
        });
        let mut all = Vec::new();
        let mut part = vec![0; 256 << 10];
        loop {
            match near.read(&mut part).await.unwrap() {
                0 => break,
                length => all.extend_from_slice(&part[..length]),
            }
            if near.gathering.is_none() {
                near.gather();
            }
        }
        sender.await.unwrap();
        assert!(all == bytes);
    }
}
