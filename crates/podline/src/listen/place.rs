use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Address;

/// An address to listen on, and whether it has to be had.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    pub(crate) address: IpAddr,
    pub(crate) need: Need,
}

/// What it means that a place cannot be had.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Need {
    /// A family of `localhost`: the forward does with the other one.
    OneOfTwo,
    /// An address that was named: an error.
    Required,
}

/// Where to listen, in the string order of the addresses, each once: kubectl's order of `Forwarding from` lines.
///
/// No address at all means `localhost`. An address that is named beside `localhost` is required even if it is
/// one of its two.
pub(crate) fn places(addresses: &[Address]) -> Vec<Place> {
    let addresses = if addresses.is_empty() {
        &[Address::Localhost]
    } else {
        addresses
    };
    let mut sorted = BTreeMap::new();
    for address in addresses {
        match *address {
            Address::Ip(address) => {
                sorted.insert(address.to_string(), (address, Need::Required));
            }
            Address::Localhost => {
                for address in [
                    IpAddr::from(Ipv4Addr::LOCALHOST),
                    IpAddr::from(Ipv6Addr::LOCALHOST),
                ] {
                    sorted
                        .entry(address.to_string())
                        .or_insert((address, Need::OneOfTwo));
                }
            }
        }
    }
    sorted
        .into_values()
        .map(|(address, need)| Place { address, need })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use super::*;

    fn of(addresses: &[&str]) -> Vec<(String, Need)> {
        let addresses: Vec<Address> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        places(&addresses)
            .into_iter()
            .map(|place| (place.address.to_string(), place.need))
            .collect()
    }

    #[test]
    fn nothing_named_is_localhost_in_both_families() {
        let expected = [
            ("127.0.0.1".to_owned(), Need::OneOfTwo),
            ("::1".to_owned(), Need::OneOfTwo),
        ];
        assert_eq!(of(&[]), expected);
        assert_eq!(of(&["localhost"]), expected);
        assert_eq!(of(&["localhost", "localhost"]), expected);
    }

    #[test]
    fn addresses_come_in_string_order_and_once() {
        let named: Vec<String> = of(&["::1", "9.0.0.1", "10.0.0.1", "0.0.0.0", "10.0.0.1"])
            .into_iter()
            .map(|(address, _)| address)
            .collect();
        assert_eq!(named, ["0.0.0.0", "10.0.0.1", "9.0.0.1", "::1"]);
    }

    #[test]
    fn a_named_address_is_required_beside_localhost_in_either_order() {
        let expected = [
            ("127.0.0.1".to_owned(), Need::Required),
            ("::1".to_owned(), Need::OneOfTwo),
        ];
        assert_eq!(of(&["127.0.0.1", "localhost"]), expected);
        assert_eq!(of(&["localhost", "127.0.0.1"]), expected);
    }
}
