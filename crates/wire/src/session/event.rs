//! What a session tells whoever drives it.

use std::time::Duration;

use crate::spdy::{GoAwayStatus, PeerMisbehaved};

use super::{PONG_DEADLINE, PairEnd, PairId, Peer};

/// What [`Session::handle_bytes`](super::Session::handle_bytes) found.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Received<'a> {
    /// Bytes from the pod.
    Data {
        /// The pair they belong to.
        pair: PairId,
        /// A slice of the input.
        payload: &'a [u8],
    },
    /// Something else: there may be events and output.
    Other,
}

/// What the application must know.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The pair is over on the wire; all its bytes were given before.
    Ended(PairId, PairEnd),
    /// It is known what kind of peer this is.
    PeerKnown(Peer),
    /// The peer's answer to the pair's opening came.
    Opened(PairId),
    /// A PING of [`Session::time_ping`](super::Session::time_ping) was answered.
    RoundTrip {
        /// Its number.
        ping: u32,
        /// From its being sent until its answer.
        took: Duration,
    },
    /// The peer takes no more bytes of the pair: what was not sent yet is to be dropped, before the next output is
    /// taken.
    Stopped(PairId),
    /// The pair, refused an allowance before, may send again.
    Writable(PairId),
}

/// Why a session can go on no longer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionFault {
    /// The peer ended the session by GOAWAY.
    #[error("the peer ended the session ({0})")]
    GoAway(GoAwayStatus),
    /// The peer broke the protocol.
    #[error(transparent)]
    Misbehaved(#[from] PeerMisbehaved),
    /// Nothing came for [`PONG_DEADLINE`] after a probe.
    #[error("the peer has not answered for {} s", PONG_DEADLINE.as_secs())]
    Silent,
}

/// No stream id is left for another pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session's stream ids are used up")]
pub struct Exhausted;
