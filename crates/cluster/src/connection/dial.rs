//! TCP connections to a name.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use podline_wire::Untrusted;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::sleep;

use super::{ConnectError, Journal, StepFound, deadline};

/// How long one address has before the next one is tried beside it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);
/// How long a connection is idle before TCP probes it, and the time between probes.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Connects to the first address of a name that answers; `step` is what a timeout is called.
pub(crate) async fn dial(
    host: &str,
    port: u16,
    step: &'static str,
    journal: &mut Journal,
) -> Result<TcpStream, ConnectError> {
    deadline::within(deadline::CONNECT, step, async {
        let dns = |source| ConnectError::Dns {
            host: Untrusted::new(host),
            source,
        };
        let addresses = interleave(lookup_host((host, port)).await.map_err(dns)?.collect());
        if addresses.is_empty() {
            return Err(dns(io::Error::new(
                io::ErrorKind::NotFound,
                "the name has no address",
            )));
        }
        journal.note(StepFound::Dns {
            host: Untrusted::new(host),
            addresses: addresses.iter().map(SocketAddr::ip).collect(),
        });
        let tcp = |source| ConnectError::Tcp {
            address: Untrusted::new(shown(host, port)),
            source,
        };
        let stream = race(addresses).await.map_err(tcp)?;
        stream.set_nodelay(true).map_err(tcp)?;
        // A connection without keepalive is worse than none, but not so bad that it would have to be given up.
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
        if let Err(error) = SockRef::from(&stream).set_tcp_keepalive(&keepalive) {
            tracing::debug!(%error, "no TCP keepalive");
        }
        let address = stream.peer_addr().map_err(tcp)?;
        journal.note(StepFound::Tcp { address });
        Ok(stream)
    })
    .await
}

/// Host and port as one text, with brackets where they are needed.
pub(crate) fn shown(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// Starts with one address and adds the next one when an attempt fails or takes its time.
async fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    loop {
        let next = waiting.next();
        let has_more = waiting.len() > 0;
        attempts.extend(next.map(TcpStream::connect));
        loop {
            tokio::select! {
                attempt = attempts.next() => match attempt {
                    Some(Ok(stream)) => return Ok(stream),
                    Some(Err(error)) => {
                        last = error;
                        if has_more {
                            break;
                        }
                    }
                    None => return Err(last),
                },
                () = sleep(HEAD_START), if has_more => break,
            }
        }
    }
}

/// Lets the families take turns, so that a broken one costs one head start only.
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut all = Vec::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair.iter().all(Option::is_none) {
            return all;
        }
        all.extend(pair.into_iter().flatten());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn families_take_turns() {
        let addresses = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| text.parse().unwrap())
                .collect::<Vec<SocketAddr>>()
        };
        assert_eq!(
            interleave(addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "127.0.0.1:1"])),
            addresses(&["[::1]:1", "127.0.0.1:1", "[::2]:1", "[::3]:1"])
        );
        assert_eq!(interleave(Vec::new()), Vec::new());
    }

    #[tokio::test]
    async fn an_address_that_refuses_gives_way_to_the_next() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = listener.local_addr().unwrap();
        let unused = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        let stream = race(vec![unused, good]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        let error = race(vec![unused, unused]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn a_refused_port_and_an_unknown_name_are_told_apart() {
        let unused = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        let mut journal = Journal::new();
        let error = dial("127.0.0.1", unused.port(), "connecting", &mut journal)
            .await
            .unwrap_err();
        assert!(matches!(error, ConnectError::Tcp { .. }), "{error:?}");
        assert!(error.hint().unwrap().contains("API server running"));
        let error = dial("no-such-host.invalid", 1, "connecting", &mut journal)
            .await
            .unwrap_err();
        assert!(matches!(error, ConnectError::Dns { .. }), "{error:?}");
    }
}
