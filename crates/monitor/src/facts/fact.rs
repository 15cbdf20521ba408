use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use podline::{Connection, Event, Outcome, Probed, Target, Way};
use std::sync::Arc;

use crate::http::{Exchange, Protocol};

/// Something that happened, when, and in which forward.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fact {
    /// When it was noticed.
    pub at: Timestamp,
    /// The forward.
    pub forward: Arc<ForwardName>,
    /// What happened.
    pub what: What,
}

/// What tells one forward from the others of a run.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ForwardName {
    /// Counts the forwards, from 0 in the order of the command line.
    pub index: usize,
    /// What the user named.
    pub target: Target,
}

/// What happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum What {
    /// A connection was accepted.
    Accepted(Connection),
    /// A connection is over.
    Closed(Box<Closed>),
    /// An HTTP request is over.
    Exchanged(Box<Exchanged>),
    /// The forward told something that is not of one connection.
    Happened(Event),
    /// A connection was given a pod; said again when it begins anew.
    Opened {
        /// Which.
        connection: Connection,
        /// Where it goes.
        way: Way,
    },
    /// So many HTTP requests of a connection ended in one moment, and are not told.
    Overlooked {
        /// Which.
        connection: Connection,
        /// How many.
        exchanges: u64,
    },
    /// A port inside a pod was probed.
    Probed(Probed),
    /// Connections are taken from now on.
    Ready,
    /// It was found out what a connection speaks, or what it speaks from now on.
    Recognised {
        /// Which.
        connection: Connection,
        /// What it looks like.
        protocol: Protocol,
    },
}

/// An HTTP request that is over, and what came of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Exchanged {
    /// Whose.
    pub connection: Connection,
    /// When its first byte came.
    pub started: Timestamp,
    /// What it was. Its own time counts from the acceptance of the connection.
    pub exchange: Exchange,
}

/// A connection that is over.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Closed {
    /// Which.
    pub connection: Connection,
    /// Where it went; none if it never got a pod.
    pub way: Option<Way>,
    /// How it went.
    pub outcome: Outcome,
    /// From its acceptance to the first byte of the pod that the app's socket took, if there was one.
    pub first_byte: Option<Duration>,
}

/// The target, as the user would name it.
impl fmt::Display for ForwardName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target.fmt(f)
    }
}
