use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// The two ends of a connection as its packets name them, which must be of one family.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ends {
    V4 { app: SocketAddrV4, pod: SocketAddrV4 },
    V6 { app: SocketAddrV6, pod: SocketAddrV6 },
}

impl Ends {
    /// The app and what it talks to. Where they are of different families, the IPv4 address is shown as the IPv6 address
    /// that stands for it, `::ffff:a.b.c.d` (RFC 4291 2.5.5.2).
    pub(super) fn new(app: SocketAddr, pod: SocketAddr) -> Self {
        let port = |address: SocketAddr| address.port();
        match (app.ip().to_canonical(), pod.ip().to_canonical()) {
            (IpAddr::V4(app_ip), IpAddr::V4(pod_ip)) => Self::V4 {
                app: SocketAddrV4::new(app_ip, port(app)),
                pod: SocketAddrV4::new(pod_ip, port(pod)),
            },
            (app_ip, pod_ip) => Self::V6 {
                app: SocketAddrV6::new(mapped(app_ip), port(app), 0, 0),
                pod: SocketAddrV6::new(mapped(pod_ip), port(pod), 0, 0),
            },
        }
    }
}

fn mapped(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use super::*;

    fn shown(app: &str, pod: &str) -> (String, String) {
        match Ends::new(app.parse().unwrap(), pod.parse().unwrap()) {
            Ends::V4 { app, pod } => (app.to_string(), pod.to_string()),
            Ends::V6 { app, pod } => (app.to_string(), pod.to_string()),
        }
    }

    #[test]
    fn both_ends_are_of_one_family() {
        let table = [
            ("127.0.0.1:5000", "10.0.0.7:80", "127.0.0.1:5000", "10.0.0.7:80"),
            ("[::1]:5000", "[fd00::7]:80", "[::1]:5000", "[fd00::7]:80"),
            (
                "127.0.0.1:5000",
                "[fd00::7]:80",
                "[::ffff:127.0.0.1]:5000",
                "[fd00::7]:80",
            ),
            ("[::1]:5000", "10.0.0.7:80", "[::1]:5000", "[::ffff:10.0.0.7]:80"),
            (
                "[::ffff:127.0.0.1]:5000",
                "10.0.0.7:80",
                "127.0.0.1:5000",
                "10.0.0.7:80",
            ),
        ];
        for (app, pod, app_shown, pod_shown) in table {
            assert_eq!(shown(app, pod), (app_shown.to_owned(), pod_shown.to_owned()));
        }
    }
}
