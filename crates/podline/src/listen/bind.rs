use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use super::{Holder, ListenError, Need, Place};

/// Connections that may wait to be accepted; the kernel takes less where its own limit is lower.
const BACKLOG: i32 = 1024;

/// What was made for one port.
#[derive(Debug)]
pub(crate) struct Bound {
    /// At least one, in the order of the places, each with its address.
    pub(crate) listeners: Vec<(TcpListener, SocketAddr)>,
    /// The family of `localhost` that another process has, if so.
    pub(crate) held: Option<ListenError>,
}

/// Listens on `port` at every place; 0 is any free port, chosen at the first place and the same at the others.
pub(crate) fn bind(places: &[Place], port: u16) -> Result<Bound, ListenError> {
    let mut port = port;
    let mut listeners = Vec::with_capacity(places.len());
    let mut missing = Vec::new();
    let mut one_of_two_is_had = false;
    for place in places {
        let socket = SocketAddr::new(place.address, port);
        match listen(socket) {
            Ok((listener, bound)) => {
                port = bound.port();
                listeners.push((listener, bound));
                one_of_two_is_had |= place.need == Need::OneOfTwo;
            }
            Err(error) => {
                let error = explain(socket, error);
                match place.need {
                    Need::OneOfTwo => missing.push(error),
                    Need::Required => return Err(error),
                }
            }
        }
    }
    // A machine without IPv6 is no news; a port that is someone else's in one family is.
    missing.sort_by_key(|error| !matches!(error, ListenError::Held { .. }));
    let worst = missing.into_iter().next();
    match worst {
        Some(error) if !one_of_two_is_had => Err(error),
        worst => Ok(Bound {
            listeners,
            held: worst.filter(|error| matches!(error, ListenError::Held { .. })),
        }),
    }
}

fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // `::` is IPv6 and nothing else, as in kubectl; the IPv4 wildcard has a name of its own.
        socket.set_only_v6(true)?;
    }
    // On Windows this option would let two programs share the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from_std(socket.into())?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

fn explain(socket: SocketAddr, error: io::Error) -> ListenError {
    if error.kind() == io::ErrorKind::AddrInUse {
        ListenError::Held {
            socket,
            holder: Holder::of(socket),
        }
    } else {
        ListenError::Refused {
            socket,
            source: error,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::super::{Address, places};
    use super::*;

    fn ports(bound: &Bound) -> Vec<u16> {
        bound
            .listeners
            .iter()
            .map(|(_, address)| address.port())
            .collect()
    }

    fn machine_has_ipv6() -> bool {
        std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
    }

    #[tokio::test]
    async fn a_random_port_is_the_same_in_both_families() {
        let bound = bind(&places(&[]), 0).unwrap();
        let ports = ports(&bound);
        assert_eq!(ports.len(), if machine_has_ipv6() { 2 } else { 1 });
        assert!(ports.iter().all(|port| *port == ports[0] && *port != 0));
    }

    #[tokio::test]
    async fn a_port_that_is_held_in_one_family_of_localhost_is_warned_about() {
        if !machine_has_ipv6() {
            return;
        }
        // Other programs of this machine may hold the port in the other family.
        let (other, port) =
            std::iter::repeat_with(|| std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap())
                .map(|other| (other.local_addr().unwrap().port(), other))
                .find(|(port, _)| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
                .map(|(port, other)| (other, port))
                .unwrap();
        let bound = bind(&places(&[]), port).unwrap();
        drop(other);
        assert_eq!(ports(&bound), [port]);
        let held = bound.held.unwrap();
        assert_eq!(held.socket(), (Ipv6Addr::LOCALHOST, port).into());
    }

    #[tokio::test]
    async fn a_port_that_is_held_in_both_families_is_an_error() {
        let first = bind(&places(&[]), 0).unwrap();
        let port = ports(&first)[0];
        let error = bind(&places(&[]), port).unwrap_err();
        assert_eq!(error.socket(), (Ipv4Addr::LOCALHOST, port).into());
        assert!(matches!(error, ListenError::Held { .. }));
    }

    #[tokio::test]
    async fn a_literal_address_that_is_held_is_an_error() {
        let other = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = other.local_addr().unwrap().port();
        let named = places(&[Address::Localhost, Address::Ip(Ipv4Addr::LOCALHOST.into())]);
        assert!(bind(&named, port).is_err());
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_refused() {
        // TEST-NET-1 of RFC 5737 is no one's.
        let named = places(&["192.0.2.1".parse().unwrap()]);
        assert!(matches!(bind(&named, 0), Err(ListenError::Refused { .. })));
    }
}
