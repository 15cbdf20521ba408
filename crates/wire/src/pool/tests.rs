//! The pool against sessions that do what the test says.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod growth;
mod lending;
mod properties;
mod unused;

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;

/// A new session of a known peer.
const CLEAN: Report = Report {
    clean: true,
    free_lanes: 5,
    health: Health::Well,
    open: 0,
    pairs: 0,
    retired: false,
    shared_room: 80,
    tails: false,
};

/// The pool, and what it has done with its sessions.
struct World {
    pool: Pool,
    now: Time,
    /// What each session has said last.
    reports: BTreeMap<SessionKey, Report>,
    /// Sessions that were to be asked what their peer is.
    proved: Vec<SessionKey>,
}

impl World {
    fn new(floor: usize) -> Self {
        Self::with(PoolConfig {
            floor,
            ..PoolConfig::default()
        })
    }

    fn with(config: PoolConfig) -> Self {
        Self {
            pool: Pool::new(Time::ZERO, config),
            now: Time::ZERO,
            reports: BTreeMap::new(),
            proved: Vec::new(),
        }
    }

    /// What is to be done, but for proofs.
    fn actions(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        while let Some(action) = self.pool.poll_action() {
            match action {
                Action::Prove(key) => self.proved.push(key),
                other => actions.push(other),
            }
        }
        actions
    }

    /// The sessions that the pool wants made; nothing else is to be done.
    fn connects(&mut self) -> Vec<SessionKey> {
        let connect = |action| match action {
            Action::Connect(key) => key,
            other => panic!("{other:?}"),
        };
        self.actions().into_iter().map(connect).collect()
    }

    fn request(&mut self) -> RequestKey {
        self.pool.handle_request(self.now).unwrap()
    }

    fn connected(&mut self, key: SessionKey) {
        self.reports.insert(key, CLEAN);
        self.pool.handle_connected(self.now, key, CLEAN);
    }

    fn failed(&mut self, key: SessionKey, retry_after: Option<Duration>) {
        self.pool.handle_failed(self.now, key, retry_after, u64::MAX);
    }

    fn report(&mut self, key: SessionKey, opened: usize, change: impl FnOnce(&mut Report)) {
        let report = self.reports.get_mut(&key).unwrap();
        change(report);
        self.pool.handle_report(self.now, key, *report, opened);
    }

    /// A pair is opened on the lane lent.
    fn opens(&mut self, key: SessionKey) {
        self.report(key, 1, |report| {
            report.clean = false;
            report.open += 1;
            report.pairs += 1;
            report.free_lanes -= 1;
            report.shared_room -= 1;
        });
    }

    /// A pair is opened on a lane that others are on.
    fn shares(&mut self, key: SessionKey) {
        self.report(key, 1, |report| {
            report.open += 1;
            report.pairs += 1;
            report.shared_room -= 1;
        });
    }

    /// Our direction of a pair is ended, and its lane free; the peer has not ended it yet.
    fn finishes(&mut self, key: SessionKey) {
        self.report(key, 0, |report| {
            report.open -= 1;
            report.free_lanes += 1;
            report.shared_room += 1;
        });
    }

    /// A pair is over, and its lane free; the peer's tail is not silent yet.
    fn ends(&mut self, key: SessionKey) {
        self.report(key, 0, |report| {
            report.open -= 1;
            report.pairs -= 1;
            report.free_lanes += 1;
            report.shared_room += 1;
            report.tails = true;
        });
    }

    fn gets_clean(&mut self, key: SessionKey) {
        self.report(key, 0, |report| *report = CLEAN);
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.pool.handle_timeout(self.now);
    }

    /// Waits until something is due; gives what.
    fn wait_until_due(&mut self) -> &'static str {
        let (at, what) = self.pool.poll_timeout(self.now).unwrap();
        assert!(at > self.now, "{what} is due already");
        self.now = at;
        self.pool.handle_timeout(at);
        what
    }

    /// A pool with its floor of sessions.
    fn filled(floor: usize) -> (Self, Vec<SessionKey>) {
        let mut world = Self::new(floor);
        world.pool.handle_timeout(world.now);
        let keys = world.connects();
        assert_eq!(keys.len(), floor);
        for &key in &keys {
            world.connected(key);
        }
        (world, keys)
    }
}
