use super::{Exchange, Protocol};

/// What a dissector found.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Finding {
    /// An HTTP request and what came of it. It is over.
    Exchange(Box<Exchange>),
    /// What the connection looks like, from now on.
    Recognised(Protocol),
    /// So many exchanges were not kept until they could be told.
    Skipped(u64),
}
