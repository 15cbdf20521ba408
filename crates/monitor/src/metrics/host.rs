use std::net::{IpAddr, Ipv6Addr};

/// Whether a Host header names a machine by an address or as `localhost`. Other names can be made to lead anywhere.
pub(super) fn is_trusted(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => {
            let Some((address, port)) = rest.split_once(']') else {
                return false;
            };
            return is_port(port) && address.parse::<Ipv6Addr>().is_ok();
        }
        None => match host.split_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            Some(_) => return false,
            None => host,
        },
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

fn is_port(text: &str) -> bool {
    text.is_empty()
        || text
            .strip_prefix(':')
            .is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_localhost_are_trusted_and_no_other_name_is() {
        for host in [
            "localhost",
            "LOCALHOST:9090",
            "127.0.0.1:9090",
            "192.0.2.1",
            "[::1]:9090",
            "[::1]",
        ] {
            assert!(is_trusted(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:9090",
            "localhost.evil.example",
            "127.0.0.1.evil.example:80",
            "localhost:x",
            "[::1",
            "[::1]evil",
            "::1",
            "user@localhost",
        ] {
            assert!(!is_trusted(host), "{host}");
        }
    }
}
