//! Which session carries which connection, and how many sessions there are: the pool's decisions as a state machine.
//!
//! The pool of one pod knows its sessions by key, and what each reports of itself. It says what to do by [`Action`]s;
//! whoever performs them tells what came of it. A new connection takes the first of:
//!
//! 1. an idle clean session, the one used last, so that the others age and their number follows the load;
//! 2. a free lane of a session that is well, the one with the fewest open pairs. It never waits for an upgrade while there
//!    is one, but for the founders (below);
//! 3. the first session that gets ready, or the first lane that gets free;
//! 4. where no session can be made at present, a free lane of a session that is fast or late; where there are
//!    [`PoolConfig::isolated`], of one that is fast;
//! 5. where there are [`PoolConfig::most`], a lane with others on it, where it is best.
//!
//! The first session that nobody waits for is asked at once what its peer is ([`Action::Prove`]), since lanes are lent only
//! where that is known: else of a burst only as many connections as there are sessions would be served at once.
//!
//! Sessions are made for two reasons. For connections that wait: as many as have lanes for them, at the pace of
//! `pace`. And for the floor of idle sessions, up to [`PoolConfig::isolated`] in all, slowly: a session whose
//! last pair we have ended counts as idle for this, for it will be within the runtime's second; else a busy pool would
//! make a session for each connection. And not while a burst waits for its first bytes, for an upgrade costs the servers on the
//! way as much as several connections.
//!
//! The floor is made slowly so that making it takes little from the connections that are there. A pool that begins has none,
//! so it makes its whole floor at once: these are its *founders*, and they are there when the first of them is, or a moment later.
//! In that moment as many connections as founders are on their way wait for those, rather than for an app on the same
//! session that may read nothing: sessions of their own are no round trip away. Of a burst all beyond these get lanes
//! at once, the oldest first; nobody waits longer than a second after the first session, nor where a session
//! could not be made.

mod action;
mod founders;
mod pace;
mod peak;
mod report;
mod sessions;
mod wake;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use crate::Time;

pub use self::action::{Action, RequestKey, SessionKey};
pub use self::report::{Health, Report};
pub use self::wake::{WAKE_TICK, Wake};

use self::founders::Founders;
use self::pace::{Need, Pace};
use self::peak::Peak;
use self::sessions::Sessions;

/// After so long without a new connection one idle session is enough.
const QUIET_AFTER: Duration = Duration::from_secs(10 * 60);

/// An idle session beyond the floor is closed after so long.
const SURPLUS_AFTER: Duration = Duration::from_secs(30);

/// Sessions being made at the same time, at most: for connections that wait or a pool that begins, and for the floor of one
/// that is in use.
const CONNECTING: usize = 16;
const CONNECTING_SPARE: usize = 4;

/// What a pool aims at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// Idle sessions kept ready.
    pub floor: usize,
    /// Sessions made so that each connection has its own, at most; beyond it lanes fill up first.
    pub isolated: usize,
    /// Sessions in all, at most; beyond it connections share lanes.
    pub most: usize,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            floor: 6,
            isolated: 64,
            most: 512,
        }
    }
}

/// The sessions of one pod.
#[derive(Debug)]
pub struct Pool {
    config: PoolConfig,
    sessions: Sessions,
    /// In the order in which they came.
    waiting: BTreeSet<RequestKey>,
    founders: Founders,
    pace: Pace,
    peak: Peak,
    /// Lanes that a new session has, as far as is known.
    lanes_a_session: usize,
    last_request: Time,
    next_key: u64,
    actions: VecDeque<Action>,
    /// A session was asked what its peer is. Once is enough: a session that was lost by the question may be lost by it
    /// again.
    proving: bool,
    retired: bool,
    closed: bool,
}

impl Pool {
    /// An empty pool; it starts with its first [`Pool::handle_timeout`] or request.
    pub fn new(now: Time, config: PoolConfig) -> Self {
        Self {
            config,
            sessions: Sessions::default(),
            waiting: BTreeSet::new(),
            founders: Founders::default(),
            pace: Pace::new(now),
            peak: Peak::new(now),
            lanes_a_session: 1,
            last_request: now,
            next_key: 0,
            actions: VecDeque::new(),
            proving: false,
            retired: false,
            closed: false,
        }
    }

    /// Sessions that are ready.
    pub fn ready(&self) -> usize {
        self.sessions.ready()
    }

    /// Whether nothing more is lent or made.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    // What happens.

    /// A connection wants a lane. None: the pool is closed.
    pub fn handle_request(&mut self, now: Time) -> Option<RequestKey> {
        if self.closed {
            return None;
        }
        let request = RequestKey(self.key());
        self.last_request = now;
        // Only the first of those that come together delays it: else a busy pool would never make one.
        if self.wanted_spare(now) == 0 {
            self.pace.handle_request(now);
        }
        self.waiting.insert(request);
        self.pace.handle_held(now);
        self.decide(now);
        Some(request)
    }

