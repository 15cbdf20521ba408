use std::io;
use std::net::SocketAddr;

use thiserror::Error;

use super::Holder;

/// Why an address cannot be listened on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ListenError {
    /// Something listens there already.
    #[error("port {} of {} is in use by {}", socket.port(), socket.ip(), named(holder.as_ref()))]
    Held {
        /// What was asked for.
        socket: SocketAddr,
        /// Who has it, where that may be read: on Linux, of a process of the same user.
        holder: Option<Holder>,
    },
    /// The system refuses it: no such address on this machine, or no right to the port.
    #[error("cannot listen on port {} of {}", socket.port(), socket.ip())]
    Refused {
        /// What was asked for.
        socket: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
}

impl ListenError {
    /// What was asked for.
    pub fn socket(&self) -> SocketAddr {
        match self {
            Self::Held { socket, .. } | Self::Refused { socket, .. } => *socket,
        }
    }

    /// What can be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Held { .. } => {
                Some("name another local port, or `:REMOTE` for any that is free".to_owned())
            }
            Self::Refused { socket, source } => match source.kind() {
                io::ErrorKind::AddrNotAvailable => {
                    Some(format!("{} is not an address of this machine", socket.ip()))
                }
                io::ErrorKind::PermissionDenied if socket.port() < 1024 => Some(
                    "ports below 1024 need rights that this process does not have; name a higher local port"
                        .to_owned(),
                ),
                _ => None,
            },
        }
    }
}

fn named(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "another process".to_owned(), Holder::to_string)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use podline_wire::Untrusted;

    use super::*;

    #[test]
    fn names_port_address_and_holder() {
        let socket = "127.0.0.1:8080".parse().unwrap();
        let held = |holder| ListenError::Held { socket, holder }.to_string();
        assert_eq!(held(None), "port 8080 of 127.0.0.1 is in use by another process");
        let holder = Holder {
            process: 42,
            name: Untrusted::new("ngi\x1bnx"),
        };
        assert_eq!(
            held(Some(holder)),
            "port 8080 of 127.0.0.1 is in use by ngi\\u{1b}nx (process 42)"
        );
    }

    #[test]
    fn says_what_can_be_done_where_something_can() {
        let refused = |socket: &str, kind: io::ErrorKind| {
            ListenError::Refused {
                socket: socket.parse().unwrap(),
                source: kind.into(),
            }
            .hint()
        };
        assert!(refused("127.0.0.1:80", io::ErrorKind::PermissionDenied).is_some());
        assert!(refused("127.0.0.1:8080", io::ErrorKind::PermissionDenied).is_none());
        assert!(refused("10.9.8.7:8080", io::ErrorKind::AddrNotAvailable).is_some());
    }
}
