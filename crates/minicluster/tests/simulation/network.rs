//! One direction of a connection through the network: bytes arrive later, in other pieces, or not at all.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use fastrand::Rng;
use podline_wire::Time;

/// A session lives through so much silence, and what is left for answers until it would be given up.
const LONGEST_SILENCE: Duration = Duration::from_secs(8);

/// Stalls that follow each other sooner are one silence.
const BETWEEN_STALLS: Duration = Duration::from_secs(1);

/// How one direction behaves.
#[derive(Clone, Debug)]
pub(crate) struct DirectionPlan {
    pub(crate) latency: Duration,
    /// Drawn for each packet and added; packets never overtake each other.
    pub(crate) jitter: Duration,
    /// Bytes under way or not taken, at most: the buffers of both ends and what is between.
    pub(crate) capacity: usize,
    /// The largest piece that is received at a time.
    pub(crate) grain: usize,
    /// Bytes a second; None: no limit.
    pub(crate) rate: Option<u64>,
    /// Nothing arrives from the first time to the second.
    pub(crate) stalls: Vec<(Time, Time)>,
    pub(crate) cut: Option<Cut>,
}

/// What happens behind the byte with this number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) after: u64,
    pub(crate) kind: CutKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CutKind {
    /// The sender's end is seen.
    End,
    /// Both ends see the connection reset.
    Reset,
    /// Nothing is heard any more, and nobody is told.
    Silence,
}

/// What comes out.
#[derive(Debug)]
pub(crate) enum Arrival {
    Bytes(Bytes),
    Cut(CutKind),
}

/// One direction.
#[derive(Debug)]
pub(crate) struct Direction {
    plan: DirectionPlan,
    rng: Rng,
    packets: VecDeque<(Time, Bytes)>,
    queued: usize,
    accepted: u64,
    last: Time,
    /// When the link has sent what it has.
    link_free: Time,
    cut_at: Option<Time>,
    cut_told: bool,
}

/// Whether a session may end by what happens to its two directions.
pub(crate) fn may_lose_session(up: &DirectionPlan, down: &DirectionPlan) -> bool {
    let mut stalls = [up.stalls.as_slice(), &down.stalls].concat();
    stalls.sort();
    let mut silences: Vec<(Time, Time)> = Vec::new();
    for (from, to) in stalls {
        match silences.last_mut() {
            // What is asked in one of them is answered in the other.
            Some((_, until)) if from <= *until + BETWEEN_STALLS => *until = (*until).max(to),
            _ => silences.push((from, to)),
        }
    }
    let long = |(from, to): &(Time, Time)| to.saturating_since(*from) > LONGEST_SILENCE;
    up.cut.is_some() || down.cut.is_some() || silences.iter().any(long)
}

impl DirectionPlan {
    /// Whether it goes silent, sooner or later.
    pub(crate) fn goes_silent(&self) -> bool {
        self.cut.is_some_and(|cut| cut.kind == CutKind::Silence)
    }

    /// How long a byte may take behind `ahead` others.
    pub(crate) fn slowest(&self, ahead: usize) -> Duration {
        let way = self.latency + self.jitter + Duration::from_micros(100);
        let waits = u32::try_from(ahead / self.capacity + 1).unwrap_or(u32::MAX);
        let rate = self.rate.map_or(Duration::ZERO, |rate| {
            Duration::from_secs_f64((ahead + self.capacity) as f64 / rate as f64)
        });
        let stalled: Duration = self
            .stalls
            .iter()
            .map(|(from, to)| to.saturating_since(*from))
            .sum();
        way * waits + rate + stalled
    }
}

impl Direction {
    pub(crate) fn new(plan: DirectionPlan, rng: Rng) -> Self {
        Self {
            plan,
            rng,
            packets: VecDeque::new(),
            queued: 0,
            accepted: 0,
            last: Time::ZERO,
            link_free: Time::ZERO,
            cut_at: None,
            cut_told: false,
        }
    }

