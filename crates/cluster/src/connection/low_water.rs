//! How many bytes a socket must have before the system tells of them. The one module of this crate with unsafe code.
#![allow(unsafe_code, reason = "the mark is set by a system call only")]

use tokio::net::TcpStream;

/// Has the system tell of bytes to read only when there are `bytes` of them. False where that cannot be had.
///
/// Linux grows the socket's buffer to hold as much, and tells sooner where the buffer is full or the connection ends.
#[cfg(target_os = "linux")]
pub(super) fn set_low_water(tcp: &TcpStream, bytes: usize) -> bool {
    use std::os::fd::AsRawFd;

    let Ok(bytes) = libc::c_int::try_from(bytes) else {
        return false;
    };
    // SAFETY: the descriptor is open for as long as `tcp` is borrowed, and the option's value is an int that is read only.
    let answer = unsafe {
        libc::setsockopt(
            tcp.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVLOWAT,
            (&raw const bytes).cast(),
            size_of_val(&bytes) as libc::socklen_t,
        )
    };
    answer == 0
}

/// Has the system tell of bytes to read only when there are `bytes` of them. False where that cannot be had: here.
///
/// Elsewhere a poll does not heed the mark, or nobody has measured that it does.
#[cfg(not(target_os = "linux"))]
pub(super) fn set_low_water(_: &TcpStream, _: usize) -> bool {
    false
}
