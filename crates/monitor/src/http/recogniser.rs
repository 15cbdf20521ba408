mod first;
mod tls;

use podline_wire::Time;

use super::{Direction, Protocol};

/// Most that is kept of each direction before it is known what the connection speaks, in bytes: enough for a hello of
/// TLS with large keys, and for the settings that an HTTP/2 server says unasked.
const KEPT: usize = 16 * 1024;

/// Finds out what a connection speaks from its first bytes.
#[derive(Debug, Default)]
pub(super) struct Recogniser {
    sent: Vec<u8>,
    received: Vec<u8>,
    /// When the app's first byte came.
    began: Time,
    has_begun: bool,
}

/// What a connection seems to speak.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Guess {
    Http1,
    Http2,
    Other(Protocol),
}

impl Recogniser {
    /// Whether any bytes came.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Bytes on the heap.
    pub(super) fn kept(&self) -> usize {
        self.sent.capacity() + self.received.capacity()
    }

    /// What was kept: the app's bytes, the time of the first of them, and the pod's bytes.
    pub(super) fn into_kept(self) -> (Vec<u8>, Time, Vec<u8>) {
        (self.sent, self.began, self.received)
    }

    /// Takes bytes and keeps them, or says what they seem to be. What was not taken then comes behind what was kept.
    pub(super) fn handle(&mut self, direction: Direction, bytes: &mut &[u8], now: Time) -> Option<Guess> {
        self.has_begun = true;
        let kept = match direction {
            Direction::Received => &mut self.received,
            Direction::Sent => &mut self.sent,
        };
        let guess = |bytes: &[u8], is_all| match direction {
            Direction::Received => first::of_pod(bytes, is_all),
            Direction::Sent => first::of_app(bytes, is_all),
        };
        if direction == Direction::Sent && kept.is_empty() {
            self.began = now;
        }
        let (piece, rest) = bytes.split_at(bytes.len().min(KEPT - kept.len()));
        let is_full = kept.len() + piece.len() == KEPT;
        if kept.is_empty()
            && let Some(guess) = guess(piece, is_full)
        {
            return Some(guess);
        }
        kept.reserve_exact(piece.len());
        kept.extend_from_slice(piece);
        *bytes = rest;
        guess(kept, is_full)
    }
}