    /// The connection wants none any more.
    pub fn handle_cancel(&mut self, request: RequestKey) {
        self.waiting.remove(&request);
    }

    /// A session was made.
    pub fn handle_connected(&mut self, now: Time, session: SessionKey, report: Report) {
        self.pace.handle_success(now);
        self.founders.handle_ready(now, SessionKey(self.next_key));
        self.lanes_a_session = report.free_lanes.max(1);
        self.sessions.insert(now, session, report);
        self.decide(now);
        // A connection that has taken it finds out as soon.
        if !self.proving && self.sessions.is_idle(session) {
            self.proving = true;
            self.actions.push_back(Action::Prove(session));
        }
    }

    /// A session could not be made. `retry_after` is what the server asked for; `entropy` spreads the next try.
    pub fn handle_failed(
        &mut self,
        now: Time,
        session: SessionKey,
        retry_after: Option<Duration>,
        entropy: u64,
    ) {
        let begun = self.sessions.begun(session).unwrap_or(now);
        self.sessions.remove(session);
        self.pace.handle_failure(now, begun, retry_after, entropy);
        self.lend(now);
        // A server that asks for patience is there, and so is the pod, as far as is known.
        if self.sessions.connecting() == 0 && retry_after.is_none() {
            let refused = std::mem::take(&mut self.waiting);
            self.actions.extend(
                refused
                    .into_iter()
                    .map(|request| Action::Refuse(request, session)),
            );
        }
        self.decide(now);
    }

    /// A session is over.
    pub fn handle_lost(&mut self, now: Time, session: SessionKey) {
        self.sessions.remove(session);
        self.decide(now);
    }

    /// A session says how it is. `opened` of the lanes lent before are used now.
    pub fn handle_report(&mut self, now: Time, session: SessionKey, report: Report, opened: usize) {
        // A clean session without a lane is one that may be dead.
        if report.clean && report.free_lanes > 0 {
            self.lanes_a_session = report.free_lanes;
        }
        self.sessions.report(now, session, report, opened);
        self.decide(now);
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Time) {
        self.decide(now);
    }

    /// The machine slept: what failed before says nothing any more.
    pub fn handle_wake(&mut self, now: Time) {
        self.pace.handle_wake(now);
        self.decide(now);
    }

    // What is wanted.

    /// Keeps `floor` idle sessions ready from now on. A pool that was retired keeps none.
    pub fn set_floor(&mut self, now: Time, floor: usize) {
        if !self.retired {
            self.config.floor = floor;
            self.decide(now);
        }
    }

    /// The pool has a successor: nothing is kept ready any more. What waits is still served, what lives goes on.
    pub fn retire(&mut self, now: Time) {
        self.config.floor = 0;
        self.retired = true;
        self.decide(now);
    }

    /// Nothing more is lent or made.
    pub fn close(&mut self) {
        self.closed = true;
        self.waiting.clear();
        self.actions.clear();
    }

