//! Which lane a new pair gets, for itself or, where there are more connections than lanes to be had, with others.
//!
//! The peer's worker takes the frames of its lane one after the other, so a pod that does not read blocks all pairs on
//! it. Each of them needs a slot of the worker's queue for its end, which is kept free; so however a lane stalls, the
//! session lives. Which pair blocks it is known from the fences: what the first unanswered one stands behind is not
//! taken yet, and where several pairs send much, each of their frames has a fence of its own.

use crate::Time;
use crate::spdy::WORKERS;

use super::pair::Pair;
use super::peer::Proof;
use super::{Lane, LaneIndex, PairId, Peer, Session};

/// A pair that has sent so many bytes may be the one that its pod does not read. Less fits into the buffers of the
/// sockets on the node, where a worker writes to (measured: 3.9 MiB; Linux starts with 64 KiB to receive), if there is such a
/// socket yet.
pub(super) const BULK: u64 = 64 * 1024;

impl Session {
    /// The lane for a new pair: one that is free, and the cheapest to fence. None where another pair must not share
    /// the session, and where none is lent.
    pub fn free_lane(&self) -> Option<LaneIndex> {
        if !self.lends() || (self.proof.peer() != Some(Peer::Spdystream) && !self.pairs.is_empty()) {
            return None;
        }
        (0..WORKERS)
            .map(|step| LaneIndex::of_ping(self.next_ping + u32::from(step)))
            .find(|&lane| self.lane(lane).is_free())
    }

    /// How many lanes are free for new pairs.
    pub fn free_lanes(&self) -> usize {
        match self.proof.peer() {
            _ if !self.lends() => 0,
            Some(Peer::Spdystream) => self.lanes.iter().filter(|lane| lane.is_free()).count(),
            Some(Peer::Other) | None => usize::from(self.free_lane().is_some()),
        }
    }

    /// How many pairs have their direction to the pod open.
    pub fn open_pairs(&self) -> usize {
        self.lanes.iter().map(|lane| lane.pairs() as usize).sum()
    }

    /// Another session of the same pod found out what the peer is.
    pub fn handle_peer_known(&mut self, peer: Peer) {
        // A session that is in use of something else finds out by itself and ends its ways in order.
        if self.proof.peer().is_none() && (peer == Peer::Spdystream || self.pairs.is_empty()) {
            self.proof = Proof::new(Some(peer));
            self.retire_if_other();
        }
    }

    /// How many more pairs may share lanes with others.
    pub fn shared_room(&self) -> usize {
        if !self.lends() || self.proof.peer() != Some(Peer::Spdystream) {
            return 0;
        }
        self.lanes.iter().map(Lane::shared_room).sum()
    }

    /// The lane for a new pair that shares it with others: the one with the fewest. A lane that is free only at last, for it may
    /// be lent.
    pub fn shared_lane(&self) -> Option<LaneIndex> {
        if self.shared_room() == 0 {
            return None;
        }
        LaneIndex::ALL
            .into_iter()
            .filter(|&lane| self.lane(lane).shared_room() > 0)
            .min_by_key(|&lane| {
                let lane = self.lane(lane);
                (lane.is_free(), lane.pairs(), lane.unacknowledged())
            })
    }

    /// The pair that blocks its lane while another pair on it waits, and since when both is so, not counting the time until
    /// the peer was heard again. None where it is not known for sure which pair it is, and where it may be the network:
    /// answers cannot come or the peer owes one.
    pub fn stalled(&self) -> Option<(PairId, Time)> {
        if !self.lanes_may_be_late() || self.liveness.is_asked() {
            return None;
        }
        LaneIndex::ALL
            .into_iter()
            .filter(|&lane| self.lane(lane).is_late())
            .filter_map(|lane| self.stalled_on(lane))
            .min_by_key(|&(_, since)| since)
    }

    /// Whether lanes are lent at all. What may be dead is lent to nobody: what is said on it could not be said again
    /// elsewhere.
    fn lends(&self) -> bool {
        !self.is_retired() && !self.is_silent()
    }

    fn stalled_on(&self, lane: LaneIndex) -> Option<(PairId, Time)> {
        let (pair, since) = self.lane(lane).blocked_by()?;
        let acked = self.lane(lane).acked();
        self.pairs.get(&pair).filter(|state| state.is_open(acked))?;
        let neighbour = self
            .pairs_on(lane)
            .filter(|&(other, _)| other != pair)
            .filter_map(|(_, state)| state.waits_since(acked))
            .min()?;
        Some((pair, since.max(neighbour).max(self.liveness.heard_again())))
    }

    /// Whether each frame of a pair that sends much is to be told from the others' on `lane`.
    pub(super) fn fences_each_frame(&self, lane: LaneIndex) -> bool {
        self.lane(lane).pairs() > 1
            && self
                .pairs_on(lane)
                .filter(|(_, state)| state.sends_much())
                .count()
                > 1
    }

    fn pairs_on(&self, lane: LaneIndex) -> impl Iterator<Item = (PairId, &Pair)> {
        self.pairs
            .iter()
            .filter(move |(id, _)| LaneIndex::of(id.data_stream()) == lane)
            .map(|(&id, state)| (id, state))
    }
}
