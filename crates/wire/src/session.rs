//! The client's side of one upgraded connection, as a state machine over bytes.
//!
//! One [`Session`] is one SPDY/3.1 connection to a container runtime's streaming server. Each forwarded connection is a
//! *pair* of its streams: an error stream, which we finish at once, and a data stream. The peer has no flow control:
//! it is five workers with a queue of 50 frames each, and a frame that nobody takes blocks its worker. So a session
//! counts what it has sent to each worker (a *lane*) and what is known to have been taken, and stays below the queue.
//!
//! Methods are of four kinds: getters; `handle_*`, input from the network and the clock; mutators, what the
//! application wants; `poll_*` and [`Session::take_output`], what is to be done. After any `handle_*` or mutator, take
//! the output, then the events, then the timeout. Output must be taken before each [`Session::data_head`], since the
//! payload travels past the session: order on the wire is order of the calls.

mod credit;
mod end;
mod failure;
mod lane;
mod liveness;
mod pair;
mod peer;
mod round_trip;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::BytesMut;

use crate::Time;
use crate::spdy::{
    self, Frame, FrameReader, GoAwayStatus, HeaderEncoder, PeerMisbehaved, ResetStatus, Role, StreamId,
    WORKERS,
};

pub use self::credit::{FIRST_FRAME, LARGEST_FRAME};
pub use self::end::PairEnd;
pub use self::failure::FailureKind;
pub use self::lane::LaneIndex;
pub use self::liveness::{KEEPALIVE, PONG_DEADLINE};
pub use self::peer::Peer;

use self::credit::Credit;
use self::lane::{Fence, Lane};
use self::liveness::{Liveness, Verdict};
use self::pair::Pair;
use self::peer::Proof;
use self::round_trip::RoundTrip;

/// How long the peer may take to answer both SYN_STREAMs of a pair; it gives up an incomplete pair after the same time
/// (cri-streaming: StreamCreationTimeout).
pub const PAIR_DEADLINE: Duration = Duration::from_secs(30);

/// How long an error stream may outlive its data stream. Their ends follow each other in one burst; this only bounds a
/// peer that forgets one.
pub const END_GRACE: Duration = Duration::from_secs(1);

/// A fence that only tells that a lane is free again waits this long, so that lanes that end together share it.
const FREEING_DELAY: Duration = Duration::from_millis(5);

/// Fences by SYN_STREAM a second and session, at most: each is a line in the node's log.
const LOGGED_FENCES: u32 = 20;

/// The distance between the two streams of a pair: the next odd id of the same worker.
const STREAM_STEP: u32 = 2 * WORKERS as u32;

/// An id below all that pairs use: a SYN_STREAM with it is refused by the peer's reader itself, once a higher id was sent.
const PROBE_STREAM: StreamId = StreamId::new(1).expect("one is an id");

/// Names a pair within its session; never used again there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PairId(StreamId);

impl PairId {
    /// The data stream's id.
    pub const fn data_stream(self) -> StreamId {
        self.0
    }

    fn error_stream(self) -> StreamId {
        StreamId::new(self.0.get() - STREAM_STEP).expect("a data stream's id is above its error stream's")
    }
}

/// What [`Session::handle_bytes`] found.
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

/// The client's side of one upgraded connection.
#[derive(Debug)]
pub struct Session {
    reader: FrameReader,
    headers: HeaderEncoder,
    proof: Proof,
    lanes: [Lane; WORKERS as usize],
    pairs: BTreeMap<PairId, Pair>,
    /// Error streams of pairs that we reset, until the runtime's own tail of them ended.
    tails: BTreeSet<StreamId>,
    next_stream: u32,
    next_ping: u32,
    round_trip: RoundTrip,
    liveness: Liveness,
    logged_fences: VecDeque<Time>,
    retired: bool,
    fault: Option<SessionFault>,
    output: BytesMut,
    events: VecDeque<Event>,
}

