//! What a session says of itself.

/// What a session says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Nothing is under way or left over: as good as new.
    pub clean: bool,
    /// Lanes that a new pair would have for itself.
    pub free_lanes: usize,
    /// What a new pair would suffer from its neighbours.
    pub health: Health,
    /// Pairs whose direction to the pod is open. The others end within the runtime's second, and their lanes are free
    /// before.
    pub open: usize,
    /// Pairs that have not ended.
    pub pairs: usize,
    /// It takes no new pair, ever.
    pub retired: bool,
    /// How many more pairs may share lanes with others.
    pub shared_room: usize,
    /// Pairs that were reset have not ended in the peer yet.
    pub tails: bool,
}

/// What a new pair would suffer from its neighbours on a session; the worse, the greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// Nothing.
    #[default]
    Well,
    /// So much comes down the session that a newcomer's bytes wait behind it.
    Fast,
    /// A lane does not answer.
    Late,
    /// The session is not being read: an app is slow.
    Paused,
}

impl Report {
    /// Whether a connection that takes a lane of the session has it to itself, or nearly.
    pub(super) fn takes_one_more(&self, reserved: usize) -> bool {
        !self.retired && self.free_lanes > reserved
    }

    /// Whether a connection may take a lane that others are on.
    pub(super) fn shares_with_one_more(&self, reserved: usize) -> bool {
        !self.retired && self.shared_room > reserved
    }
}
