//! Finds out what the peer is before a pair needs to know.
//!
//! The proof needs a SYN_REPLY. So a stream is opened that costs nobody anything: the error stream of a pair whose data
//! stream never comes. The peer answers it at once and dials nothing, for a pair is dialled when both streams are there.
//! Reset after its answer, it is forgotten by spdystream; the streaming server gives the half pair up after 30 s, with a
//! line in the node's log and a text on the stream, which nobody knows here any more (measured: containerd 2.4.2).

use crate::Time;
use crate::spdy::{self, ResetStatus, StreamId, WORKERS};

use super::{ERROR, LaneIndex, Peer, Session};

/// The port that is asked for; it must be one, and is never dialled.
const PORT: u16 = 1;

/// The error stream of a pair that never gets its data stream, and its opening's number on its lane.
#[derive(Debug)]
pub(super) struct LoneStream {
    stream: StreamId,
    opening: u64,
}

impl Session {
    /// Asks the peer what it is, unless that is known or a pair is there that tells. [`super::Event::PeerKnown`] follows
    /// if it answers. New pairs need not wait for it.
    pub fn prove(&mut self) {
        if self.is_retired() || self.used || self.lone.is_some() || self.proof.peer().is_some() {
            return;
        }
        // The lane that a new pair would get last.
        let lane = LaneIndex::of_ping(self.next_ping + u32::from(WORKERS) - 1);
        let Some(stream) = StreamId::new(lane.next_odd(self.next_stream)) else {
            return;
        };
        self.next_stream = stream.get() + 2;
        self.open_stream(stream, ERROR, stream, PORT);
        let opening = self.lane_mut(lane).sent();
        self.lone = Some(LoneStream { stream, opening });
    }

    /// The peer answered the opening of `stream`: if it is the lone one, it has served its purpose.
    pub(super) fn end_lone_stream(&mut self, now: Time, stream: StreamId) {
        if let Some(lone) = self.lone.take_if(|lone| lone.stream == stream) {
            let lane = LaneIndex::of(stream);
            self.acknowledged(now, lane, lone.opening);
            self.output
                .extend_from_slice(&spdy::reset(stream, ResetStatus::CANCEL));
            self.lane_mut(lane).sent();
        }
    }

    /// The peer ended `stream` before it had answered it: if it is the lone one, it is never known what the peer is,
    /// unless a pair tells.
    pub(super) fn forget_lone_stream(&mut self, stream: StreamId) {
        let _ended = self.lone.take_if(|lone| lone.stream == stream);
    }

    /// A peer that is not spdystream carries one pair a session: without fences it is never known what a pair leaves
    /// behind.
    pub(super) fn retire_if_other(&mut self) {
        self.retired |= self.used && self.proof.peer() == Some(Peer::Other);
    }
}
