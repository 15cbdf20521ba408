//! `NO_PROXY`: which servers are reached without a proxy. The rules are those of Go's `httpproxy`.

use std::net::IpAddr;

/// Which servers are reached without a proxy.
pub(crate) struct NoProxy {
    rules: Vec<Rule>,
}

enum Rule {
    All,
    Address {
        address: IpAddr,
        port: Option<u16>,
    },
    /// All addresses that agree with `address` in the first `bits` bits.
    Network {
        address: IpAddr,
        bits: u8,
    },
    Domain {
        suffix: String,
        itself: bool,
        port: Option<u16>,
    },
}

impl NoProxy {
    /// Parses a list such as `10.0.0.0/8,.example.com,host:443,*`. What cannot be understood is passed over.
    pub(crate) fn parse(list: &str) -> Self {
        Self {
            rules: list
                .split(',')
                .filter_map(|rule| Rule::parse(rule.trim()))
                .collect(),
        }
    }

    /// Whether `host` (a name, or an address without brackets) is reached without a proxy. This machine always is.
    pub(crate) fn covers(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let address: Option<IpAddr> = host.parse().ok();
        host == "localhost"
            || address.is_some_and(|address| address.is_loopback())
            || self.rules.iter().any(|rule| rule.covers(&host, address, port))
    }
}

impl Rule {
    fn parse(rule: &str) -> Option<Self> {
        let rule = rule.to_ascii_lowercase();
        if rule.is_empty() {
            return None;
        }
        if rule == "*" {
            return Some(Self::All);
        }
        if let Some((address, bits)) = rule.split_once('/') {
            let (address, bits): (IpAddr, u8) = (address.parse().ok()?, bits.parse().ok()?);
            let most = if address.is_ipv4() { 32 } else { 128 };
            return (bits <= most).then_some(Self::Network { address, bits });
        }
        let (host, port) = split_port(&rule);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = host.parse() {
            return Some(Self::Address { address, port });
        }
        let (suffix, itself) = match host.strip_prefix("*.").or_else(|| host.strip_prefix('.')) {
            Some(suffix) => (suffix, false),
            None => (host, true),
        };
        (!suffix.is_empty()).then(|| Self::Domain {
            suffix: suffix.to_owned(),
            itself,
            port,
        })
    }

    fn covers(&self, host: &str, address: Option<IpAddr>, port: u16) -> bool {
        let is_port = |rule: &Option<u16>| rule.is_none_or(|rule| rule == port);
        match self {
            Self::All => true,
            Self::Address { address: rule, port } => address == Some(*rule) && is_port(port),
            Self::Network { address: rule, bits } => {
                address.is_some_and(|address| agree(address.to_canonical(), *rule, *bits))
            }
            Self::Domain { suffix, itself, port } => {
                let below = || {
                    host.strip_suffix(suffix.as_str())
                        .is_some_and(|rest| rest.ends_with('.'))
                };
                is_port(port) && ((*itself && host == suffix) || below())
            }
        }
    }
}

/// Takes the port off `host:port`; an IPv6 address without brackets has none.
fn split_port(text: &str) -> (&str, Option<u16>) {
    let colons = text.bytes().filter(|byte| *byte == b':').count();
    let has_port = colons == 1 || (text.starts_with('[') && !text.ends_with(']'));
    let split = has_port.then(|| text.rsplit_once(':')).flatten();
    split
        .and_then(|(host, port)| Some((host, Some(port.parse().ok()?))))
        .unwrap_or((text, None))
}

fn agree(a: IpAddr, b: IpAddr, bits: u8) -> bool {
    let (a, b, length) = match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
        _ => return false,
    };
    let shift = length - u32::from(bits);
    a.checked_shr(shift) == b.checked_shr(shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_those_of_go() {
        for (list, host, port, covered) in [
            ("", "k8s.example", 443, false),
            ("", "localhost", 443, true),
            ("", "127.0.0.2", 443, true),
            ("", "::1", 443, true),
            ("*", "k8s.example", 443, true),
            ("example", "k8s.example", 443, true),
            ("k8s.example", "k8s.example", 443, true),
            ("K8S.Example", "k8s.eXample.", 443, true),
            ("8s.example", "k8s.example", 443, false),
            (".example", "k8s.example", 443, true),
            ("*.example", "k8s.example", 443, true),
            (".k8s.example", "k8s.example", 443, false),
            ("k8s.example:6443", "k8s.example", 443, false),
            ("k8s.example:443", "k8s.example", 443, true),
            ("10.0.0.0/8", "10.1.2.3", 443, true),
            ("10.0.0.0/8", "11.1.2.3", 443, false),
            ("0.0.0.0/0", "11.1.2.3", 443, true),
            ("fd00::/8", "fd12::1", 443, true),
            ("fd00::/8", "fe12::1", 443, false),
            ("::/0", "fe12::1", 443, true),
            ("10.0.0.0/8", "::ffff:10.0.0.1", 443, true),
            ("10.0.0.0/40, 10.0.0.1", "10.0.0.1", 443, true),
            ("10.0.0.1:6443", "10.0.0.1", 443, false),
            ("[fd12::1]:443", "fd12::1", 443, true),
            ("fd12::1", "fd12::1", 443, true),
            ("other, k8s.example ,", "k8s.example", 443, true),
            (". , *. , :80", "k8s.example", 443, false),
        ] {
            assert_eq!(
                NoProxy::parse(list).covers(host, port),
                covered,
                "{list:?} {host} {port}"
            );
        }
    }
}
