use std::io;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::{self, Instant};

use super::send_queue;

/// How long an app may take none of the last bytes before they are given up.
const NO_PROGRESS: Duration = Duration::from_secs(5);
/// How long an app may take for the last bytes, however slowly it takes them.
const WHOLE_WAIT: Duration = Duration::from_secs(60);
/// First and longest pause between two looks at a send queue: no system tells when one gets empty.
const LOOKS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));
/// The wait where the system does not show the queue: enough for an app on this machine.
const BLIND_WAIT: Duration = Duration::from_millis(100);

/// Closes `stream` with a TCP reset. What the app's kernel does not have yet is lost.
pub(crate) fn reset(stream: TcpStream) {
    // A socket that is not connected any more refuses the option, and needs no reset.
    let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    drop(stream);
}

/// Closes `stream` with a TCP reset once the app's kernel has every byte that was written, or when the app takes none
/// for [`NO_PROGRESS`].
pub(crate) async fn reset_when_sent(stream: TcpStream) {
    // An error means that the socket is no longer connected: nothing is on its way.
    let _ = sent(&stream).await;
    reset(stream);
}

async fn sent(stream: &TcpStream) -> io::Result<()> {
    let end = Instant::now() + WHOLE_WAIT;
    let mut give_up = Instant::now() + NO_PROGRESS;
    let mut least = usize::MAX;
    let mut pause = LOOKS.0;
    loop {
        match send_queue(stream)? {
            None => {
                time::sleep(BLIND_WAIT).await;
                return Ok(());
            }
            Some(0) => return Ok(()),
            Some(queued) if queued < least => {
                least = queued;
                give_up = Instant::now() + NO_PROGRESS;
                pause = LOOKS.0;
            }
            Some(_) => pause = (pause * 2).min(LOOKS.1),
        }
        if Instant::now() >= give_up.min(end) {
            return Ok(());
        }
        time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use std::io::ErrorKind;

    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    async fn connected() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (theirs, _) = listener.accept().await.unwrap();
        (ours, theirs)
    }

    #[tokio::test]
    async fn the_app_sees_a_reset() {
        let (ours, mut theirs) = connected().await;
        reset(ours);
        let error = theirs.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }

    #[cfg(any(target_os = "linux", target_os = "macos"))]
    #[tokio::test]
    async fn every_byte_comes_before_the_reset() {
        use tokio::io::AsyncWriteExt as _;

        let (mut ours, mut theirs) = connected().await;
        // More than the two kernels hold, so that some of it waits for the app.
        let payload = vec![7; 16 << 20];
        let length = payload.len();
        let sender = tokio::spawn(async move {
            ours.write_all(&payload).await.unwrap();
            reset_when_sent(ours).await;
        });
        let mut received = vec![0; length];
        theirs.read_exact(&mut received).await.unwrap();
        let error = theirs.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        sender.await.unwrap();
    }

    #[cfg(any(target_os = "linux", target_os = "macos"))]
    #[tokio::test]
    async fn an_app_that_takes_nothing_does_not_hold_the_reset_for_ever() {
        let (ours, _theirs) = connected().await;
        while send_queue(&ours).unwrap() == Some(0) {
            ours.writable().await.unwrap();
            let _ = ours.try_write(&[7; 65536]);
        }
        time::pause();
        reset_when_sent(ours).await;
    }
}
