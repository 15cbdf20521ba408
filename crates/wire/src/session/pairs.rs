//! How the pairs of a session end.

use crate::Time;
use crate::spdy::{self, ResetStatus, StreamId};

use super::pair::{Half, Pair};
use super::{Event, LaneIndex, PairEnd, PairId, Peer, Session};

impl Session {
    /// The pair that `stream` belongs to, and which of its streams it is.
    pub(super) fn pair_of(&mut self, stream: StreamId) -> Option<(PairId, Half, &mut Pair)> {
        let data = PairId::of_data(stream);
        let (id, half) = if self.pairs.contains_key(&data) {
            (data, Half::Data)
        } else {
            (PairId::of_error(stream)?, Half::Error)
        };
        self.pairs.get_mut(&id).map(|pair| (id, half, pair))
    }

    /// The peer's direction of `stream` ended, by FIN or by RST.
    pub(super) fn stream_ended(&mut self, now: Time, stream: StreamId, by_reset: bool) {
        if self.tails.remove(&stream) {
            return;
        }
        self.forget_lone_stream(stream);
        match self.pair_of(stream) {
            Some((id, Half::Data, _)) => self.data_ended(now, id, by_reset),
            Some((id, Half::Error, pair)) => {
                pair.error_stream_ended(now, by_reset);
                self.retired |= pair.jams_its_lane();
                self.end_if_over(id);
            }
            None => {}
        }
    }

    fn data_ended(&mut self, now: Time, id: PairId, by_reset: bool) {
        let lane = LaneIndex::of(id.data_stream());
        let acked = self.lane(lane).acked();
        let Some(pair) = self.pairs.get_mut(&id) else {
            return;
        };
        if !pair.data_ended(now, by_reset) {
            return;
        }
        let undelivered =
            self.proof.peer() == Some(Peer::Spdystream) && pair.last_data().is_some_and(|seq| seq > acked);
        if undelivered {
            pair.await_delivery(now + self.round_trip.late_after());
        }
        if pair.may_send() {
            // A frame behind the data FIN would jam the lane, so the reset goes first.
            pair.stopped();
            self.events.push_back(Event::Stopped(id));
            self.send_reset(now, id);
        }
        if undelivered {
            self.fence(now, lane);
        }
        self.end_if_over(id);
    }

    pub(super) fn end_if_over(&mut self, id: PairId) {
        let Some(end) = self.pairs.get(&id).and_then(Pair::end) else {
            return;
        };
        self.pairs.remove(&id);
        self.events.push_back(Event::Ended(id, end));
        self.retire_if_jammed(LaneIndex::of(id.data_stream()));
    }

    /// Opens no more pairs here if `lane` is late and all its pairs are over: nobody may ever take what blocks it, be it
    /// that the runtime has jammed it or that the pod reads nothing more.
    pub(super) fn retire_if_jammed(&mut self, lane: LaneIndex) {
        self.retired |= self.lane(lane).holds_up_an_end()
            && !self
                .pairs
                .keys()
                .any(|id| LaneIndex::of(id.data_stream()) == lane);
    }

    /// Gives up what is overdue.
    pub(super) fn end_overdue_pairs(&mut self, now: Time) {
        let overdue: Vec<_> = self
            .pairs
            .iter()
            .filter(|(_, pair)| pair.deadline().is_some_and(|(at, _)| at <= now))
            .map(|(&id, _)| id)
            .collect();
        for id in overdue {
            let Some(mut state) = self.pairs.remove(&id) else {
                continue;
            };
            if let Some(end) = state.overdue(now) {
                if state.may_send() {
                    self.send_reset(now, id);
                }
                if !state.error_ended() {
                    self.tails.insert(id.error_stream());
                }
                // A worker that does not answer for so long is stuck.
                self.retired |= end == PairEnd::Unanswered;
                self.events.push_back(Event::Ended(id, end));
                self.retire_if_jammed(LaneIndex::of(id.data_stream()));
            } else {
                self.pairs.insert(id, state);
                self.end_if_over(id);
            }
        }
    }

    /// Sends RST for a data stream that was not finished. The lane is the next pair's once the frame is known to be
    /// taken.
    pub(super) fn send_reset(&mut self, now: Time, id: PairId) {
        self.output
            .extend_from_slice(&spdy::reset(id.data_stream(), ResetStatus::CANCEL));
        let index = LaneIndex::of(id.data_stream());
        let lane = self.lane_mut(index);
        lane.sent();
        lane.pair_closed();
        self.want_quiet_fence(now, index);
    }
}