impl Session {
    /// A session right after the upgrade. `known` is what another session of the same pod found out about the peer.
    pub fn new(now: Time, known: Option<Peer>) -> Self {
        let mut session = Self {
            reader: FrameReader::new(Role::Client),
            headers: HeaderEncoder::new(),
            proof: Proof::new(known),
            lanes: std::array::from_fn(|_| Lane::default()),
            pairs: BTreeMap::new(),
            tails: BTreeSet::new(),
            next_stream: PROBE_STREAM.get() + 2,
            next_ping: 0,
            round_trip: RoundTrip::default(),
            liveness: Liveness::new(now),
            logged_fences: VecDeque::new(),
            retired: false,
            fault: None,
            output: BytesMut::new(),
            events: VecDeque::new(),
        };
        if session.proof.needs_round() {
            for _ in 0..WORKERS {
                session.ping(now);
            }
        }
        session
    }

    /// Why the session is over, if it is.
    pub fn fault(&self) -> Option<&SessionFault> {
        self.fault.as_ref()
    }

    /// What is known of the peer.
    pub fn peer(&self) -> Option<Peer> {
        self.proof.peer()
    }

    /// The number of pairs that have not ended.
    pub fn pairs(&self) -> usize {
        self.pairs.len()
    }

    /// Whether the session is as good as new: nothing under way, nothing unacknowledged, no tail of an ended pair.
    pub fn is_clean(&self) -> bool {
        self.pairs.is_empty()
            && self.tails.is_empty()
            && self.lanes.iter().all(|lane| lane.is_free() && !lane.is_late())
    }

    /// Whether no new pair may be opened here: ids used up, a fault, or a runtime whose errors jam their lane.
    pub fn is_retired(&self) -> bool {
        self.retired || self.fault.is_some()
    }

    /// Whether some lane does not answer in time.
    pub fn is_late(&self) -> bool {
        self.lanes.iter().any(Lane::is_late)
    }

    /// The lane for a new pair: one that is free, and the cheapest to fence. None where another pair must not share
    /// the session.
    pub fn free_lane(&self) -> Option<LaneIndex> {
        if self.is_retired() || (self.proof.peer() != Some(Peer::Spdystream) && !self.pairs.is_empty()) {
            return None;
        }
        (0..WORKERS)
            .map(|step| LaneIndex::of_ping(self.next_ping + u32::from(step)))
            .find(|&lane| self.lane(lane).is_free())
    }

    /// How many lanes are free for new pairs.
    pub fn free_lanes(&self) -> usize {
        match self.proof.peer() {
            _ if self.is_retired() => 0,
            Some(Peer::Spdystream) => self.lanes.iter().filter(|lane| lane.is_free()).count(),
            Some(Peer::Other) | None => usize::from(self.pairs.is_empty()),
        }
    }

