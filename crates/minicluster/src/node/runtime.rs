//! What a container runtime does with one upgraded connection, as a pure state machine.
//!
//! The peer of a port-forward is three programs in one: a SPDY library with one reader and five workers (spdystream),
//! a streaming server that pairs streams (cri-streaming), and a forwarder that copies between a stream and a connection
//! into the pod (containerd or CRI-O). [`Runtime`] behaves as they do together, their weaknesses included: what blocks
//! there blocks here, so that a client can be tried on it.
//!
//! Bytes, time and what became of actions go in by `handle_*`; bytes and [`Action`]s come out by `poll_*`. After each
//! input the outputs are polled until they are empty, and [`Runtime::poll_timeout`] says when to call
//! [`Runtime::handle_timeout`].

mod action;
mod dial_failure;
mod ending;
mod flavor;
mod forwarder;
mod lane;
mod limits;
mod output;
mod pair;
mod reader;
mod stream;
mod text;
mod timers;
mod worker;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use bytes::Bytes;
use podline_wire::{
    Role, Time,
    spdy::{FrameReader, HeaderDecoder, WORKERS},
};

pub use action::{Action, PairId, PodEnd, PodError};
pub use dial_failure::DialFailure;
use ending::Phase;
pub use flavor::{Flavor, ReplyFault};
pub(crate) use forwarder::{ForwardFailure, Forwarder};
use lane::Lane;
pub use limits::*;
use output::Output;
use pair::Pair;
use reader::{Gathering, Held};
use stream::Stream;
pub use text::Place;
pub(crate) use text::failure as failure_text;
use timers::{Timer, Timers};

/// What a session's runtime is like.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Which runtime it is.
    pub flavor: Flavor,
    /// After this time without a frame the session is ended.
    pub idle_timeout: Duration,
    /// Where the session's pod is, for error texts.
    pub place: Place,
    /// When a SYN_STREAM is answered.
    pub reply: ReplyFault,
}

/// One session of a container runtime.
#[derive(Debug)]
pub struct Runtime {
    profile: Profile,
    phase: Phase,

    reader: FrameReader,
    headers: HeaderDecoder,
    gathering: Option<Gathering>,
    /// The smallest stream id that is still taken.
    next_stream: u32,
    /// Which worker gets the next PING, SETTINGS or WINDOW_UPDATE.
    round_robin: u8,
    /// The frame that the reader stands with in front of a full queue.
    held: Option<Held>,
    /// Payload bytes in all queues.
    queued: usize,

    lanes: BTreeMap<u32, Lane>,
    /// Lanes that may have something to do.
    ready: BTreeSet<u32>,

    streams: BTreeMap<u32, Stream>,
    pairs: BTreeMap<PairId, Pair>,
    /// Pairs that have only one of their streams yet, by request id.
    halves: BTreeMap<String, PairId>,
    next_pair: u64,

    output: Output,
    /// Pairs whose copying from the pod waits for room in the output.
    paused: VecDeque<PairId>,
    actions: VecDeque<Action>,
    timers: Timers,
    /// When the last frame was read or written.
    last_frame: Time,
}

impl Runtime {
    /// A session that was just upgraded.
    #[must_use]
    pub fn new(profile: Profile, now: Time) -> Self {
        let workers = if profile.flavor.has_workers() {
            u32::from(WORKERS)
        } else {
            0
        };
        let output = Output::new(profile.flavor);
        let mut timers = Timers::default();
        timers.set(now + profile.idle_timeout, Timer::Idle);
        Self {
            profile,
            phase: Phase::Serving,
            reader: FrameReader::new(Role::Server),
            headers: HeaderDecoder::new(),
            gathering: None,
            next_stream: 1,
            round_robin: 0,
            held: None,
            queued: 0,
            lanes: (0..workers).map(|lane| (lane, Lane::default())).collect(),
            ready: BTreeSet::new(),
            streams: BTreeMap::new(),
            pairs: BTreeMap::new(),
            halves: BTreeMap::new(),
            next_pair: 0,
            output,
            paused: VecDeque::new(),
            actions: VecDeque::new(),
            timers,
            last_frame: now,
        }
    }

