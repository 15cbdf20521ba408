//! The ports of forwards, which may be listened on at several addresses each.

use podline::{Forward, LocalAddress};

/// The addresses of each port, in the order in which the ports were named.
pub(super) fn of(forward: &Forward) -> impl Iterator<Item = &[LocalAddress]> {
    by_port(forward.local_addrs())
}

/// Of one forward's addresses, those of one port stand together, and the local port tells ports apart.
fn by_port(addresses: &[LocalAddress]) -> impl Iterator<Item = &[LocalAddress]> {
    addresses.chunk_by(|one, next| (one.socket.port(), one.remote) == (next.socket.port(), next.remote))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_a_port_belong_together() {
        let address = |(socket, remote): (&str, u16)| LocalAddress {
            socket: socket.parse().expect("a test names addresses"),
            remote,
        };
        let addresses = [
            ("127.0.0.1:80", 80),
            ("[::1]:80", 80),
            ("127.0.0.1:81", 80),
            ("[::1]:82", 82),
        ]
        .map(address);
        let ports: Vec<usize> = by_port(&addresses).map(<[_]>::len).collect();
        assert_eq!(ports, [2, 1, 1]);
    }
}
