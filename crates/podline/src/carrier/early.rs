use std::io::{self, Read};

use podline_tunnel::Chunk;
use socket2::SockRef;
use tokio::net::TcpStream;

/// As much of an app's first bytes as goes with the opening of its pair: most requests, in one read.
const EARLY: usize = 16 * 1024;

/// What an app said before its pair was opened. It travels with the opening, so that nothing waits a round trip.
#[derive(Debug)]
pub(crate) struct Early {
    pub(super) bytes: Vec<u8>,
    /// The app has ended its direction already.
    pub(super) finished: bool,
}

impl Early {
    /// Takes what has come to `app`, without waiting for it. An error means that the app is gone.
    pub(crate) fn take(app: &TcpStream) -> io::Result<Self> {
        let mut buffer = [0; EARLY];
        // Asks the system itself: tokio knows of a new socket's bytes only after its next look at all sockets.
        match (&*SockRef::from(app)).read(&mut buffer) {
            Ok(length) => Ok(Self {
                bytes: buffer[..length].to_vec(),
                finished: length == 0,
            }),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Self {
                bytes: Vec::new(),
                finished: false,
            }),
            Err(error) => Err(error),
        }
    }

    /// The bytes, to be sent with the opening.
    pub(crate) fn chunk(&self) -> Option<Chunk> {
        chunk_of(&self.bytes)
    }
}

/// A chunk of `bytes`, if there are any.
pub(crate) fn chunk_of(bytes: &[u8]) -> Option<Chunk> {
    (!bytes.is_empty()).then(|| {
        let mut chunk = Chunk::with_capacity(bytes.len());
        chunk.buffer().extend_from_slice(bytes);
        chunk
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn takes_what_is_there_and_waits_for_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut app = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (ours, _) = listener.accept().await.unwrap();

        let nothing = Early::take(&ours).unwrap();
        assert!(nothing.bytes.is_empty() && !nothing.finished);

        app.write_all(b"early").await.unwrap();
        ours.readable().await.unwrap();
        let early = Early::take(&ours).unwrap();
        assert_eq!(early.bytes, b"early");
        assert!(!early.finished);

        app.shutdown().await.unwrap();
        while !Early::take(&ours).unwrap().finished {
            tokio::task::yield_now().await;
        }
    }
}