    // What is to be done.

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Pool::handle_timeout`] is to be called next, and what waits for it.
    pub fn poll_timeout(&self, now: Time) -> Option<(Time, &'static str)> {
        if self.closed {
            return None;
        }
        let held = (self.wanted_by_held(now) > 0).then(|| (self.pace.next(now, Need::Held), "next session"));
        let spare = (self.wanted_spare(now) > 0).then(|| (self.pace.next(now, Need::Spare), "spare session"));
        let founders = self
            .founders
            .until()
            .filter(|_| !self.waiting.is_empty() && self.patient(now) > 0)
            .map(|at| (at, "founding session"));
        let lane = self.next_lent(now).map(|_| (now, "free lane"));
        let hung = self
            .sessions
            .hung_at(now)
            .filter(|_| !self.waiting.is_empty())
            .map(|at| (at, "hung upgrade"));
        let surplus = self.surplus(now).map(|(at, _)| (at, "surplus session"));
        let doomed = self.sessions.doomed().map(|(at, _)| (at, "unused session"));
        let quiet = self.last_request + QUIET_AFTER;
        let quiet = (quiet > now).then_some((quiet, "quiet forward"));
        [held, spare, founders, lane, hung, surplus, doomed, quiet]
            .into_iter()
            .flatten()
            .min()
    }

    fn decide(&mut self, now: Time) {
        if self.closed {
            return;
        }
        self.lend(now);
        self.peak.note(now, self.sessions.used());
        self.close_unused(now);
        self.grow(now);
        // There may be no more sessions now.
        self.lend(now);
    }

    fn lend(&mut self, now: Time) {
        while let Some((session, action)) = self.next_lent(now) {
            self.waiting.pop_first();
            self.sessions.reserve(now, session);
            self.actions.push_back(action);
        }
    }

    /// What the connection that has waited for longest gets, if there is something.
    fn next_lent(&self, now: Time) -> Option<(SessionKey, Action)> {
        let &request = self.waiting.first()?;
        let lend = |session| (session, Action::Lend(request, session));
        let share = |session| (session, Action::Share(request, session));
        if let Some(session) = self.sessions.freshest_idle() {
            return Some(lend(session));
        }
        if self.waiting.len() <= self.patient(now) {
            return None;
        }
        self.own_lane(now)
            .map(lend)
            .or_else(|| self.shared_lane().map(share))
    }

    /// How many connections wait for a session that is on its way, though there may be lanes.
    fn patient(&self, now: Time) -> usize {
        if self.pace.is_failing() {
            0
        } else {
            let last = self.founders.expected(now);
            last.map_or(0, |last| self.sessions.connecting_up_to(last))
        }
    }

    /// The session with the best lane that nobody else is on.
    fn own_lane(&self, now: Time) -> Option<SessionKey> {
        let worst = if self.is_full() || self.pace.is_failing() || self.is_held_back(now) {
            Health::Late
        } else if self.sessions.taking() >= self.config.isolated {
            Health::Fast
        } else {
            Health::Well
        };
        self.sessions.with_lane(worst)
    }

    fn shared_lane(&self) -> Option<SessionKey> {
        self.sessions.with_shared_lane().filter(|_| self.is_full())
    }

    /// Whether no session is on its way, and none may be started yet.
    fn is_held_back(&self, now: Time) -> bool {
        self.sessions.expected(now) == 0 && !self.pace.allows(now, Need::Held)
    }

    fn is_full(&self) -> bool {
        self.sessions.total() >= self.config.most
    }

    fn close_unused(&mut self, now: Time) {
        while let Some((_, key)) = self.sessions.doomed().filter(|&(at, _)| at <= now) {
            self.close_session(key);
        }
        while let Some((_, key)) = self.surplus(now).filter(|&(at, _)| at <= now) {
            self.close_session(key);
        }
    }

    fn close_session(&mut self, key: SessionKey) {
        self.sessions.remove(key);
        self.actions.push_back(Action::Close(key));
    }

    fn grow(&mut self, now: Time) {
        if self.is_founding(now) {
            let wanted = self.floor(now).min(self.config.isolated);
            let more = wanted.saturating_sub(self.sessions.connecting());
            for _ in 0..more.min(self.room(CONNECTING)) {
                self.connect(now);
            }
        }
        while self.wanted_by_held(now) > 0 && self.pace.allows(now, Need::Held) {
            self.connect(now);
        }
        while self.wanted_spare(now) > 0 && self.pace.allows(now, Need::Spare) {
            self.connect(now);
        }
    }

    /// Whether nothing is known of the pod yet, neither good nor bad.
    fn is_founding(&self, now: Time) -> bool {
        self.founders.are_begun() && !self.pace.is_failing() && self.pace.allows(now, Need::Held)
    }

    fn connect(&mut self, now: Time) {
        let key = SessionKey(self.key());
        self.pace.handle_start(now);
        self.sessions.start(now, key);
        self.actions.push_back(Action::Connect(key));
    }

    /// How many sessions are to be started for the connections that wait.
    fn wanted_by_held(&self, now: Time) -> usize {
        self.waiting
            .len()
            .div_ceil(self.lanes_a_session)
            .saturating_sub(self.sessions.expected(now))
            .min(self.room(CONNECTING))
    }

    /// How many sessions are to be started for the floor.
    fn wanted_spare(&self, now: Time) -> usize {
        if !self.waiting.is_empty() {
            return 0;
        }
        self.floor(now)
            .saturating_sub(self.sessions.unused() + self.sessions.connecting())
            .min(self.config.isolated.saturating_sub(self.sessions.useful()))
            .min(self.room(CONNECTING_SPARE))
    }

    /// How many sessions may be started where `most` may be on their way.
    fn room(&self, most: usize) -> usize {
        let more = self.config.most.saturating_sub(self.sessions.total());
        most.saturating_sub(self.sessions.connecting()).min(more)
    }

    /// The idle session that is not needed, and when it is to be closed. What the load needed a moment ago it may need
    /// again in a moment.
    fn surplus(&self, now: Time) -> Option<(Time, SessionKey)> {
        let (since, key) = self.sessions.oldest_idle()?;
        let beyond = self.sessions.useful().saturating_sub(self.floor(now));
        if self.sessions.idle() <= self.floor(now) || beyond <= self.sessions.used() {
            return None;
        }
        let at = since + SURPLUS_AFTER;
        Some(if beyond > self.peak.most() {
            (at, key)
        } else {
            (at.max(self.peak.next()), key)
        })
    }

    fn floor(&self, now: Time) -> usize {
        if now.saturating_since(self.last_request) < QUIET_AFTER {
            self.config.floor
        } else {
            self.config.floor.min(1)
        }
    }

    fn key(&mut self) -> u64 {
        self.next_key += 1;
        self.next_key
    }
}

#[cfg(test)]
mod tests;
