use std::fmt;
use std::net::SocketAddr;

/// An address where a forward listens, and the port of the pod that it leads to.
///
/// Displays as kubectl does behind `Forwarding from`: `127.0.0.1:8080 -> 80`, `[::1]:8080 -> 80`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LocalAddress {
    /// The address that is listened on.
    pub socket: SocketAddr,
    /// The port of the pod, as it was resolved when the forward started.
    pub remote: u16,
}

impl fmt::Display for LocalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.socket, self.remote)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    #[test]
    fn reads_as_kubectl_prints_it() {
        let v4 = LocalAddress {
            socket: (Ipv4Addr::LOCALHOST, 8080).into(),
            remote: 80,
        };
        let v6 = LocalAddress {
            socket: (Ipv6Addr::LOCALHOST, 8080).into(),
            remote: 80,
        };
        assert_eq!(v4.to_string(), "127.0.0.1:8080 -> 80");
        assert_eq!(v6.to_string(), "[::1]:8080 -> 80");
    }
}
