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

mod backlog;
mod credit;
mod end;
mod event;
mod failure;
mod fences;
mod frames;
mod in_flight;
mod lane;
mod lending;
mod liveness;
mod pair;
mod pair_id;
mod pairs;
mod peer;
mod prove;
mod rate;
mod round_trip;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::BytesMut;

use crate::Time;
use crate::spdy::{self, FrameReader, GoAwayStatus, HeaderEncoder, Role, StreamId, WORKERS};

pub use self::backlog::Backlog;
pub use self::credit::{FIRST_FRAME, LARGEST_FRAME};
pub use self::end::PairEnd;
pub use self::event::{Event, Exhausted, Received, SessionFault};
pub use self::failure::{FailureKind, dial_failure};
pub use self::lane::LaneIndex;
pub use self::liveness::{KEEPALIVE, PONG_DEADLINE};
pub use self::pair::{END_DEADLINE, END_GRACE, PAIR_DEADLINE};
pub use self::pair_id::PairId;
pub use self::peer::Peer;

use self::credit::Credit;
use self::in_flight::InFlight;
use self::lane::Lane;
use self::liveness::{Liveness, Verdict};
use self::pair::Pair;
use self::pair_id::STREAM_STEP;
use self::peer::Proof;
use self::prove::LoneStream;
use self::rate::Rate;
use self::round_trip::RoundTrip;

/// A fence that no sender waits for, only who wants to know that a lane is free again, waits this long, so that lanes that
/// end together share it.
const FREEING_DELAY: Duration = Duration::from_millis(5);

/// While another lane is free it waits for so long, so that it goes with the next opening: a message of its own wakes each
/// of the three servers on the way, there and back. At a thousand connections a second a session has one every 50 ms.
const UNHURRIED_DELAY: Duration = Duration::from_millis(200);

/// An id below all that pairs use: a SYN_STREAM with it is refused by the peer's reader itself, once a higher id was sent.
const PROBE_STREAM: StreamId = StreamId::new(1).expect("one is an id");

/// The kinds of a pair's streams, as their headers name them.
const DATA: &str = "data";
const ERROR: &str = "error";

/// The client's side of one upgraded connection.
#[derive(Debug)]
pub struct Session {
    reader: FrameReader,
    headers: HeaderEncoder,
    proof: Proof,
    /// What the peer was asked by before there was a pair, until it has answered.
    lone: Option<LoneStream>,
    lanes: [Lane; WORKERS as usize],
    pairs: BTreeMap<PairId, Pair>,
    /// Error streams of pairs that we reset, until the runtime's own tail of them ended.
    tails: BTreeSet<StreamId>,
    next_stream: u32,
    next_ping: u32,
    /// PINGs whose answers somebody waits for, and when they were sent.
    timed_pings: BTreeMap<u32, Time>,
    round_trip: RoundTrip,
    in_flight: InFlight,
    rate: Rate,
    liveness: Liveness,
    logged_fences: VecDeque<Time>,
    /// It has had a pair.
    used: bool,
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
            lone: None,
            lanes: std::array::from_fn(|_| Lane::default()),
            pairs: BTreeMap::new(),
            tails: BTreeSet::new(),
            next_stream: PROBE_STREAM.get() + 2,
            next_ping: 0,
            timed_pings: BTreeMap::new(),
            round_trip: RoundTrip::default(),
            in_flight: InFlight::default(),
            rate: Rate::new(now),
            liveness: Liveness::new(now),
            logged_fences: VecDeque::new(),
            used: false,
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

    /// Whether the peer may be dead: it owes a sign of life, and nothing has come from it since there was reason to ask. A
    /// new connection would be lost with it.
    pub fn is_silent(&self) -> bool {
        self.liveness.is_silent()
    }

    /// Whether some lane does not answer in time.
    pub fn is_late(&self) -> bool {
        self.lanes.iter().any(Lane::is_late)
    }

    /// Whether so much comes down the session that a newcomer's bytes would wait behind it.
    pub fn is_fast(&self) -> bool {
        self.rate.is_fast()
    }

