//! What the frames of the peer do to a session.

use crate::Time;
use crate::spdy::{self, Frame, ResetStatus, StreamId};

use super::lane::Fence;
use super::pair::Half;
use super::{Event, LaneIndex, PROBE_STREAM, Peer, Received, Session, SessionFault};

impl Session {
    pub(super) fn handle_frame<'a>(&mut self, now: Time, frame: Frame<'a>) -> Received<'a> {
        match frame {
            Frame::Data {
                stream,
                payload,
                last,
                fin,
                ..
            } => return self.handle_data(now, stream, payload, last && fin),
            Frame::GoAway { status, .. } => {
                self.fail(SessionFault::GoAway(status));
            }
            Frame::Ping { id } => self.handle_ping(now, id),
            Frame::Reset { stream, status } => self.handle_reset(now, stream, status),
            Frame::SynReply { stream, fin, block } => {
                if self.proof.handle_reply(block) {
                    self.announce_peer();
                }
                self.handle_reply(now, stream, fin);
            }
            // The runtime opens no streams; what does is told that we take none.
            Frame::SynStream { stream, .. } => {
                self.output
                    .extend_from_slice(&spdy::reset(stream, ResetStatus::REFUSED_STREAM));
            }
            Frame::Headers { stream, fin: true } => {
                self.stream_ended(now, stream, false);
            }
            Frame::Headers { fin: false, .. } | Frame::Settings | Frame::WindowUpdate { .. } => {}
        }
        Received::Other
    }

    fn handle_data<'a>(
        &mut self,
        now: Time,
        stream: StreamId,
        payload: &'a [u8],
        ends: bool,
    ) -> Received<'a> {
        // What comes for pairs that are over is in the way of the others too.
        self.rate
            .handle_received(now, self.round_trip.quiet_after(), payload.len());
        let received = match self.pair_of(stream) {
            Some((pair, Half::Data, _)) if !payload.is_empty() => Received::Data { pair, payload },
            Some((_, Half::Error, pair)) => {
                pair.error_text(now, payload);
                Received::Other
            }
            Some((_, Half::Data, _)) | None => Received::Other,
        };
        if ends {
            self.stream_ended(now, stream, false);
        }
        received
    }

    fn handle_ping(&mut self, now: Time, id: u32) {
        // An even id is the peer's own and wants an echo; ours are odd.
        if id.is_multiple_of(2) {
            self.output.extend_from_slice(&spdy::ping(id));
            return;
        }
        self.liveness.handle_pong();
        let ordinal = id / 2;
        if let Some(sent) = self.timed_pings.remove(&ordinal) {
            let took = now.saturating_since(sent);
            self.events.push_back(Event::RoundTrip { ping: ordinal, took });
        }
        let lane = LaneIndex::of_ping(ordinal);
        if let Some(fence) = self
            .lane_mut(lane)
            .take_fence(|fence| fence == Fence::Ping(ordinal))
        {
            self.fence_answered(now, lane, fence);
        }
        if self.proof.handle_pong(ordinal) {
            self.announce_peer();
        }
    }

    fn handle_reply(&mut self, now: Time, stream: StreamId, fin: bool) {
        if let Some((id, half, pair)) = self.pair_of(stream) {
            let answered = pair.answered(half);
            // A worker answers a SYN_STREAM in its turn: what was sent before it was taken.
            self.acknowledged(now, LaneIndex::of(stream), answered.taken);
            if answered.complete {
                self.events.push_back(Event::Opened(id));
            }
        } else {
            self.end_lone_stream(now, stream);
        }
        if fin {
            self.stream_ended(now, stream, false);
        }
    }

    fn handle_reset(&mut self, now: Time, stream: StreamId, status: ResetStatus) {
        if stream == PROBE_STREAM {
            self.liveness.handle_pong();
            return;
        }
        let lane = LaneIndex::of(stream);
        if status == ResetStatus::CANCEL
            && let Some(fence) = self
                .lane_mut(lane)
                .take_fence(|fence| fence == Fence::Rejected(stream))
        {
            self.fence_answered(now, lane, fence);
            return;
        }
        self.stream_ended(now, stream, true);
    }

    fn announce_peer(&mut self) {
        let Some(peer) = self.proof.peer() else { return };
        self.events.push_back(Event::PeerKnown(peer));
        self.retire_if_other();
        if peer == Peer::Other {
            for (&id, state) in &mut self.pairs {
                if state.credit.was_blocked() {
                    state.credit.unblocked();
                    self.events.push_back(Event::Writable(id));
                }
            }
        }
    }
}
