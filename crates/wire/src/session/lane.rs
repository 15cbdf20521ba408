//! One lane: what was sent to one worker of the peer, and what of it is known to have been taken.

use std::collections::VecDeque;
use std::time::Duration;

use crate::Time;
use crate::spdy::{QUEUE_FRAMES, StreamId, WORKERS};

use super::PairId;
use super::credit::Credit;

/// A lane with so many unacknowledged frames gets no further fence: what is left of the peer's queue is for the end of
/// a pair, and for a fence of the lane's own behind it.
const FULL: u64 = QUEUE_FRAMES as u64 - 4;

/// Pairs on a lane, at most, where lanes are shared. Each keeps a slot of the peer's queue for its end, and what is left
/// is the window of all of them.
const MOST_PAIRS: u32 = 16;

/// Slots that the opening of a pair takes: two SYN_STREAMs and the bytes that the app has said.
const OPENING: u64 = 3;

/// Names one of a session's lanes: the worker of the peer that its streams fall to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LaneIndex(u8);

impl LaneIndex {
    /// Every lane of a session.
    pub const ALL: [Self; WORKERS as usize] = [Self(0), Self(1), Self(2), Self(3), Self(4)];

    /// The lane that `stream` falls to.
    pub fn of(stream: StreamId) -> Self {
        Self(stream.worker())
    }

    /// The lane that the PING sent as number `ordinal` falls to, counted from 0 (spdystream goes round its workers).
    pub(super) fn of_ping(ordinal: u32) -> Self {
        Self((ordinal % u32::from(WORKERS)) as u8)
    }

    /// This lane's place among a session's.
    pub fn as_usize(self) -> usize {
        usize::from(self.0)
    }

    /// The first odd stream id from `least` on that falls to this lane. Odd, because a strict peer wants it so.
    pub(super) fn next_odd(self, least: u32) -> u32 {
        let period = 2 * u32::from(WORKERS);
        // The one odd number below the period with this remainder.
        let odd = if self.0 % 2 == 1 {
            u32::from(self.0)
        } else {
            u32::from(self.0 + WORKERS)
        };
        least.saturating_add((odd + period - least % period) % period)
    }
}

/// A frame that the worker answers in its turn, so that all before it is known to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fence {
    /// The PING with this ordinal.
    Ping(u32),
    /// A SYN_STREAM without headers: the worker refuses it.
    Rejected(StreamId),
}

/// A fence on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct SentFence {
    fence: Fence,
    /// The lane's frames up to here are acknowledged by the answer.
    pub(super) covers: u64,
    /// DATA bytes that the session had sent before it.
    pub(super) behind: u64,
    /// When it was sent, and later by as long as no answer could come.
    pub(super) waiting_since: Time,
    /// Whose DATA it stands behind.
    senders: Senders,
}

/// Whose DATA some frames of a lane are.
#[derive(Clone, Copy, Debug, Default)]
struct Senders {
    /// Of pairs that may be the ones that block it.
    suspect: Sender,
    /// Of the others.
    other: Sender,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sender {
    #[default]
    Nobody,
    One(PairId),
    Several,
}

/// One lane of a session.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Frames sent so far.
    sent: u64,
    /// Frames known to be taken.
    acked: u64,
    /// When that changed last.
    progressed: Time,
    /// Frames with a fence behind them.
    fenced: u64,
    /// Whose DATA has no fence behind it.
    senders: Senders,
    fences: VecDeque<SentFence>,
    /// Pairs whose direction to the pod is open.
    pairs: u32,
    /// The frame that ended the last pair: the lane is free once it is taken.
    last_end: u64,
    fence_wanted: Option<Time>,
    late: bool,
}

impl Lane {
    pub(super) fn acked(&self) -> u64 {
        self.acked
    }

    pub(super) fn unacknowledged(&self) -> u64 {
        self.sent - self.acked
    }

    /// Frames that no fence stands behind.
    pub(super) fn unfenced(&self) -> u64 {
        self.sent - self.fenced
    }

    /// Whether the peer may have no room for another frame that is not needed.
    pub(super) fn is_full(&self) -> bool {
        self.unacknowledged() + self.kept_for_neighbours() >= FULL
    }

    /// Whether a pair on it may send.
    pub(super) fn allows_data(&self) -> bool {
        Credit::allows(self.unacknowledged() + self.kept_for_neighbours())
    }

    /// How many more pairs it takes beside those that are on it.
    pub(super) fn shared_room(&self) -> usize {
        if self.late || self.unacknowledged() + u64::from(self.pairs) + OPENING > FULL {
            return 0;
        }
        MOST_PAIRS.saturating_sub(self.pairs) as usize
    }

    /// Pairs whose direction to the pod is open.
    pub(super) fn pairs(&self) -> u32 {
        self.pairs
    }

    /// Slots of the queue for the ends of all pairs but one, whose slot is beyond the window.
    fn kept_for_neighbours(&self) -> u64 {
        u64::from(self.pairs.saturating_sub(1))
    }

    pub(super) fn is_free(&self) -> bool {
        self.pairs == 0 && self.acked >= self.last_end && !self.late
    }

    pub(super) fn is_late(&self) -> bool {
        self.late
    }

    /// Whether nothing but an answer behind the end of its last pair keeps it from being free.
    pub(super) fn awaits_freeing(&self) -> bool {
        self.pairs == 0 && self.acked < self.last_end
    }

    /// Whether the end of its last pair does not get through.
    pub(super) fn holds_up_an_end(&self) -> bool {
        self.late && self.awaits_freeing()
    }

    pub(super) fn fence_wanted(&self) -> Option<Time> {
        self.fence_wanted
    }