    /// Whether pairs that were reset have not ended in the peer yet.
    pub fn has_tails(&self) -> bool {
        !self.tails.is_empty()
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
        let lane = &self.lanes[LaneIndex::of(pair.data_stream()).as_usize()];
        if windowed && !lane.allows_data() {
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
            self.liveness.handle_received(now, self.round_trip.late_after());
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
        self.rate.handle_timeout(now, self.round_trip.quiet_after());
        self.find_late_lanes(now);
        self.end_overdue_pairs(now);
        self.send_due_fences(now);
        let prospects = self.prospects();
        match self.liveness.handle_timeout(now, prospects) {
            Verdict::Alive => {}
            Verdict::Dead => {
                self.fail(SessionFault::Silent);
            }
            Verdict::Ping => self.ping(now),
            Verdict::ProbeReader => self.probe_reader(),
        }
    }

    /// Tells whether the connection is being read. While it is not, no answer can come and none is missed: that time does
    /// not count. What was read before does, or a lane would never be late beside an app that reads by fits and starts.
    pub fn handle_reading(&mut self, now: Time, reading: bool) {
        if let Some(unread) = self.liveness.handle_reading(now, reading) {
            for lane in &mut self.lanes {
                lane.handle_unread(now, unread);
            }
        }
    }

    /// Asks for a sign of life at once: another session on the same way was found dead.
    pub fn handle_doubt(&mut self, now: Time) {
        let prospects = self.prospects();
        self.liveness.handle_doubt(now, prospects);
        self.handle_timeout(now);
    }

    /// Asks for a sign of life at once: the wall clock has jumped, so the machine slept.
    pub fn handle_wake(&mut self, now: Time) {
        let prospects = self.prospects();
        self.liveness.handle_wake(now, prospects);
        self.handle_timeout(now);
    }

    // What the application wants.

    /// Opens a pair on `lane` for the pod's `port`.
    ///
    /// # Errors
    /// The session has no stream ids left; it is retired then.
    pub fn open(&mut self, now: Time, lane: LaneIndex, port: u16) -> Result<PairId, Exhausted> {
        self.send_freeing_fences(now);
        let first = lane.next_odd(self.next_stream);
        let ids = StreamId::new(first).zip(first.checked_add(STREAM_STEP).and_then(StreamId::new));
        let Some((error, data)) = ids else {
            self.retired = true;
            return Err(Exhausted);
        };
        self.next_stream = data.get() + 2;
        self.open_stream(error, ERROR, error, port);
        self.open_stream(data, DATA, error, port);
        self.lane_mut(lane).sent();
        let seq = self.lane_mut(lane).sent();
        self.lane_mut(lane).pair_opened();
        let pair = PairId::of_data(data);
        self.pairs.insert(pair, Pair::new(now, seq));
        self.used = true;
        self.retire_if_other();
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
        let lane = LaneIndex::of(pair.data_stream());
        let sending = &mut self.lanes[lane.as_usize()];
        let seq = sending.sent();
        state.data_sent(now, seq, sending.acked(), length, fin);
        let bulk = state.sends_much();
        if length > 0 {
            sending.data_sent(pair, state.may_block(sending.acked()));
        }
        self.in_flight.handle_sent(length);
        if fin {
            self.lane_mut(lane).pair_closed();
            self.want_quiet_fence(now, lane);
        } else if Credit::wants_fence(self.lane(lane).unfenced()) || (bulk && self.fences_each_frame(lane)) {
            self.fence(now, lane);
        }
        Some(spdy::data_head(pair.data_stream(), length, fin))
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
        self.retire_if_jammed(LaneIndex::of(pair.data_stream()));
    }

    /// Says farewell: the peer ends everything when it reads this.
    pub fn go_away(&mut self) {
        self.output.extend_from_slice(&spdy::go_away(0, GoAwayStatus::OK));
    }

    /// Sends a PING whose answer is told by [`Event::RoundTrip`], and gives its number. None: the lane that it would fall to
    /// answers nothing now.
    pub fn time_ping(&mut self, now: Time) -> Option<u32> {
        if self.fault.is_some() || !self.prospects().lane_answers {
            return None;
        }
        let ordinal = self.next_ping;
        self.ping(now);
        self.timed_pings.insert(ordinal, now);
        Some(ordinal)
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
        let liveness = self.liveness.poll_timeout(self.prospects());
        lanes
            .chain(pairs)
            .chain(liveness)
            .chain(self.rate.poll_timeout(self.round_trip.quiet_after()))
            .min()
    }

    fn fail(&mut self, fault: SessionFault) -> SessionFault {
        self.fault.get_or_insert(fault).clone()
    }

    /// Opens one stream of the pair `request`, whose error stream has that id.
    fn open_stream(&mut self, stream: StreamId, kind: &str, request: StreamId, port: u16) {
        let port = port.to_string();
        let request = request.get().to_string();
        let headers = [("streamtype", kind), ("port", &port), ("requestid", &request)];
        // We say nothing on an error stream.
        self.headers
            .syn_stream(&mut self.output, stream, kind == ERROR, &headers);
    }

    fn lane(&self, lane: LaneIndex) -> &Lane {
        &self.lanes[lane.as_usize()]
    }

    fn lane_mut(&mut self, lane: LaneIndex) -> &mut Lane {
        &mut self.lanes[lane.as_usize()]
    }
}

#[cfg(test)]
mod tests;
