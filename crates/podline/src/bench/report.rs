use std::fmt;
use std::time::Duration;

use podline_cluster::{RemotePort, Target};
use podline_tunnel::{PodAddress, Transport};
use podline_wire::Untrusted;

use super::statistics::{Times, per_second};
use super::tally::Failures;
use crate::check::{Problem, Stage};

/// What a bench measured.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// Where to.
    pub target: Target,
    /// The port, as it was named.
    pub port: RemotePort,
    /// How sessions were made, if there were any.
    pub transport: Option<Transport>,
    /// The pods that connections went to, by name; the first hundred of them.
    pub pods: Vec<PodAddress>,
    /// What was found out of the port, in a few words, such as `HTTP status 200`.
    pub found: Option<Untrusted>,
    /// What was measured, in its order.
    pub measures: Vec<Measure>,
    /// What was not, and why.
    pub not_measured: Vec<NotMeasured>,
    /// What kept it from going on, if something did: which part of the way, and why.
    pub failed: Option<(Stage, Problem)>,
    /// It was told to stop before its end.
    pub interrupted: bool,
}

/// One measure.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Measure {
    /// What was measured.
    pub kind: Kind,
    /// How many connections at once.
    pub connections: usize,
    /// How long it took.
    pub took: Duration,
    /// What came of it.
    pub value: Value,
    /// What did not work, by reason. Nothing of it is in `value`.
    pub failures: Failures,
}

/// What came of a measure.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Bytes that were moved; of an echo, those that came back.
    Bytes {
        /// How many.
        bytes: u64,
        /// In which time.
        time: Duration,
    },
    /// Connections that came to their end.
    Connections {
        /// How many.
        done: u64,
        /// In which time.
        time: Duration,
    },
    /// Times; None where all failed.
    Times(Option<Times>),
}

/// Something that was not measured.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NotMeasured {
    /// What.
    pub kinds: Vec<Kind>,
    /// Why, and what would measure it.
    pub problem: Problem,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Kind {
    /// A request to the API server and its answer, on a connection that stands.
    ServerRoundTrip,
    /// A PING on a session to the pod's node, and its answer.
    SessionRoundTrip,
    /// An empty connection, to the answer of the container runtime.
    Probe,
    /// From before connecting to the first byte that the server sends unasked.
    Greeting,
    /// From before connecting to the first byte of the answer to what was sent at once; for HTTP, to the end of its head.
    FirstByte,
    /// A byte to an echo and back, on an open connection.
    RoundTrip,
    /// An HTTP request on an open connection, to the last byte of its answer.
    Request,
    /// Connections, each from being made to its end, with one exchange.
    Rate,
    /// Bytes of HTTP answers.
    Download,
    /// Bytes to an echo and back; each of them goes both ways.
    Echo,
}

impl Measure {
    /// Connections or bytes in a second, of what is counted by that.
    pub fn per_second(&self) -> Option<f64> {
        match self.value {
            Value::Bytes { bytes: number, time } | Value::Connections { done: number, time } => {
                Some(per_second(number, time))
            }
            Value::Times(_) => None,
        }
    }
}

impl Kind {
    /// Everything that can be measured, in the order in which it is.
    pub const ALL: [Self; 10] = [
        Self::ServerRoundTrip,
        Self::SessionRoundTrip,
        Self::Probe,
        Self::Greeting,
        Self::FirstByte,
        Self::RoundTrip,
        Self::Request,
        Self::Rate,
        Self::Download,
        Self::Echo,
    ];

    /// Its name, in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ServerRoundTrip => "server-round-trip",
            Self::SessionRoundTrip => "session-round-trip",
            Self::Probe => "probe",
            Self::Greeting => "greeting",
            Self::FirstByte => "first-byte",
            Self::RoundTrip => "round-trip",
            Self::Request => "request",
            Self::Rate => "rate",
            Self::Download => "download",
            Self::Echo => "echo",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
