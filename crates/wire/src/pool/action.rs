//! What a pool wants done.

/// Names a session within its pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionKey(pub(super) u64);

impl SessionKey {
    /// Counts the sessions of a pool in the order in which they were asked for, from 0.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// Names a connection that asks for a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestKey(pub(super) u64);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Close the session: nothing uses it.
    Close(SessionKey),
    /// Make a session.
    Connect(SessionKey),
    /// The connection's lane is on this session, and it has it for itself.
    Lend(RequestKey, SessionKey),
    /// Ask the peer of this session, which is idle, what it is.
    Prove(SessionKey),
    /// The connection gets none: this session could not be made, and no other is in sight.
    Refuse(RequestKey, SessionKey),
    /// The connection's lane is on this session, and others may be on it: there are no more sessions to be had.
    Share(RequestKey, SessionKey),
}