    /// Whether the reader takes bytes now. It does not while it stands in front of a full queue; the end of the
    /// connection cannot be noticed then either.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        self.held.is_none() && self.queued < MAX_QUEUED_BYTES && !self.output.is_overfull()
    }

    /// Whether the session ended and nothing of it is left: every connection into the pod is closed.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.phase == Phase::Over && self.pairs.is_empty() && self.actions.is_empty()
    }

    /// Connections into the pod, those being made included.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.pairs.values().filter(|pair| pair.is_forwarding()).count()
    }

    /// Streams that were opened and are not forgotten.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Takes bytes of the peer from the front of `input`, all of them unless [`Self::wants_input`] ceases to hold.
    pub fn handle_input(&mut self, now: Time, input: &mut &[u8]) {
        while self.phase == Phase::Serving && self.wants_input() {
            if !self.read_frame(now, input) {
                break;
            }
            self.settle(now);
        }
        if self.phase != Phase::Serving {
            *input = &[];
        }
        self.settle(now);
    }

    /// The peer's connection ended or broke. Nothing reaches it any more.
    pub fn handle_disconnect(&mut self, now: Time) {
        self.output.close();
        self.stop_reading(now);
        self.resume(now);
        self.settle(now);
    }

    /// The dial of an [`Action::Dial`] succeeded; `local` is the address that it was made from.
    pub fn handle_dialed(&mut self, now: Time, pair: PairId, local: SocketAddr) {
        self.with_forwarder(now, pair, |forwarder| forwarder.handle_dialed(local));
    }

    /// The dial of an [`Action::Dial`] failed.
    pub fn handle_dial_failure(&mut self, now: Time, pair: PairId, failure: DialFailure) {
        self.with_forwarder(now, pair, |forwarder| forwarder.handle_dial_failure(failure));
    }

    /// Bytes for an [`Action::ReadPod`].
    pub fn handle_pod_bytes(&mut self, now: Time, pair: PairId, bytes: &[u8]) {
        self.copy_down(now, pair, bytes);
        self.settle(now);
    }

    /// The end of the pod's bytes, or of the connection, for an [`Action::ReadPod`].
    pub fn handle_pod_end(&mut self, now: Time, pair: PairId, end: PodEnd) {
        self.with_forwarder(now, pair, |forwarder| forwarder.handle_pod_end(end));
    }

    /// The bytes of an [`Action::WritePod`] are all in the pod's socket, or never will be.
    pub fn handle_pod_written(&mut self, now: Time, pair: PairId, result: Result<(), PodError>) {
        self.with_forwarder(now, pair, |forwarder| forwarder.handle_written(result));
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some(timer) = self.timers.pop(now) {
            self.expire(now, timer);
        }
        self.settle(now);
    }

    /// Changes when SYN_STREAMs are answered from now on.
    pub fn set_reply(&mut self, reply: ReplyFault) {
        self.profile.reply = reply;
    }

    /// Ends the session as its idle timer does.
    pub fn expire_idle(&mut self, now: Time) {
        self.end_idle(now);
        self.settle(now);
    }

    /// Ends the session because the connection to the runtime was lost on the way.
    pub fn lose_connection(&mut self, now: Time) {
        self.handle_disconnect(now);
    }

    /// At most `limit` bytes for the peer, `None` if there are none now.
    pub fn poll_transmit(&mut self, now: Time, limit: usize) -> Option<Bytes> {
        let bytes = self.output.take(limit)?;
        if !self.output.is_full() {
            self.resume(now);
            self.settle(now);
        }
        Some(bytes)
    }

    /// What to do next, `None` if there is nothing now.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call [`Self::handle_timeout`], and what for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Time, &'static str)> {
        self.timers.next()
    }

    /// Lets everything happen that can happen now.
    fn settle(&mut self, now: Time) {
        loop {
            while let Some(lane) = self.ready.pop_first() {
                self.run_lane(now, lane);
            }
            if !self.push_held() {
                break;
            }
        }
        self.finish_draining(now);
    }

    fn expire(&mut self, now: Time, timer: Timer) {
        match timer {
            Timer::Dial(pair) => {
                self.with_forwarder(now, pair, |forwarder| {
                    forwarder.handle_dial_failure(DialFailure::TimedOut);
                });
            }
            Timer::Idle => {
                let deadline = self.last_frame + self.profile.idle_timeout;
                if deadline > now {
                    self.timers.set(deadline, Timer::Idle);
                } else {
                    self.end_idle(now);
                }
            }
            Timer::Linger(pair) => self.with_forwarder(now, pair, Forwarder::handle_linger_end),
            Timer::Pairing(pair) => self.give_up_pairing(pair),
            Timer::Reply(lane) => {
                self.ready.insert(lane);
            }
        }
    }
}
