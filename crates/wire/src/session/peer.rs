//! What kind of server ends the session, found out from its answers.

use crate::spdy::{ReplyBlock, WORKERS};

/// The kind of a session's peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Something else, such as a gateway that ends SPDY itself: one connection a session, nothing assumed.
    Other,
    /// moby/spdystream, as container runtimes have it: five workers, so five lanes, and PINGs that acknowledge.
    Spdystream,
}

/// The proof that a peer is spdystream: its first SYN_REPLY block has spdystream's form, and a round of five PINGs
/// came back whole.
#[derive(Debug)]
pub(super) struct Proof {
    peer: Option<Peer>,
    needs_round: bool,
    pongs: u8,
    reply: Option<bool>,
}

impl Proof {
    pub(super) fn new(known: Option<Peer>) -> Self {
        Self {
            peer: known,
            needs_round: known.is_none(),
            pongs: 0,
            reply: None,
        }
    }

    pub(super) fn peer(&self) -> Option<Peer> {
        self.peer
    }

    pub(super) fn needs_round(&self) -> bool {
        self.needs_round
    }

    /// True if the peer is known by this.
    pub(super) fn handle_pong(&mut self, ordinal: u32) -> bool {
        if ordinal == u32::from(self.pongs) || ordinal < u32::from(WORKERS) {
            self.pongs = self.pongs.saturating_add(1);
        }
        self.conclude()
    }

    /// True if the peer is known by this.
    pub(super) fn handle_reply(&mut self, block: ReplyBlock) -> bool {
        self.reply.get_or_insert(block != ReplyBlock::Other);
        self.conclude()
    }

    fn conclude(&mut self) -> bool {
        if self.peer.is_some() {
            return false;
        }
        self.peer = match self.reply {
            Some(false) => Some(Peer::Other),
            Some(true) if self.pongs >= WORKERS => Some(Peer::Spdystream),
            Some(true) | None => None,
        };
        self.peer.is_some()
    }
}
