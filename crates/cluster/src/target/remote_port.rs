//! The remote half of a port argument.

use std::fmt;
use std::str::FromStr;

use podline_wire::Untrusted;
use thiserror::Error;

/// A port of the target, by number or by name. For a service both mean the service's port, not the container's.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum RemotePort {
    /// 1 to 65535.
    Number(u16),
    /// The name of a container's port or of a service's.
    Name(String),
}

impl FromStr for RemotePort {
    type Err = RemotePortError;

    fn from_str(text: &str) -> Result<Self, RemotePortError> {
        if text.is_empty() {
            return Err(RemotePortError::Empty);
        }
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self::Name(text.to_owned()));
        }
        match text.parse() {
            Ok(0) => Err(RemotePortError::Zero),
            Ok(number) => Ok(Self::Number(number)),
            Err(_) => Err(RemotePortError::OutOfRange {
                text: Untrusted::new(text),
            }),
        }
    }
}

impl fmt::Display for RemotePort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => Untrusted::new(&**name).fmt(f),
        }
    }
}

/// Why a text is no remote port.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum RemotePortError {
    /// There is no text.
    #[error("remote port cannot be empty")]
    Empty,
    /// A number, but not one from 1 to 65535.
    #[error("error parsing remote port '{text}': value out of range")]
    OutOfRange {
        /// The number as it was written.
        text: Untrusted,
    },
    /// Port 0 is only good for the local side.
    #[error("remote port must be > 0")]
    Zero,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_told_apart() {
        for (text, port) in [
            ("80", Ok(RemotePort::Number(80))),
            ("0080", Ok(RemotePort::Number(80))),
            ("65535", Ok(RemotePort::Number(65535))),
            ("http", Ok(RemotePort::Name("http".into()))),
            ("8080-tcp", Ok(RemotePort::Name("8080-tcp".into()))),
            ("", Err("remote port cannot be empty")),
            ("0", Err("remote port must be > 0")),
            (
                "65536",
                Err("error parsing remote port '65536': value out of range"),
            ),
            (
                "99999999999999999999",
                Err("error parsing remote port '99999999999999999999': value out of range"),
            ),
            ("-1", Err("error parsing remote port '-1': value out of range")),
        ] {
            let got = text.parse::<RemotePort>().map_err(|error| error.to_string());
            assert_eq!(got, port.map_err(str::to_owned), "{text}");
        }
    }
}
