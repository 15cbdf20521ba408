//! How much of what was written to a socket its peer has not acknowledged. The one module of this crate with unsafe
//! code: neither the standard library nor tokio nor socket2 asks for it.
#![allow(unsafe_code, reason = "the send queue's length is had by a system call only")]

use std::io;

use tokio::net::TcpStream;

/// Bytes that were written to `stream` and are not acknowledged by the peer's kernel; `None` where the system does
/// not tell.
#[cfg(any(target_os = "android", target_os = "linux"))]
pub(crate) fn send_queue(stream: &TcpStream) -> io::Result<Option<usize>> {
    use std::os::fd::AsRawFd;

    let mut queued: libc::c_int = 0;
    // SAFETY: the descriptor is open as long as `stream` is borrowed, and SIOCOUTQ (of the same number as TIOCOUTQ)
    // writes one int to the address given, which is that of a live one.
    let answer = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut queued) };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Some(usize::try_from(queued).unwrap_or(0)))
}

/// Bytes that were written to `stream` and are not acknowledged by the peer's kernel; `None` where the system does
/// not tell.
#[cfg(any(target_os = "ios", target_os = "macos"))]
pub(crate) fn send_queue(stream: &TcpStream) -> io::Result<Option<usize>> {
    use std::os::fd::AsRawFd;

    let mut queued: libc::c_int = 0;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the descriptor is open as long as `stream` is borrowed; SO_NWRITE writes one int at most, as `length`
    // says, to the address of a live one, and its length to the address of `length`.
    let answer = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NWRITE,
            (&raw mut queued).cast(),
            &raw mut length,
        )
    };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Some(usize::try_from(queued).unwrap_or(0)))
}

/// Bytes that were written to `stream` and are not acknowledged by the peer's kernel; `None` where the system does
/// not tell.
#[cfg(not(any(
    target_os = "android",
    target_os = "ios",
    target_os = "linux",
    target_os = "macos"
)))]
pub(crate) fn send_queue(_stream: &TcpStream) -> io::Result<Option<usize>> {
    Ok(None)
}

#[cfg(all(test, any(target_os = "linux", target_os = "macos")))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn what_the_peer_has_no_room_for_stays_queued() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut theirs, _) = listener.accept().await.unwrap();
        assert_eq!(send_queue(&ours).unwrap(), Some(0));

        let mut written = 0;
        while send_queue(&ours).unwrap() == Some(0) {
            ours.writable().await.unwrap();
            written += ours.try_write(&[7; 65536]).unwrap_or(0);
        }
        let mut received = vec![0; written];
        theirs.read_exact(&mut received).await.unwrap();
        while send_queue(&ours).unwrap() != Some(0) {
            tokio::task::yield_now().await;
        }
    }
}
