use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use podline_wire::Untrusted;
use thiserror::Error;

/// Where a forward listens, as the user said it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Address {
    /// 127.0.0.1 and ::1; one of the two suffices.
    #[default]
    Localhost,
    /// This address, which has to be had.
    Ip(IpAddr),
}

/// Takes `localhost` and literal addresses. Names are not resolved, and an IPv4 address in IPv6 form is taken for
/// the IPv4 address.
impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        if text == "localhost" {
            return Ok(Self::Localhost);
        }
        text.parse()
            .map(|address: IpAddr| Self::Ip(address.to_canonical()))
            .map_err(|_| InvalidAddress(Untrusted::new(text)))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Localhost => f.pad("localhost"),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

/// A text that is neither `localhost` nor a literal IP address.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{0} is not a valid IP")]
pub struct InvalidAddress(Untrusted);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    #[test]
    fn takes_localhost_and_literals_only() {
        assert_eq!("localhost".parse(), Ok(Address::Localhost));
        assert_eq!("0.0.0.0".parse(), Ok(Address::Ip(Ipv4Addr::UNSPECIFIED.into())));
        assert_eq!("::1".parse(), Ok(Address::Ip(Ipv6Addr::LOCALHOST.into())));
        assert_eq!(
            "::ffff:127.0.0.1".parse(),
            Ok(Address::Ip(Ipv4Addr::LOCALHOST.into()))
        );
        for text in [
            "",
            "foo",
            "127.0.0.1:80",
            "[::1]",
            "fe80::1%eth0",
            "127.0.0.01",
            "Localhost",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn what_is_refused_is_named() {
        assert_eq!(
            "foo".parse::<Address>().unwrap_err().to_string(),
            "foo is not a valid IP"
        );
        assert_eq!(
            "a\nb".parse::<Address>().unwrap_err().to_string(),
            "a\\nb is not a valid IP"
        );
    }
}
