//! What is known of one connection from both of its ends, for the oracle.

use podline_wire::{Time, session::PairEnd};

/// What happened to a connection.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    // Seen by the app.
    /// A lane was asked for.
    pub(crate) asked: Option<Time>,
    pub(crate) opened: Option<Time>,
    /// Another was on its lane, for a while at least.
    pub(crate) shared: bool,
    /// Bytes of the app that the session took and that were not dropped again.
    pub(crate) sent: u64,
    /// The app has ended its direction.
    pub(crate) finished: Option<Time>,
    /// The app has reset the connection.
    pub(crate) aborted: Option<Time>,
    /// The session said that the pod takes no more.
    pub(crate) stopped: Option<Time>,
    pub(crate) received: u64,
    pub(crate) end: Option<End>,
    pub(crate) ended: Option<Time>,

    // Seen by the node.
    pub(crate) dialed: Option<Time>,
    pub(crate) dial_failed: Option<DialKind>,
    /// Bytes that the pod's socket has taken.
    pub(crate) accepted: u64,
    /// Bytes that the runtime has read from the pod.
    pub(crate) produced: u64,
    /// The runtime has read the pod's orderly end, and every byte before it.
    pub(crate) pod_finished: bool,
    /// The pod ended the connection, in whatever way.
    pub(crate) pod_ended: bool,
    /// The pod's program was ended under the connection.
    pub(crate) killed: Option<Time>,
    /// The runtime saw reading from or writing to the pod fail.
    pub(crate) pod_failed: bool,
    /// The runtime closed the connection into the pod.
    pub(crate) closed: Option<Time>,
}

/// How a connection ended for the app.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Aborted,
    Pair(PairEnd),
    SessionLost,
    /// It took nothing for too long while a neighbour waited.
    StalledReader,
    /// The same, on a session that gets no new pairs: what a pair left behind that is over may be what blocks the lane, and
    /// whoever is left on it is told of no better reason.
    StalledWithSession,
}

/// Why a dial failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DialKind {
    NamespaceClosed,
    Refused,
    Reset,
    TimedOut,
}
