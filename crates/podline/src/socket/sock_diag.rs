//! One question to Linux about one socket of this machine: who has it open, and in which state it is. sock_diag(7), with
//! no rights beyond an ordinary user's.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;

use super::AppSocket;

/// Length of `struct nlmsghdr`.
const HEAD: usize = 16;
/// Length of `struct inet_diag_req_v2`.
const REQUEST: usize = 56;
/// Length of `struct inet_diag_msg`.
const ANSWER: usize = 72;
/// `SOCK_DIAG_BY_FAMILY` of `linux/sock_diag.h`.
const BY_FAMILY: u16 = 20;
/// `idiag_state` of a socket that closed first and waits for the other side, or for time to pass: TCP_FIN_WAIT1,
/// TCP_FIN_WAIT2, TCP_TIME_WAIT, TCP_CLOSE, TCP_LAST_ACK and TCP_CLOSING of the kernel's `tcp_states.h`.
const SHUT: [u8; 6] = [4, 5, 6, 7, 9, 11];

/// What the app at the other end of `stream` has done with its socket; [`AppSocket::Unknown`] if it is not on this
/// machine.
pub(super) fn app_socket(stream: &TcpStream) -> io::Result<AppSocket> {
    let ours = canonical(stream.local_addr()?);
    let app = canonical(stream.peer_addr()?);
    if !app.ip().is_loopback() && app.ip() != ours.ip() {
        return Ok(AppSocket::Unknown);
    }
    let mut kernel = Socket::new(
        Domain::from(libc::AF_NETLINK),
        Type::DGRAM,
        Some(Protocol::from(libc::NETLINK_SOCK_DIAG)),
    )?;
    // The kernel has answered before the request is sent: there is nothing to wait for.
    kernel.set_nonblocking(true)?;
    kernel.write_all(&request(app, ours))?;
    let mut answer = [0; 512];
    let length = kernel.read(&mut answer)?;
    Ok(read(&answer[..length]))
}

fn canonical(socket: SocketAddr) -> SocketAddr {
    SocketAddr::new(socket.ip().to_canonical(), socket.port())
}

/// Asks for the socket that has `local` as its own address and `peer` at its other end.
fn request(local: SocketAddr, peer: SocketAddr) -> [u8; HEAD + REQUEST] {
    let mut request = [0; HEAD + REQUEST];
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        request[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    let family = if local.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    };
    put(&((HEAD + REQUEST) as u32).to_ne_bytes());
    put(&BY_FAMILY.to_ne_bytes());
    put(&(libc::NLM_F_REQUEST as u16).to_ne_bytes());
    put(&[0; 8]); // sequence number, port id
    put(&[family as u8, libc::IPPROTO_TCP as u8, 0, 0]);
    put(&u32::MAX.to_ne_bytes()); // all states
    put(&local.port().to_be_bytes());
    put(&peer.port().to_be_bytes());
    put(&words(local.ip()));
    put(&words(peer.ip()));
    put(&[0; 4]); // any interface
    put(&[0xff; 8]); // no cookie
    request
}

fn words(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => {
            let mut words = [0; 16];
            words[..4].copy_from_slice(&address.octets());
            words
        }
        IpAddr::V6(address) => address.octets(),
    }
}

fn read(answer: &[u8]) -> AppSocket {
    // An error (no such socket, no such module) is a message of another type.
    if answer.len() < HEAD + ANSWER || answer[4..6] != BY_FAMILY.to_ne_bytes() {
        return AppSocket::Unknown;
    }
    let message = &answer[HEAD..HEAD + ANSWER];
    let state = message[1];
    // Only a socket that some process has open has an inode.
    let is_open = message[ANSWER - 4..] != [0; 4];
    if is_open {
        AppSocket::Open
    } else if SHUT.contains(&state) {
        AppSocket::Closed
    } else {
        AppSocket::Unknown
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn connected(address: &str) -> Option<(TcpStream, TcpStream)> {
        // A machine without IPv6 has no ::1.
        let listener = TcpListener::bind(address).await.ok()?;
        let app = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (ours, _) = listener.accept().await.unwrap();
        Some((ours, app))
    }

    #[tokio::test]
    async fn closing_and_half_closing_are_told_apart() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Some((mut ours, mut app)) = connected(address).await else {
                continue;
            };
            assert_eq!(app_socket(&ours).unwrap(), AppSocket::Open);
            app.shutdown().await.unwrap();
            assert_eq!(ours.read(&mut [0]).await.unwrap(), 0);
            assert_eq!(app_socket(&ours).unwrap(), AppSocket::Open);
            drop(app);
            // The FIN leaves a moment before the socket loses its owner.
            while app_socket(&ours).unwrap() != AppSocket::Closed {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn a_socket_with_a_second_owner_stays_open() {
        let (ours, app) = connected("127.0.0.1:0").await.unwrap();
        let app = app.into_std().unwrap();
        let second = app.try_clone().unwrap();
        drop(app);
        assert_eq!(app_socket(&ours).unwrap(), AppSocket::Open);
        drop(second);
        while app_socket(&ours).unwrap() != AppSocket::Closed {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn what_is_no_answer_tells_nothing() {
        assert_eq!(read(&[]), AppSocket::Unknown);
        assert_eq!(read(&[0; HEAD + ANSWER]), AppSocket::Unknown);
        let mut established = [0; HEAD + ANSWER];
        established[4..6].copy_from_slice(&BY_FAMILY.to_ne_bytes());
        established[HEAD + 1] = 1;
        assert_eq!(read(&established), AppSocket::Unknown);
        established[HEAD + 1] = 5;
        assert_eq!(read(&established), AppSocket::Closed);
    }
}