    /// Bytes that the sender may give now.
    pub(crate) fn room(&self) -> usize {
        self.plan.capacity.saturating_sub(self.queued)
    }

    /// Takes bytes from the front; gives how many.
    pub(crate) fn send(&mut self, now: Time, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.room());
        if taken == 0 {
            return 0;
        }
        let before_cut = self
            .plan
            .cut
            .map_or(u64::MAX, |cut| cut.after.saturating_sub(self.accepted));
        let arrives = taken.min(usize::try_from(before_cut).unwrap_or(usize::MAX));
        self.accepted += taken as u64;
        let at = self.arrival(now, taken);
        if arrives > 0 {
            self.queued += arrives;
            self.packets
                .push_back((at, Bytes::copy_from_slice(&bytes[..arrives])));
        }
        if self.plan.cut.is_some_and(|cut| cut.kind == CutKind::Silence) {
            // Nobody takes them, so they stay in the sender's buffer.
            self.queued += taken - arrives;
        }
        if self.cut_at.is_none() && self.plan.cut.is_some_and(|cut| self.accepted >= cut.after) {
            self.cut_at = Some(at);
        }
        taken
    }

    /// The next piece that has arrived.
    pub(crate) fn receive(&mut self, now: Time) -> Option<Arrival> {
        if let Some((at, packet)) = self.packets.front_mut() {
            if *at > now {
                return None;
            }
            let most = packet.len().min(self.plan.grain);
            let length = if self.plan.grain < 4096 {
                self.rng.usize(1..=most)
            } else {
                most
            };
            let piece = packet.split_to(length);
            if packet.is_empty() {
                self.packets.pop_front();
            }
            self.queued -= length;
            return Some(Arrival::Bytes(piece));
        }
        let cut = self.plan.cut?;
        if self.cut_told || cut.kind == CutKind::Silence || self.cut_at.is_none_or(|at| at > now) {
            return None;
        }
        self.cut_told = true;
        Some(Arrival::Cut(cut.kind))
    }

    /// The sender's end, behind what it has sent.
    pub(crate) fn end(&mut self, now: Time) {
        self.cut(now, CutKind::End);
    }

    /// Breaks behind what was sent, unless it has broken before.
    pub(crate) fn cut(&mut self, now: Time, kind: CutKind) {
        if self.cut_at.is_none() {
            self.plan.cut = Some(Cut {
                after: self.accepted,
                kind,
            });
            self.cut_at = Some(self.arrival(now, 0));
        }
    }

    /// What was to break and has not does not break any more.
    pub(crate) fn heal(&mut self) {
        if self.cut_at.is_none() {
            self.plan.cut = None;
        }
    }

    /// Whether what is sent arrives nowhere.
    pub(crate) fn is_silent(&self) -> bool {
        self.cut_at.is_some() && self.plan.cut.is_some_and(|cut| cut.kind == CutKind::Silence)
    }

    /// When the next piece arrives.
    pub(crate) fn next(&self) -> Option<Time> {
        match self.packets.front() {
            Some((at, _)) => Some(*at),
            None => self
                .cut_at
                .filter(|_| !self.cut_told && self.plan.cut.is_some_and(|cut| cut.kind != CutKind::Silence)),
        }
    }

    fn arrival(&mut self, now: Time, length: usize) -> Time {
        let start = self.link_free.max(now);
        self.link_free = self.plan.rate.map_or(start, |rate| {
            start + Duration::from_secs_f64(length as f64 / rate as f64)
        });
        let jitter = self.plan.jitter.mul_f64(self.rng.f64());
        let mut at = (self.link_free + self.plan.latency + jitter).max(self.last);
        for (from, to) in &self.plan.stalls {
            if *from <= at && at < *to {
                at = *to;
            }
        }
        self.last = at;
        at
    }
}
