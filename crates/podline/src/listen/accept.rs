use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[cfg(unix)]
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time;

/// Longest pause after the system refused to accept; a connection of ours that ends cuts it short.
const PAUSE: Duration = Duration::from_millis(250);

/// Files that connections of apps leave to sessions and to requests: without any, those that were accepted would wait for a
/// session that cannot be made.
#[cfg(unix)]
const LEFT: u64 = 16;

/// A listener that goes on for as long as it lives.
#[derive(Debug)]
pub(crate) struct Acceptor {
    listener: TcpListener,
    /// The last connection took one of the last files.
    is_crowded: AtomicBool,
}

impl Acceptor {
    pub(crate) fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            is_crowded: AtomicBool::new(false),
        }
    }

    /// The next connection. When the system has no room for one, `say` is told why, and accepting pauses until
    /// `room` is notified or a moment has passed; those who connect meanwhile wait in the backlog.
    pub(crate) async fn accept(
        &self,
        room: &Notify,
        mut say: impl FnMut(io::Error),
    ) -> (TcpStream, SocketAddr) {
        loop {
            if self.is_crowded.load(Ordering::Relaxed)
                && let Err(error) = self.look_for_room()
            {
                say(error);
                let _ = time::timeout(PAUSE, room.notified()).await;
                continue;
            }
            match self.listener.accept().await {
                Ok(accepted) => {
                    self.is_crowded
                        .store(is_one_of_the_last(&accepted.0), Ordering::Relaxed);
                    return accepted;
                }
                Err(error) => match AcceptFailure::of(&error) {
                    AcceptFailure::OfTheConnection => {}
                    AcceptFailure::NoRoom | AcceptFailure::Other => {
                        say(error);
                        let _ = time::timeout(PAUSE, room.notified()).await;
                    }
                },
            }
        }
    }
}

#[cfg(unix)]
impl Acceptor {
    /// Whether there are more than [`LEFT`] files again: the system gives the lowest number that is free.
    fn look_for_room(&self) -> io::Result<()> {
        let file = SockRef::from(&self.listener).try_clone()?;
        if is_one_of_the_last(&file) {
            return Err(io::Error::from_raw_os_error(libc::EMFILE));
        }
        self.is_crowded.store(false, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(unix)]
fn is_one_of_the_last(file: &impl AsRawFd) -> bool {
    let Some(limit) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current else {
        return false;
    };
    let left = LEFT.min(limit / 4);
    u64::try_from(file.as_raw_fd()).is_ok_and(|number| number >= limit - left)
}

/// Elsewhere there is no such limit.
#[cfg(not(unix))]
fn is_one_of_the_last<T>(_: &T) -> bool {
    false
}

#[cfg(not(unix))]
impl Acceptor {
    fn look_for_room(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Whose fault it is that nothing was accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AcceptFailure {
    /// Out of files or memory.
    NoRoom,
    /// It ended before it was accepted: the next one may be fine.
    OfTheConnection,
    /// Anything else; not tried again at once, so that it cannot take a processor for itself.
    Other,
}

impl AcceptFailure {
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted => Self::OfTheConnection,
            io::ErrorKind::OutOfMemory => Self::NoRoom,
            _ if error.raw_os_error().is_some_and(is_out_of_files) => Self::NoRoom,
            _ => Self::Other,
        }
    }
}

#[cfg(unix)]
fn is_out_of_files(code: i32) -> bool {
    [libc::EMFILE, libc::ENFILE, libc::ENOBUFS].contains(&code)
}

#[cfg(not(unix))]
fn is_out_of_files(code: i32) -> bool {
    // WSAEMFILE and WSAENOBUFS of the Windows Sockets error codes.
    [10024, 10055].contains(&code)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use super::*;

    #[cfg(unix)]
    #[test]
    fn failures_are_told_apart() {
        let of = |code| AcceptFailure::of(&io::Error::from_raw_os_error(code));
        assert_eq!(of(libc::EMFILE), AcceptFailure::NoRoom);
        assert_eq!(of(libc::ENFILE), AcceptFailure::NoRoom);
        assert_eq!(of(libc::ENOMEM), AcceptFailure::NoRoom);
        assert_eq!(of(libc::ECONNABORTED), AcceptFailure::OfTheConnection);
        assert_eq!(of(libc::EPERM), AcceptFailure::Other);
    }

    #[tokio::test]
    async fn accepts_one_after_the_other() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = Acceptor::new(listener);
        for _ in 0..2 {
            let app = TcpStream::connect(address).await.unwrap();
            let (_, peer) = acceptor
                .accept(&Notify::new(), |error| panic!("nothing is wrong: {error}"))
                .await;
            assert_eq!(peer, app.local_addr().unwrap());
        }
    }
}
