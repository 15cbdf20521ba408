//! How a pair ended on the wire.

use crate::Untrusted;

use super::FailureKind;

/// How a pair ended on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PairEnd {
    /// Both streams ended without an error.
    Clean {
        /// Whether all that was sent is known to have been taken from the peer's queues, or nothing shows otherwise.
        delivered: bool,
    },
    /// The runtime told an error.
    Failed {
        /// What of it is to be concluded.
        kind: FailureKind,
        /// Its whole text.
        text: Untrusted,
    },
    /// The runtime reset the pair without a word: the pod reset its connection.
    Reset,
    /// The peer did not answer the opening within [`super::PAIR_DEADLINE`].
    Unanswered,
}