    /// The smoothed time from a fence to its answer, once one came.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip.smoothed()
    }

    /// How many bytes the next DATA frame of `pair` may hold. Zero: wait for [`Event::Writable`].
    pub fn allowance(&mut self, pair: PairId) -> usize {
        let windowed = self.proof.peer() != Some(Peer::Other);
        let Some(state) = self.pairs.get_mut(&pair) else {
            return 0;
        };
        if !state.may_send() {
            return 0;
        }
        let lane = &self.lanes[LaneIndex::of(pair.0).as_usize()];
        if windowed && !Credit::allows(lane.unacknowledged()) {
            state.credit.blocked();
            return 0;
        }
        state.credit.frame()
    }

    // What comes from the network and the clock.

    /// Takes bytes from the front of `input`: one frame, or one piece of a DATA frame. None: more is needed.
    ///
    /// # Errors
    /// The session is over; [`Session::fault`] says why too.
    pub fn handle_bytes<'a>(
        &mut self,
        now: Time,
        input: &mut &'a [u8],
    ) -> Result<Option<Received<'a>>, SessionFault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        if !input.is_empty() {
            self.liveness.handle_received(now);
        }
        let frame = match self.reader.read(input) {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(None),
            Err(offence) => return Err(self.fail(offence.into())),
        };
        let received = self.handle_frame(now, frame);
        match &self.fault {
            Some(fault) => Err(fault.clone()),
            None => Ok(Some(received)),
        }
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.fault.is_some() {
            return;
        }
        self.find_late_lanes(now);
        self.end_overdue_pairs(now);
        for lane in LaneIndex::ALL {
            if self.lane(lane).fence_wanted().is_some_and(|at| at <= now) {
                self.fence(now, lane);
            }
        }
        let lanes_answer = !self.is_late();
        match self
            .liveness
            .handle_timeout(now, lanes_answer, self.proof.peer() == Some(Peer::Spdystream))
        {
            Verdict::Alive => {}
            Verdict::Dead => {
                self.fail(SessionFault::Silent);
            }
            Verdict::Ping => self.ping(now),
            Verdict::ProbeReader => self.probe_reader(),
        }
    }

    /// Tells whether the connection is being read. While it is not, no answer can come and none is missed.
    pub fn handle_reading(&mut self, now: Time, reading: bool) {
        self.liveness.handle_reading(now, reading);
        if reading {
            for lane in &mut self.lanes {
                lane.restart_waiting(now);
            }
        }
    }

    /// Asks for a sign of life at once: the wall clock has jumped, so the machine slept.
    pub fn handle_wake(&mut self, now: Time) {
        self.liveness.handle_wake(now);
        self.handle_timeout(now);
    }

    // What the application wants.

    /// Opens a pair on `lane` for the pod's `port`.
    ///
    /// # Errors
    /// The session has no stream ids left; it is retired then.
    pub fn open(&mut self, now: Time, lane: LaneIndex, port: u16) -> Result<PairId, Exhausted> {
        let first = lane.next_odd(self.next_stream);
        let ids = StreamId::new(first).zip(first.checked_add(STREAM_STEP).and_then(StreamId::new));
        let Some((error, data)) = ids else {
            self.retired = true;
            return Err(Exhausted);
        };
        self.next_stream = data.get() + 2;
        let port = port.to_string();
        let request = error.get().to_string();
        let headers = |kind| {
            [
                ("streamtype", kind),
                ("port", port.as_str()),
                ("requestid", request.as_str()),
            ]
        };
        self.headers
            .syn_stream(&mut self.output, error, true, &headers("error"));
        self.headers
            .syn_stream(&mut self.output, data, false, &headers("data"));
        self.lane_mut(lane).sent();
        let seq = self.lane_mut(lane).sent();
        self.lane_mut(lane).pair_opened();
        let pair = PairId(data);
        self.pairs.insert(pair, Pair::new(now, seq));
        Ok(pair)
    }

    /// The head of a DATA frame with `length` bytes of `pair`, to be sent with them right behind the output taken
    /// before. None if the peer takes no more of it.
    pub fn data_head(&mut self, now: Time, pair: PairId, length: usize, fin: bool) -> Option<[u8; 8]> {
        debug_assert!(
            self.output.is_empty(),
            "output is taken before a head is asked for"
        );
        let state = self.pairs.get_mut(&pair)?;
        if !state.may_send() {
            return None;
        }
        let lane = LaneIndex::of(pair.0);
        let seq = self.lanes[lane.as_usize()].sent();
        state.data_sent(seq, length > 0, fin);
        if fin {
            self.lane_mut(lane).pair_closed();
            self.lane_mut(lane).want_fence(now + FREEING_DELAY);
        } else if Credit::wants_fence(self.lane(lane).unfenced()) {
            self.fence(now, lane);
        }
        Some(spdy::data_head(pair.0, length, fin))
    }

    /// Ends our direction of `pair` in order.
    pub fn finish(&mut self, now: Time, pair: PairId) {
        let mut output = self.output.split();
        if let Some(head) = self.data_head(now, pair, 0, true) {
            output.extend_from_slice(&head);
        }
        output.unsplit(self.output.split());
        self.output = output;
    }

    /// Ends `pair` at once, both ways. No event of it comes after this.
    pub fn reset(&mut self, now: Time, pair: PairId) {
        let Some(state) = self.pairs.remove(&pair) else {
            return;
        };
        if state.may_send() {
            self.send_reset(now, pair);
        }
        if !state.error_ended() {
            self.tails.insert(pair.error_stream());
        }
    }

    /// Says farewell: the peer ends everything when it reads this.
    pub fn go_away(&mut self) {
        self.output.extend_from_slice(&spdy::go_away(0, GoAwayStatus::OK));
    }

    /// Opens no more pairs here.
    pub fn retire(&mut self) {
        self.retired = true;
    }

    // What is to be done.

    /// The control frames to send now, in order; empty if there are none.
    pub fn take_output(&mut self) -> BytesMut {
        self.output.split()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Session::handle_timeout`] is to be called next, and what waits for it.
    pub fn poll_timeout(&self) -> Option<(Time, &'static str)> {
        if self.fault.is_some() {
            return None;
        }
        let late_after = self.round_trip.late_after();
        let lanes = self.lanes.iter().flat_map(|lane| {
            let late = lane.late_at(late_after).filter(|_| self.lanes_may_be_late());
            late.map(|at| (at, "lane answer"))
                .into_iter()
                .chain(lane.fence_wanted().map(|at| (at, "lane fence")))
        });
        let pairs = self.pairs.values().filter_map(Pair::deadline);
        lanes.chain(pairs).chain(self.liveness.poll_timeout()).min()
    }

    // Frames.

    fn handle_frame<'a>(&mut self, now: Time, frame: Frame<'a>) -> Received<'a> {
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
        let received = if self.pairs.contains_key(&PairId(stream)) && !payload.is_empty() {
            Received::Data {
                pair: PairId(stream),
                payload,
            }
        } else {
            if let Some(state) = self.pair_of_error_mut(stream) {
                state.error_text(payload);
            }
            Received::Other
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
        let lane = LaneIndex::of_ping(ordinal);
        if let Some(fence) = self
            .lane_mut(lane)
            .take_fence(|fence| fence == Fence::Ping(ordinal))
        {
            self.acknowledged(now, lane, fence.covers, Some(now.saturating_since(fence.sent)));
        }
        if self.proof.handle_pong(ordinal) {
            self.announce_peer();
        }
    }

    fn handle_reply(&mut self, now: Time, stream: StreamId, fin: bool) {
        let data = self
            .pairs
            .get_mut(&PairId(stream))
            .map(|state| state.data_answered());
        if let Some(answered) = data.or_else(|| self.pair_of_error_mut(stream).map(Pair::error_answered)) {
            // A worker answers a SYN_STREAM in its turn: what was sent before it was taken.
            if let Some(seq) = answered.taken {
                self.acknowledged(now, LaneIndex::of(stream), seq, None);
            }
            if answered.complete {
                let pair = if self.pairs.contains_key(&PairId(stream)) {
                    PairId(stream)
                } else {
                    Self::pair_id_of_error(stream)
                };
                self.events.push_back(Event::Opened(pair));
            }
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
            self.acknowledged(now, lane, fence.covers, Some(now.saturating_since(fence.sent)));
            return;
        }
        self.stream_ended(now, stream, true);
    }

    // Pairs.

    fn pair_id_of_error(stream: StreamId) -> PairId {
        // Past the last id there is no data stream, so no pair either: the id itself is then never in the table.
        PairId(StreamId::new(stream.get().saturating_add(STREAM_STEP)).unwrap_or(stream))
    }

    fn pair_of_error_mut(&mut self, stream: StreamId) -> Option<&mut Pair> {
        self.pairs.get_mut(&Self::pair_id_of_error(stream))
    }

    /// The peer's direction of `stream` ended, by FIN or by RST.
    fn stream_ended(&mut self, now: Time, stream: StreamId, by_reset: bool) {
        if self.tails.remove(&stream) {
            return;
        }
        let id = PairId(stream);
        if let Some(state) = self.pairs.get_mut(&id) {
            if !state.data_ended(now, by_reset) {
                return;
            }
            let undelivered = state
                .last_data()
                .is_some_and(|seq| seq > self.lanes[LaneIndex::of(stream).as_usize()].acked());
            let undelivered = undelivered && self.proof.peer() == Some(Peer::Spdystream);
            if undelivered {
                state.await_delivery(now + self.round_trip.late_after());
            }
            if state.may_send() {
                // A frame behind the data FIN would jam the lane, so the reset goes first.
                state.stopped();
                self.events.push_back(Event::Stopped(id));
                self.send_reset(now, id);
            }
            if undelivered {
                self.fence(now, LaneIndex::of(stream));
            }
            self.end_if_over(id);
        } else if let Some(state) = self.pair_of_error_mut(stream) {
            state.error_stream_ended(now, by_reset);
            if state.jams_its_lane() {
                self.retired = true;
            }
            self.end_if_over(Self::pair_id_of_error(stream));
        }
    }

    fn end_if_over(&mut self, id: PairId) {
        let Some(end) = self.pairs.get(&id).and_then(Pair::end) else {
            return;
        };
        self.pairs.remove(&id);
        self.events.push_back(Event::Ended(id, end));
    }

    fn end_overdue_pairs(&mut self, now: Time) {
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
                self.events.push_back(Event::Ended(id, end));
            } else {
                self.pairs.insert(id, state);
                self.end_if_over(id);
            }
        }
    }

    /// Sends RST for a data stream that was not finished. The lane is the next pair's once the frame is known to be
    /// taken.
    fn send_reset(&mut self, now: Time, id: PairId) {
        self.output
            .extend_from_slice(&spdy::reset(id.0, ResetStatus::CANCEL));
        let lane = self.lane_mut(LaneIndex::of(id.0));
        lane.sent();
        lane.pair_closed();
        lane.want_fence(now + FREEING_DELAY);
    }

    // Fences: how a lane's frames are acknowledged.

    /// Everything on `lane` up to `seq` was taken by its worker.
    fn acknowledged(&mut self, now: Time, lane: LaneIndex, seq: u64, took: Option<Duration>) {
        if let Some(took) = took {
            self.round_trip.handle_sample(took);
        }
        if self.lane_mut(lane).acknowledged(seq) {
            self.lane_mut(lane).want_fence(now + FREEING_DELAY);
        }
        let unacknowledged = self.lane(lane).unacknowledged();
        let mut over = Vec::new();
        for (&id, state) in self
            .pairs
            .iter_mut()
            .filter(|(id, _)| LaneIndex::of(id.0) == lane)
        {
            if state.credit.was_blocked() && Credit::allows(unacknowledged) {
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

    /// Asks for an answer behind everything sent on `lane` so far.
    fn fence(&mut self, now: Time, lane: LaneIndex) {
        self.lane_mut(lane).fence_done();
        if self.proof.peer() == Some(Peer::Other) || self.lane(lane).is_late() {
            return;
        }
        if self.is_late() {
            // A PING would take a slot of the stalled lane too.
            self.fence_by_rejection(now, lane);
            return;
        }
        // PINGs go round the workers, so the ones before the wanted worker's go out too.
        while LaneIndex::of_ping(self.next_ping) != lane {
            self.ping(now);
        }
        self.ping(now);
    }

    fn ping(&mut self, now: Time) {
        let ordinal = self.next_ping;
        self.next_ping += 1;
        self.output.extend_from_slice(&spdy::ping(2 * ordinal + 1));
        self.lane_mut(LaneIndex::of_ping(ordinal))
            .fenced(Fence::Ping(ordinal), now);
        self.liveness.handle_probe_sent(now);
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
            && self.logged_fences.len() >= LOGGED_FENCES as usize
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
        self.lane_mut(lane).fenced(Fence::Rejected(stream), now);
    }

    /// A SYN_STREAM with an id below the highest used: the peer's reader answers it, no worker sees it.
    fn probe_reader(&mut self) {
        self.headers.syn_stream(&mut self.output, PROBE_STREAM, true, &[]);
    }

    /// Whether a missing answer says anything: it can come, and the peer is known to give it.
    fn lanes_may_be_late(&self) -> bool {
        self.liveness.is_reading() && self.proof.peer() == Some(Peer::Spdystream)
    }

    fn find_late_lanes(&mut self, now: Time) {
        if !self.lanes_may_be_late() {
            return;
        }
        let late_after = self.round_trip.late_after();
        for lane in LaneIndex::ALL {
            if self.lane_mut(lane).find_late(now, late_after) {
                self.liveness.handle_lane_late(now);
                // Nobody will take what blocks a lane whose pairs are all closed: the runtime has jammed it.
                self.retired |= self.lane(lane).is_jammed();
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

    fn announce_peer(&mut self) {
        let Some(peer) = self.proof.peer() else { return };
        self.events.push_back(Event::PeerKnown(peer));
        if peer == Peer::Other {
            for (&id, state) in &mut self.pairs {
                if state.credit.was_blocked() {
                    state.credit.unblocked();
                    self.events.push_back(Event::Writable(id));
                }
            }
        }
    }

    fn fail(&mut self, fault: SessionFault) -> SessionFault {
        self.fault.get_or_insert(fault).clone()
    }

    fn lane(&self, lane: LaneIndex) -> &Lane {
        &self.lanes[lane.as_usize()]
    }

    fn lane_mut(&mut self, lane: LaneIndex) -> &mut Lane {
        &mut self.lanes[lane.as_usize()]
    }
}
