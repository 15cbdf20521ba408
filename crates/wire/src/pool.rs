//! Which session carries which connection, and how many sessions there are: the pool's decisions as a state machine.
//!
//! The pool of one pod knows its sessions by key, and what each reports of itself. It says what to do by [`Action`]s;
//! whoever performs them tells what came of it. A new connection takes the first of: an idle clean session; a free
//! lane of a healthy session, the one with the fewest pairs; the first session that gets ready. It never waits for an
//! upgrade while there is a free lane.

mod pace;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::Time;

use self::pace::Pace;

/// After so long without a new connection one idle session is enough.
const QUIET_AFTER: Duration = Duration::from_secs(10 * 60);

/// An idle session beyond the floor is closed after so long.
const SURPLUS_AFTER: Duration = Duration::from_secs(30);

/// Sessions being made at the same time, at most.
const CONNECTING: usize = 16;

/// Sessions of one pod, at most, if connections would wait otherwise.
const MOST: usize = 512;

/// What a pool aims at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// Idle sessions kept ready.
    pub floor: usize,
    /// Sessions made so that each connection has its own, at most; beyond it lanes fill up first.
    pub isolated: usize,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            floor: 6,
            isolated: 64,
        }
    }
}

/// Names a session within its pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionKey(u64);

/// Names a connection that asks for a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestKey(u64);

/// What a session says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Nothing is under way or left over.
    pub clean: bool,
    /// Lanes that a new pair may use.
    pub free_lanes: usize,
    /// A lane does not answer, or the session is not being read.
    pub hindered: bool,
    /// Pairs that have not ended.
    pub pairs: usize,
    /// It takes no new pair, ever.
    pub retired: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Close the session: nothing uses it.
    Close(SessionKey),
    /// Make a session.
    Connect(SessionKey),
    /// The connection's lane is on this session.
    Lend(RequestKey, SessionKey),
    /// The connection gets none: this session could not be made, and no other is in sight.
    Refuse(RequestKey, SessionKey),
}

/// The sessions of one pod.
#[derive(Debug)]
pub struct Pool {
    config: PoolConfig,
    sessions: BTreeMap<SessionKey, Entry>,
    waiting: VecDeque<RequestKey>,
    pace: Pace,
    last_request: Time,
    next_key: u64,
    actions: VecDeque<Action>,
    retired: bool,
    closed: bool,
}

#[derive(Debug)]
enum Entry {
    Connecting,
    Ready {
        report: Report,
        /// Lanes lent whose pair is not open yet.
        reserved: usize,
        idle_since: Time,
    },
}

impl Pool {
    /// An empty pool; it starts with its first [`Pool::handle_timeout`] or request.
    pub fn new(now: Time, config: PoolConfig) -> Self {
        Self {
            config,
            sessions: BTreeMap::new(),
            waiting: VecDeque::new(),
            pace: Pace::new(now),
            last_request: now,
            next_key: 0,
            actions: VecDeque::new(),
            retired: false,
            closed: false,
        }
    }

    /// Sessions that are ready.
    pub fn ready(&self) -> usize {
        self.sessions
            .values()
            .filter(|entry| matches!(entry, Entry::Ready { .. }))
            .count()
    }

    /// A connection wants a lane. None: the pool is closed.
    pub fn handle_request(&mut self, now: Time) -> Option<RequestKey> {
        if self.closed {
            return None;
        }
        let request = RequestKey(self.key());
        self.last_request = now;
        self.waiting.push_back(request);
        self.decide(now);
        Some(request)
    }

    /// The connection wants none any more.
    pub fn handle_cancel(&mut self, request: RequestKey) {
        self.waiting.retain(|&waiting| waiting != request);
    }

    /// A session was made.
    pub fn handle_connected(&mut self, now: Time, session: SessionKey, report: Report) {
        self.pace.handle_success();
        if let Some(entry) = self.sessions.get_mut(&session) {
            *entry = Entry::Ready {
                report,
                reserved: 0,
                idle_since: now,
            };
        }
        self.decide(now);
    }