    /// The pair whose DATA is not taken, and since when nothing is. None if it may be one of several.
    pub(super) fn blocked_by(&self) -> Option<(PairId, Time)> {
        let fence = self.fences.front()?;
        let senders = fence.senders;
        let sender = if senders.suspect == Sender::Nobody {
            senders.other
        } else {
            senders.suspect
        };
        match sender {
            Sender::One(pair) => Some((pair, fence.waiting_since.max(self.progressed))),
            Sender::Nobody | Sender::Several => None,
        }
    }

    /// When the lane is late, unless an answer comes before.
    pub(super) fn late_at(&self, late_after: Duration) -> Option<Time> {
        self.fences
            .front()
            .filter(|_| !self.late)
            .map(|fence| fence.waiting_since + late_after)
    }

    /// Counts a frame; gives its number.
    pub(super) fn sent(&mut self) -> u64 {
        self.sent += 1;
        self.sent
    }

    /// The frame counted last is DATA of `pair`, which may be the one that blocks the lane (`suspect`), or not.
    pub(super) fn data_sent(&mut self, pair: PairId, suspect: bool) {
        if suspect {
            self.senders.suspect.add(pair);
        } else {
            self.senders.other.add(pair);
        }
    }

    pub(super) fn fenced(&mut self, fence: Fence, now: Time, behind: u64) {
        let covers = self.sent();
        self.fenced = covers;
        self.fence_wanted = None;
        self.fences.push_back(SentFence {
            fence,
            covers,
            behind,
            waiting_since: now,
            senders: std::mem::take(&mut self.senders),
        });
    }

    pub(super) fn want_fence(&mut self, at: Time) {
        self.fence_wanted = Some(self.fence_wanted.map_or(at, |wanted| wanted.min(at)));
    }

    pub(super) fn fence_done(&mut self) {
        self.fence_wanted = None;
    }

    /// The sent fence that `answered` knows again, if it is still awaited.
    pub(super) fn take_fence(&mut self, answered: impl Fn(Fence) -> bool) -> Option<SentFence> {
        self.fences.iter().find(|sent| answered(sent.fence)).copied()
    }

    /// Frames up to `seq` were taken. True where something is left that no fence on its way will acknowledge, but
    /// somebody waits for.
    pub(super) fn acknowledged(&mut self, now: Time, seq: u64) -> bool {
        if seq > self.acked {
            self.acked = seq;
            self.progressed = now;
            self.late = false;
        }
        while self
            .fences
            .front()
            .is_some_and(|fence| fence.covers <= self.acked)
        {
            self.fences.pop_front();
        }
        self.fences.is_empty() && self.unfenced() > 0 && (self.last_end > self.acked || self.pairs > 0)
    }

    /// Whether the lane has become late by `now`.
    pub(super) fn find_late(&mut self, now: Time, late_after: Duration) -> bool {
        let found = self.late_at(late_after).is_some_and(|at| at <= now);
        self.late |= found;
        found
    }

    /// For so long until now no answer could come.
    pub(super) fn handle_unread(&mut self, now: Time, unread: Duration) {
        self.progressed = (self.progressed + unread).min(now);
        for fence in &mut self.fences {
            fence.waiting_since = (fence.waiting_since + unread).min(now);
        }
    }

    pub(super) fn pair_opened(&mut self) {
        self.pairs += 1;
    }

    /// The frame sent last ended a pair's direction to the pod.
    pub(super) fn pair_closed(&mut self) {
        self.pairs -= 1;
        self.last_end = self.sent;
    }
}

impl Sender {
    fn add(&mut self, pair: PairId) {
        *self = match *self {
            Self::Nobody => Self::One(pair),
            Self::One(known) if known == pair => Self::One(pair),
            Self::One(_) | Self::Several => Self::Several,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_odd_id_falls_to_the_lane() {
        for lane in LaneIndex::ALL {
            for least in 1..200 {
                let id = lane.next_odd(least);
                assert!(id >= least && id < least + 10);
                assert_eq!(id % 2, 1);
                assert_eq!(id % 5, u32::from(lane.0));
            }
        }
    }

    #[test]
    fn a_lane_is_free_again_once_its_last_end_was_taken() {
        let mut lane = Lane::default();
        assert!(lane.is_free());
        lane.pair_opened();
        lane.sent();
        assert!(!lane.is_free());
        lane.sent();
        lane.pair_closed();
        assert!(!lane.is_free());
        lane.acknowledged(Time::ZERO, 2);
        assert!(lane.is_free());
    }

    #[test]
    fn a_late_lane_is_on_time_again_with_the_answer() {
        let mut lane = Lane::default();
        lane.fenced(Fence::Ping(0), Time::ZERO, 0);
        let second = Duration::from_secs(1);
        assert!(!lane.find_late(Time::ZERO, second));
        assert!(lane.find_late(Time::ZERO + second, second));
        assert!(lane.is_late() && !lane.is_free());
        lane.acknowledged(Time::ZERO, 1);
        assert!(!lane.is_late() && lane.is_free());
    }

    #[test]
    fn what_neighbours_need_for_their_ends_is_kept_free() {
        let mut lane = Lane::default();
        while lane.shared_room() > 0 {
            lane.pair_opened();
            for _ in 0..OPENING {
                lane.sent();
            }
        }
        while lane.allows_data() {
            lane.sent();
        }
        while !lane.is_full() {
            lane.fenced(Fence::Ping(0), Time::ZERO, 0);
        }
        // Nothing was taken, and all pairs end.
        while lane.pairs() > 0 {
            lane.sent();
            lane.pair_closed();
        }
        assert!(lane.unacknowledged() < QUEUE_FRAMES as u64, "{lane:?}");
    }
}
