//! How the frames of a lane are acknowledged: fences, and lanes that do not answer them.

use std::time::Duration;

use crate::Time;
use crate::spdy::{self, StreamId, WORKERS};

use super::lane::{Fence, Lane, SentFence};
use super::liveness::Prospects;
use super::{Event, FREEING_DELAY, LaneIndex, PROBE_STREAM, Peer, Session, UNHURRIED_DELAY};

/// Fences by SYN_STREAM a second and session, at most: each is a line in the node's log.
pub(super) const LOGGED_FENCES: usize = 20;

impl Session {
    /// A fence of `lane` was answered.
    pub(super) fn fence_answered(&mut self, now: Time, lane: LaneIndex, fence: SentFence) {
        self.round_trip
            .handle_sample(now.saturating_since(fence.waiting_since));
        self.in_flight.handle_arrived(fence.behind);
        self.acknowledged(now, lane, fence.covers);
    }

    /// Everything on `lane` up to `seq` was taken by its worker.
    pub(super) fn acknowledged(&mut self, now: Time, lane: LaneIndex, seq: u64) {
        if self.lane_mut(lane).acknowledged(now, seq) {
            self.want_quiet_fence(now, lane);
        }
        let allows_data = self.lane(lane).allows_data();
        let mut over = Vec::new();
        for (&id, state) in self
            .pairs
            .iter_mut()
            .filter(|(id, _)| LaneIndex::of(id.data_stream()) == lane)
        {
            if state.credit.was_blocked() && allows_data {
                state.credit.unblocked();
                self.events.push_back(Event::Writable(id));
            }
            if state.delivered_up_to(seq) {
                over.push(id);
            }
        }
        for id in over {
            self.end_if_over(id);
        }
    }

    /// Wants a fence of `lane` that no sender waits for.
    pub(super) fn want_quiet_fence(&mut self, now: Time, lane: LaneIndex) {
        let delay = if self.lanes.iter().any(Lane::is_free) {
            UNHURRIED_DELAY
        } else {
            FREEING_DELAY
        };
        self.lane_mut(lane).want_fence(now + delay);
    }

    /// Sends the fences that are due.
    pub(super) fn send_due_fences(&mut self, now: Time) {
        for lane in LaneIndex::ALL {
            if self.lane(lane).fence_wanted().is_some_and(|at| at <= now) {
                self.fence(now, lane);
            }
        }
    }

    /// Sends the fences that lanes need to be free again, due or not.
    pub(super) fn send_freeing_fences(&mut self, now: Time) {
        for lane in LaneIndex::ALL {
            if self.lane(lane).fence_wanted().is_some() && self.lane(lane).awaits_freeing() {
                self.fence(now, lane);
            }
        }
    }

    /// Asks for an answer behind everything sent on `lane` so far.
    pub(super) fn fence(&mut self, now: Time, lane: LaneIndex) {
        self.lane_mut(lane).fence_done();
        // A full lane has fences on their way; their answers make room.
        if self.proof.peer() == Some(Peer::Other) || self.lane(lane).is_late() || self.lane(lane).is_full() {
            return;
        }
        if self.is_late() || self.round_meets_full_lane(lane) {
            // A PING would take a slot of the stalled lane too.
            if self.proof.peer() == Some(Peer::Spdystream) {
                self.fence_by_rejection(now, lane);
            }
            return;
        }
        // PINGs go round the workers, so the ones before the wanted worker's go out too.
        while LaneIndex::of_ping(self.next_ping) != lane {
            self.ping(now);
        }
        self.ping(now);
    }

    /// Whether one of the PINGs up to the one that falls to `last` falls to a full lane.
    fn round_meets_full_lane(&self, last: LaneIndex) -> bool {
        (0..u32::from(WORKERS))
            .map(|step| LaneIndex::of_ping(self.next_ping + step))
            .take_while(|&lane| lane != last)
            .any(|lane| self.lane(lane).is_full())
    }

    pub(super) fn ping(&mut self, now: Time) {
        let ordinal = self.next_ping;
        let sent = self.in_flight.sent();
        self.next_ping += 1;
        self.output.extend_from_slice(&spdy::ping(2 * ordinal + 1));
        self.lane_mut(LaneIndex::of_ping(ordinal))
            .fenced(Fence::Ping(ordinal), now, sent);
        self.liveness.handle_probe_sent(now, self.in_flight.slowest());
    }

    fn fence_by_rejection(&mut self, now: Time, lane: LaneIndex) {
        while self
            .logged_fences
            .front()
            .is_some_and(|&at| now.saturating_since(at) >= Duration::from_secs(1))
        {
            self.logged_fences.pop_front();
        }
        if let Some(&oldest) = self.logged_fences.front()
            && self.logged_fences.len() >= LOGGED_FENCES
        {
            self.lane_mut(lane).want_fence(oldest + Duration::from_secs(1));
            return;
        }
        let Some(stream) = StreamId::new(lane.next_odd(self.next_stream)) else {
            self.retired = true;
            return;
        };
        self.next_stream = stream.get() + 2;
        self.logged_fences.push_back(now);
        self.headers.syn_stream(&mut self.output, stream, true, &[]);
        let sent = self.in_flight.sent();
        self.lane_mut(lane).fenced(Fence::Rejected(stream), now, sent);
    }

    /// A SYN_STREAM with an id below the highest used: the peer's reader answers it, no worker sees it.
    pub(super) fn probe_reader(&mut self) {
        self.headers.syn_stream(&mut self.output, PROBE_STREAM, true, &[]);
    }

    /// What can be asked for a sign of life, and what it means if none comes.
    pub(super) fn prospects(&self) -> Prospects {
        let proven = self.proof.peer() == Some(Peer::Spdystream);
        Prospects {
            behind: self.in_flight.slowest(),
            lane_answers: !self.is_late() && !self.lane(LaneIndex::of_ping(self.next_ping)).is_full(),
            reader_answers: proven,
            // Another peer may read nothing while a pod does not.
            silence_counts: proven || self.in_flight.is_empty(),
            late_after: self.round_trip.late_after(),
        }
    }

    /// Whether a missing answer says anything: it can come, and the peer is known to give it.
    pub(super) fn lanes_may_be_late(&self) -> bool {
        self.liveness.is_reading() && self.proof.peer() == Some(Peer::Spdystream)
    }

    pub(super) fn find_late_lanes(&mut self, now: Time) {
        if !self.lanes_may_be_late() {
            return;
        }
        let late_after = self.round_trip.late_after();
        for lane in LaneIndex::ALL {
            if self.lane_mut(lane).find_late(now, late_after) {
                self.liveness.handle_lane_late(now);
                self.retire_if_jammed(lane);
                // The others' frames must go on being acknowledged, by fences of their own.
                for other in LaneIndex::ALL {
                    if other != lane
                        && self.lane(other).unacknowledged() > 0
                        && self.lane(other).unfenced() > 0
                    {
                        self.lane_mut(other).want_fence(now);
                    }
                }
            }
        }
    }
}