    /// A session could not be made. `retry_after` is what the server asked for; `entropy` spreads the next try.
    pub fn handle_failed(
        &mut self,
        now: Time,
        session: SessionKey,
        retry_after: Option<Duration>,
        entropy: u64,
    ) {
        self.sessions.remove(&session);
        self.pace.handle_failure(now, retry_after, entropy);
        if self.connecting() == 0 {
            self.actions.extend(
                self.waiting
                    .drain(..)
                    .map(|request| Action::Refuse(request, session)),
            );
        }
        self.decide(now);
    }

    /// A session is over.
    pub fn handle_lost(&mut self, now: Time, session: SessionKey) {
        self.sessions.remove(&session);
        self.decide(now);
    }

    /// A session says how it is. `opened` of the lanes lent before are used now.
    pub fn handle_report(&mut self, now: Time, session: SessionKey, report: Report, opened: usize) {
        let Some(Entry::Ready {
            report: last,
            reserved,
            idle_since,
        }) = self.sessions.get_mut(&session)
        else {
            return;
        };
        if report.clean && !last.clean {
            *idle_since = now;
        }
        *last = report;
        *reserved = reserved.saturating_sub(opened);
        self.decide(now);
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Time) {
        self.decide(now);
    }

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

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Pool::handle_timeout`] is to be called next, and what waits for it.
    pub fn poll_timeout(&self, now: Time) -> Option<(Time, &'static str)> {
        if self.closed {
            return None;
        }
        let grow = (self.shortage(now) > 0).then(|| (self.pace.next(now), "next session"));
        let surplus = self
            .surplus(now)
            .map(|(_, since)| (since + SURPLUS_AFTER, "surplus session"));
        let quiet = self.last_request + QUIET_AFTER;
        let quiet = (quiet > now).then_some((quiet, "quiet forward"));
        [grow, surplus, quiet].into_iter().flatten().min()
    }

    fn decide(&mut self, now: Time) {
        if self.closed {
            return;
        }
        while let Some(&request) = self.waiting.front() {
            let Some(session) = self.choose() else { break };
            self.waiting.pop_front();
            self.actions.push_back(Action::Lend(request, session));
        }
        self.close_unused(now);
        self.grow(now);
    }

    /// The session for a new connection; its lane is reserved.
    fn choose(&mut self) -> Option<SessionKey> {
        let chosen = self
            .sessions
            .iter_mut()
            .filter_map(|(&key, entry)| match entry {
                Entry::Ready { report, reserved, .. } if report.takes_one_more(*reserved) => {
                    // Idle and clean first, then the least used.
                    let used = report.pairs + *reserved;
                    Some(((!(report.clean && used == 0), used, key), key, reserved))
                }
                Entry::Ready { .. } | Entry::Connecting => None,
            })
            .min_by_key(|(rank, ..)| *rank);
        let (_, key, reserved) = chosen?;
        *reserved += 1;
        Some(key)
    }

    fn close_unused(&mut self, now: Time) {
        let unused = |entry: &Entry| matches!(entry, Entry::Ready { report, reserved: 0, .. } if report.retired && report.pairs == 0);
        let retired: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, entry)| unused(entry))
            .map(|(&key, _)| key)
            .collect();
        for key in retired {
            self.close_session(key);
        }
        while let Some((key, since)) = self.surplus(now)
            && since + SURPLUS_AFTER <= now
        {
            self.close_session(key);
        }
    }

    fn close_session(&mut self, key: SessionKey) {
        self.sessions.remove(&key);
        self.actions.push_back(Action::Close(key));
    }

    fn grow(&mut self, now: Time) {
        while self.shortage(now) > 0 && (self.pace.allows(now) || self.must_try()) {
            let key = SessionKey(self.key());
            self.pace.handle_start(now);
            self.sessions.insert(key, Entry::Connecting);
            self.actions.push_back(Action::Connect(key));
        }
    }

    /// A connection waits and nothing is under way for it: it is tried at once, whatever failed before.
    fn must_try(&self) -> bool {
        !self.waiting.is_empty() && self.connecting() == 0
    }

    /// How many more sessions are to be started.
    fn shortage(&self, now: Time) -> usize {
        let connecting = self.connecting();
        let aim = self.floor(now).max(self.waiting.len());
        let most = if self.waiting.is_empty() {
            self.config.isolated
        } else {
            MOST
        };
        aim.saturating_sub(self.idle().count() + connecting)
            .min(CONNECTING.saturating_sub(connecting))
            .min(most.saturating_sub(self.sessions.len()))
    }

    /// The longest idle session that is not needed.
    fn surplus(&self, now: Time) -> Option<(SessionKey, Time)> {
        if self.idle().count() <= self.floor(now) {
            return None;
        }
        self.idle().min_by_key(|&(key, since)| (since, key))
    }

    fn idle(&self) -> impl Iterator<Item = (SessionKey, Time)> {
        self.sessions.iter().filter_map(|(&key, entry)| match entry {
            Entry::Ready {
                report,
                reserved: 0,
                idle_since,
            } if report.clean && !report.retired => Some((key, *idle_since)),
            Entry::Ready { .. } | Entry::Connecting => None,
        })
    }

    fn connecting(&self) -> usize {
        self.sessions
            .values()
            .filter(|entry| matches!(entry, Entry::Connecting))
            .count()
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

impl Report {
    fn takes_one_more(&self, reserved: usize) -> bool {
        !self.retired && !self.hindered && self.free_lanes > reserved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: Report = Report {
        clean: true,
        free_lanes: 1,
        hindered: false,
        pairs: 0,
        retired: false,
    };

    fn config(floor: usize) -> PoolConfig {
        PoolConfig { floor, isolated: 64 }
    }

    fn connects(pool: &mut Pool) -> Vec<SessionKey> {
        let mut keys = Vec::new();
        while let Some(action) = pool.poll_action() {
            let Action::Connect(key) = action else {
                panic!("{action:?}")
            };
            keys.push(key);
        }
        keys
    }

    #[test]
    fn the_floor_is_filled_and_a_connection_takes_an_idle_session() {
        let mut pool = Pool::new(Time::ZERO, config(2));
        pool.handle_timeout(Time::ZERO);
        let keys = connects(&mut pool);
        assert_eq!(keys.len(), 2);
        for &key in &keys {
            pool.handle_connected(Time::ZERO, key, CLEAN);
        }
        let request = pool.handle_request(Time::ZERO).expect("open");
        assert_eq!(pool.poll_action(), Some(Action::Lend(request, keys[0])));
        assert!(
            matches!(pool.poll_action(), Some(Action::Connect(_))),
            "the floor is filled again"
        );
    }

    #[test]
    fn a_connection_without_a_lane_waits_for_the_first_session() {
        let mut pool = Pool::new(Time::ZERO, config(0));
        let request = pool.handle_request(Time::ZERO).expect("open");
        let keys = connects(&mut pool);
        assert_eq!(keys.len(), 1);
        pool.handle_connected(Time::ZERO, keys[0], CLEAN);
        assert_eq!(pool.poll_action(), Some(Action::Lend(request, keys[0])));
    }

    #[test]
    fn free_lanes_are_lent_while_sessions_are_made() {
        let mut pool = Pool::new(Time::ZERO, config(1));
        pool.handle_timeout(Time::ZERO);
        let key = connects(&mut pool)[0];
        pool.handle_connected(Time::ZERO, key, CLEAN);
        let first = pool.handle_request(Time::ZERO).expect("open");
        assert_eq!(pool.poll_action(), Some(Action::Lend(first, key)));
        pool.handle_report(
            Time::ZERO,
            key,
            Report {
                clean: false,
                free_lanes: 4,
                pairs: 1,
                ..CLEAN
            },
            1,
        );
        let lent = (0..4)
            .map(|_| pool.handle_request(Time::ZERO).expect("open"))
            .collect::<Vec<_>>();
        let fifth = pool.handle_request(Time::ZERO).expect("open");
        let mut seen = Vec::new();
        while let Some(action) = pool.poll_action() {
            if let Action::Lend(request, session) = action {
                assert_eq!(session, key);
                seen.push(request);
            }
        }
        assert_eq!(seen, lent);
        assert!(!seen.contains(&fifth));
    }

    #[test]
    fn a_pool_with_a_successor_makes_no_session_but_for_what_waits() {
        let mut pool = Pool::new(Time::ZERO, config(2));
        pool.handle_timeout(Time::ZERO);
        let keys = connects(&mut pool);
        pool.retire(Time::ZERO);
        pool.handle_connected(Time::ZERO, keys[0], CLEAN);
        pool.handle_lost(Time::ZERO, keys[1]);
        assert!(connects(&mut pool).is_empty());
        pool.handle_timeout(Time::ZERO + SURPLUS_AFTER);
        assert_eq!(pool.poll_action(), Some(Action::Close(keys[0])));
        pool.handle_request(Time::ZERO + SURPLUS_AFTER);
        assert_eq!(connects(&mut pool).len(), 1);
    }

    #[test]
    fn the_floor_may_be_changed_while_the_pool_is_in_use_and_not_after() {
        let mut pool = Pool::new(Time::ZERO, config(1));
        pool.handle_timeout(Time::ZERO);
        let mut keys = connects(&mut pool);
        assert_eq!(keys.len(), 1);
        pool.set_floor(Time::ZERO, 3);
        keys.extend(connects(&mut pool));
        assert_eq!(keys.len(), 3);
        for &key in &keys {
            pool.handle_connected(Time::ZERO, key, CLEAN);
        }
        pool.set_floor(Time::ZERO, 2);
        pool.handle_timeout(Time::ZERO + SURPLUS_AFTER);
        assert_eq!(pool.poll_action(), Some(Action::Close(keys[0])));
        assert_eq!(pool.poll_action(), None);
        pool.retire(Time::ZERO + SURPLUS_AFTER);
        pool.set_floor(Time::ZERO + SURPLUS_AFTER, 3);
        while let Some(action) = pool.poll_action() {
            assert!(matches!(action, Action::Close(_)), "{action:?}");
        }
    }

    #[test]
    fn hindered_and_retired_sessions_are_lent_to_nobody() {
        let mut pool = Pool::new(Time::ZERO, config(2));
        pool.handle_timeout(Time::ZERO);
        let keys = connects(&mut pool);
        pool.handle_connected(
            Time::ZERO,
            keys[0],
            Report {
                hindered: true,
                clean: false,
                free_lanes: 4,
                ..CLEAN
            },
        );
        pool.handle_connected(
            Time::ZERO,
            keys[1],
            Report {
                retired: true,
                pairs: 1,
                clean: false,
                ..CLEAN
            },
        );
        pool.handle_request(Time::ZERO);
        while let Some(action) = pool.poll_action() {
            assert!(!matches!(action, Action::Lend(..)), "{action:?}");
        }
    }

    #[test]
    fn a_failed_upgrade_refuses_those_who_wait_and_backs_off() {
        let mut pool = Pool::new(Time::ZERO, config(1));
        let request = pool.handle_request(Time::ZERO).expect("open");
        let key = connects(&mut pool)[0];
        pool.handle_failed(Time::ZERO, key, None, 0);
        assert_eq!(pool.poll_action(), Some(Action::Refuse(request, key)));
        assert_eq!(pool.poll_action(), None, "the next try waits");
        let (at, _) = pool.poll_timeout(Time::ZERO).expect("a next try");
        assert!(at > Time::ZERO);
        let retried = pool.handle_request(Time::ZERO).expect("open");
        let key = connects(&mut pool)[0];
        pool.handle_connected(Time::ZERO, key, CLEAN);
        assert_eq!(pool.poll_action(), Some(Action::Lend(retried, key)));
    }

    #[test]
    fn surplus_sessions_are_closed_after_a_while() {
        let mut pool = Pool::new(Time::ZERO, config(1));
        let requests = [(); 2].map(|()| pool.handle_request(Time::ZERO).expect("open"));
        let mut keys = connects(&mut pool);
        for &key in &keys {
            pool.handle_connected(Time::ZERO, key, CLEAN);
        }
        for request in requests {
            assert!(matches!(pool.poll_action(), Some(Action::Lend(lent, _)) if lent == request));
        }
        keys.extend(connects(&mut pool));
        pool.handle_connected(Time::ZERO, keys[2], CLEAN);
        for &key in &keys {
            pool.handle_report(Time::ZERO, key, CLEAN, 1);
        }
        let (at, what) = pool.poll_timeout(Time::ZERO).expect("something is surplus");
        assert_eq!(what, "surplus session");
        pool.handle_timeout(at);
        let mut closed = 0;
        while let Some(action) = pool.poll_action() {
            assert!(matches!(action, Action::Close(_)));
            closed += 1;
        }
        assert_eq!(closed, 2);
    }
}
