//! What pods serve: small TCP servers with one behaviour each, the same in the minicluster and in a real container.

mod connection;
pub mod pattern;
mod serve;
mod tls;
mod web;

use std::{fmt, net::SocketAddr, str::FromStr};

pub(crate) use connection::hex;
pub use serve::serve;

/// One behaviour of a listening port.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Workload {
    /// Accepts and never reads.
    Blackhole,
    /// Reads to the end, then answers the number of bytes and a line feed.
    Discard,
    /// Sends back what it gets.
    Echo,
    /// Sends back the first 64 bytes, then closes: the server is the one that ends.
    EchoOnce,
    /// Reads a line with a number, and ends the process with that status (in a container only; in the minicluster nothing
    /// listens).
    Exit,
    /// Sends deterministic bytes for ever.
    Generator,
    /// Sends `hello` and a line feed first, then echoes.
    Greeter,
    /// Sends `half` and a line feed, shuts its write side down and goes on reading.
    HalfClose,
    /// What [`Workload::Web`] is, through TLS with a certificate that it signed itself.
    Https,
    /// Reads a line with a number of milliseconds, then nothing for that long, then is a [`Workload::Sink`]: a process at
    /// a debugger's breakpoint.
    LateSink,
    /// Served by another process, which listens there (minicluster only; in a container nothing listens).
    Outside(SocketAddr),
    /// Nothing listens.
    Refused,
    /// Resets at once.
    Reset,
    /// Sends `partial`, then resets.
    ResetAfterData,
    /// Reads a line with a number N, then N bytes, and answers their SHA-256 in hex and a line feed.
    Sink,
    /// Reads 1 KiB a second.
    SlowReader,
    /// Reads a line with a number N, sends N deterministic bytes and closes.
    Source,
    /// Connection attempts get no answer at all (minicluster only; in a container nothing listens).
    Unreachable,
    /// A small HTTP/1.1 application.
    Web,
}

/// The ports that the workload's image serves, in minicluster pods and in real ones alike.
pub const FIXED_PORTS: [(u16, Workload); 18] = [
    (7, Workload::Echo),
    (9, Workload::Discard),
    (19, Workload::Generator),
    (20, Workload::Source),
    (21, Workload::Sink),
    (22, Workload::Greeter),
    (23, Workload::Reset),
    (24, Workload::ResetAfterData),
    (25, Workload::Blackhole),
    (26, Workload::HalfClose),
    (27, Workload::SlowReader),
    (28, Workload::EchoOnce),
    (29, Workload::LateSink),
    (30, Workload::Exit),
    (83, Workload::Refused),
    (84, Workload::Unreachable),
    (8080, Workload::Web),
    (8443, Workload::Https),
];

/// What [`Workload::Outside`] begins with in a container's arguments; its address follows.
const OUTSIDE: &str = "outside:";

/// Name and behaviour; the name is what a container's arguments say.
const NAMES: [(&str, Workload); 18] = [
    ("blackhole", Workload::Blackhole),
    ("discard", Workload::Discard),
    ("echo", Workload::Echo),
    ("echo-once", Workload::EchoOnce),
    ("exit", Workload::Exit),
    ("generator", Workload::Generator),
    ("greeter", Workload::Greeter),
    ("half-close", Workload::HalfClose),
    ("https", Workload::Https),
    ("late-sink", Workload::LateSink),
    ("refused", Workload::Refused),
    ("reset", Workload::Reset),
    ("reset-after-data", Workload::ResetAfterData),
    ("sink", Workload::Sink),
    ("slow-reader", Workload::SlowReader),
    ("source", Workload::Source),
    ("unreachable", Workload::Unreachable),
    ("web", Workload::Web),
];

impl Workload {
    /// Whether something listens at the port.
    #[must_use]
    pub fn listens(self) -> bool {
        !matches!(self, Self::Exit | Self::Refused | Self::Unreachable)
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Outside(address) = self {
            return write!(formatter, "{OUTSIDE}{address}");
        }
        let name = NAMES
            .iter()
            .find(|(_, workload)| workload == self)
            .map_or("unnamed", |(name, _)| name);
        formatter.pad(name)
    }
}

impl FromStr for Workload {
    type Err = UnknownWorkload;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let outside = || {
            let address = text.strip_prefix(OUTSIDE)?;
            address.parse().ok().map(Self::Outside)
        };
        NAMES
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, workload)| *workload)
            .or_else(outside)
            .ok_or_else(|| UnknownWorkload {
                name: text.escape_debug().to_string(),
            })
    }
}

/// No behaviour has this name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no workload is called `{name}`")]
pub struct UnknownWorkload {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for (name, workload) in NAMES {
            assert_eq!(workload.to_string(), name);
            assert_eq!(name.parse(), Ok(workload));
        }
        let outside = Workload::Outside(([127, 0, 0, 1], 4567).into());
        assert_eq!(outside.to_string(), "outside:127.0.0.1:4567");
        assert_eq!("outside:127.0.0.1:4567".parse(), Ok(outside));
        assert_eq!(
            "chargen".parse::<Workload>().map_err(|error| error.to_string()),
            Err("no workload is called `chargen`".into())
        );
    }

    #[test]
    fn every_behaviour_has_one_fixed_port() {
        for (_, workload) in NAMES {
            assert_eq!(
                FIXED_PORTS.iter().filter(|(_, fixed)| *fixed == workload).count(),
                1,
                "{workload}"
            );
        }
    }
}
