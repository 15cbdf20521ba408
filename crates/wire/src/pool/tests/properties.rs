//! What holds whatever happens.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Cancel(usize),
    Connected(usize, u8),
    Failed(usize, bool),
    Lost(usize),
    Report(usize, Report, bool),
    Requests(u8),
    Retire,
    SetFloor(u8),
    Wait(u32),
    Wake,
}

fn health() -> impl Strategy<Value = Health> {
    prop_oneof![
        6 => Just(Health::Well),
        1 => Just(Health::Fast),
        1 => Just(Health::Late),
        1 => Just(Health::Paused),
    ]
}

fn report() -> impl Strategy<Value = Report> {
    let parts = (
        any::<bool>(),
        0..=5_usize,
        health(),
        0..=5_usize,
        0..=5_usize,
        prop::bool::weighted(0.1),
        0..=9_usize,
        any::<bool>(),
    );
    parts.prop_map(
        |(clean, free_lanes, health, open, more, retired, shared_room, tails)| Report {
            clean: clean && open + more == 0 && !tails,
            free_lanes,
            health,
            open,
            pairs: open + more,
            retired,
            shared_room,
            tails,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => any::<usize>().prop_map(Step::Cancel),
        8 => (any::<usize>(), 1..=5_u8).prop_map(|(which, lanes)| Step::Connected(which, lanes)),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(which, asks)| Step::Failed(which, asks)),
        1 => any::<usize>().prop_map(Step::Lost),
        6 => (any::<usize>(), report(), any::<bool>()).prop_map(|(which, report, opens)| Step::Report(which, report, opens)),
        6 => (1..40_u8).prop_map(Step::Requests),
        1 => prop::bool::weighted(0.05).prop_map(|retire| if retire { Step::Retire } else { Step::Wake }),
        1 => (0..10_u8).prop_map(Step::SetFloor),
        4 => (0..2_000_u32).prop_map(Step::Wait),
        1 => (0..700_000_u32).prop_map(Step::Wait),
    ]
}

/// The pool, and what is to be known of it from outside.
struct Checked {
    pool: Pool,
    now: Time,
    floor: usize,
    isolated: usize,
    retired: bool,
    connecting: BTreeSet<SessionKey>,
    /// When sessions were begun.
    begun: Vec<Time>,
    /// Until when the server wants to be left alone.
    asked_until: Time,
    /// Those being made that were begun before any was ready.
    founders: BTreeSet<SessionKey>,
    founded: Option<Time>,
    /// What each session has said, and how many of its lanes are lent.
    ready: BTreeMap<SessionKey, (Report, usize)>,
    waiting: BTreeSet<RequestKey>,
    /// A session could not be made, and none was made since.
    failing: bool,
    /// A session was to be asked what its peer is.
    proved: bool,
    most: usize,
}

impl Checked {
    fn new(config: PoolConfig) -> Self {
        let mut checked = Self {
            pool: Pool::new(Time::ZERO, config),
            now: Time::ZERO,
            floor: config.floor,
            isolated: config.isolated,
            retired: false,
            connecting: BTreeSet::new(),
            begun: Vec::new(),
            asked_until: Time::ZERO,
            founders: BTreeSet::new(),
            founded: None,
            ready: BTreeMap::new(),
            waiting: BTreeSet::new(),
            failing: false,
            proved: false,
            most: config.most,
        };
        checked.pool.handle_timeout(Time::ZERO);
        checked
    }

    fn nth<T: Copy>(of: impl ExactSizeIterator<Item = T>, which: usize) -> Option<T> {
        let count = of.len();
        let mut of = of;
        of.nth(which.checked_rem(count)?)
    }

    fn take(&mut self, step: Step) {
        let now = self.now;
        match step {
            Step::Cancel(which) => {
                if let Some(request) = Self::nth(self.waiting.iter().copied(), which) {
                    self.waiting.remove(&request);
                    self.pool.handle_cancel(request);
                }
            }
            Step::Connected(which, lanes) => {
                if let Some(key) = Self::nth(self.connecting.iter().copied(), which) {
                    let report = Report {
                        free_lanes: usize::from(lanes),
                        ..CLEAN
                    };
                    self.failing = false;
                    self.founded.get_or_insert(now);
                    self.connecting.remove(&key);
                    self.ready.insert(key, (report, 0));
                    self.pool.handle_connected(now, key, report);
                }
            }
            Step::Failed(which, asks) => {
                if let Some(key) = Self::nth(self.connecting.iter().copied(), which) {
                    self.failing = true;
                    self.connecting.remove(&key);
                    let asked = asks.then_some(Duration::from_secs(3));
                    self.asked_until = self.asked_until.max(now + asked.unwrap_or_default());
                    self.pool.handle_failed(now, key, asked, 7);
                }
            }
            Step::Lost(which) => {
                if let Some(key) = Self::nth(self.ready.keys().copied(), which) {
                    self.ready.remove(&key);
                    self.pool.handle_lost(now, key);
                }
            }
            Step::Report(which, report, opens) => {
                if let Some(key) = Self::nth(self.ready.keys().copied(), which) {
                    let (last, lent) = self.ready.get_mut(&key).unwrap();
                    let opened = if opens { *lent } else { 0 };
                    *last = report;
                    *lent -= opened;
                    self.pool.handle_report(now, key, report, opened);
                }
            }
            Step::Requests(count) => {
                for _ in 0..count {
                    self.waiting.insert(self.pool.handle_request(now).unwrap());
                    self.perform();
                }
            }
            Step::Retire => {
                self.floor = 0;
                self.retired = true;
                self.pool.retire(now);
            }
            Step::SetFloor(floor) => {
                if !self.retired {
                    self.floor = usize::from(floor);
                }
                self.pool.set_floor(now, usize::from(floor));
            }
            Step::Wait(millis) => {
                self.now += Duration::from_millis(u64::from(millis));
                self.pool.handle_timeout(self.now);
            }
            Step::Wake => {
                self.failing = false;
                self.pool.handle_wake(now);
            }
        }
        self.perform();
        self.check();
    }

    /// Whether as many sessions are ready as are made for isolation.
    fn is_isolated(&self) -> bool {
        let useful = self.ready.values().filter(|(report, _)| !report.retired);
        useful.count() >= self.isolated
    }

    /// Whether no more sessions may be begun for now.
    fn is_held_back(&self) -> bool {
        let lately = |at: &&Time| self.now.saturating_since(**at) < Duration::from_secs(1);
        self.now < self.asked_until || self.begun.iter().filter(lately).count() >= 50
    }

    fn perform(&mut self) {
        while let Some(action) = self.pool.poll_action() {
            match action {
                Action::Close(key) => {
                    let (report, lent) = self.ready.remove(&key).expect("a ready session");
                    assert_eq!((report.pairs, lent), (0, 0), "a session in use is closed");
                }
                Action::Connect(key) => {
                    assert!(self.connecting.insert(key), "made twice");
                    self.begun.push(self.now);
                    if self.founded.is_none() {
                        self.founders.insert(key);
                    }
                    assert!(self.connecting.len() <= CONNECTING);
                    assert!(self.connecting.len() + self.ready.len() <= self.most);
                }
                Action::Lend(request, key) => {
                    assert!(self.waiting.remove(&request), "answered twice");
                    let may_be_late = self.failing || self.is_full() || self.is_held_back();
                    let may_be_fast = may_be_late || self.is_isolated();
                    let (report, lent) = self.ready.get_mut(&key).expect("a ready session");
                    assert!(
                        !report.retired && report.free_lanes > *lent,
                        "{report:?}, {lent} lent"
                    );
                    let is_lent = match report.health {
                        Health::Well => true,
                        Health::Fast => may_be_fast,
                        Health::Late => may_be_late,
                        Health::Paused => false,
                    };
                    assert!(is_lent, "{report:?}");
                    *lent += 1;
                }
                Action::Prove(key) => {
                    assert!(!std::mem::replace(&mut self.proved, true), "asked twice");
                    assert!(self.ready.contains_key(&key), "a ready session");
                }
                Action::Refuse(request, _) => {
                    assert!(self.waiting.remove(&request), "answered twice");
                    assert!(self.connecting.is_empty(), "another session is on its way");
                }
                Action::Share(request, key) => {
                    assert!(self.waiting.remove(&request), "answered twice");
                    assert!(self.is_full(), "lanes are shared though sessions could be made");
                    let (report, lent) = self.ready.get_mut(&key).expect("a ready session");
                    assert!(
                        !report.retired && report.shared_room > *lent,
                        "{report:?}, {lent} lent"
                    );
                    *lent += 1;
                }
            }
        }
    }

    fn is_full(&self) -> bool {
        self.connecting.len() + self.ready.len() >= self.most
    }

    fn check(&mut self) {
        let with_lane = |&(_, &(report, lent)): &(&SessionKey, &(Report, usize))| {
            !report.retired && report.health == Health::Well && report.free_lanes > lent
        };
        let expected = match self.founded {
            Some(at) if !self.failing && self.now < at + Duration::from_secs(1) => {
                self.founders.intersection(&self.connecting).count()
            }
            _ => 0,
        };
        if self.waiting.len() > expected {
            let lane = self.ready.iter().find(with_lane);
            assert!(lane.is_none(), "a connection waits though {lane:?} has a lane");
        }
        assert_eq!(self.pool.ready(), self.ready.len());
        self.pool.handle_timeout(self.now);
        self.perform();
        if let Some((at, what)) = self.pool.poll_timeout(self.now) {
            assert!(at > self.now, "{what} is due again and again");
        }
    }

    /// From now on all goes well: everybody is served, and the floor is there.
    fn settle(&mut self) {
        self.take(Step::Requests(1));
        for _ in 0..1_000 {
            for key in std::mem::take(&mut self.connecting) {
                self.founded.get_or_insert(self.now);
                self.ready.insert(key, (CLEAN, 0));
                self.pool.handle_connected(self.now, key, CLEAN);
            }
            self.perform();
            // What was lent is opened and over at once.
            for key in self.ready.keys().copied().collect::<Vec<_>>() {
                if let Some((report, lent)) = self.ready.get_mut(&key) {
                    let opened = std::mem::take(lent);
                    *report = Report {
                        retired: report.retired,
                        ..CLEAN
                    };
                    self.pool.handle_report(self.now, key, *report, opened);
                    self.perform();
                }
            }
            let idle = |&&(report, lent): &&(Report, usize)| report == CLEAN && lent == 0;
            let is_settled = self.connecting.is_empty() && self.waiting.is_empty();
            if is_settled && self.ready.values().filter(idle).count() >= self.floor.min(self.isolated) {
                return;
            }
            if !self.connecting.is_empty() {
                // It takes no time; the next thing that is due may be ten minutes away, and want fewer.
                continue;
            }
            match self.pool.poll_timeout(self.now) {
                Some((at, _)) => self.now = at,
                None => break,
            }
            self.pool.handle_timeout(self.now);
            self.perform();
        }
        panic!(
            "{} wait for ever, {} sessions",
            self.waiting.len(),
            self.ready.len()
        );
    }
}

proptest! {
    #[test]
    fn whatever_happens_everybody_gets_one_answer_and_every_bound_holds(
        floor in 0..8_usize,
        isolated in 1..70_usize,
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let mut checked = Checked::new(PoolConfig {
            floor,
            isolated,
            ..PoolConfig::default()
        });
        checked.perform();
        for step in steps {
            checked.take(step);
        }
        checked.settle();
    }
}

/// A session that nobody needs any more is on its way when all goes well again.
#[test]
fn a_session_too_many_is_no_hindrance() {
    let mut checked = Checked::new(PoolConfig {
        floor: 0,
        isolated: 10,
        ..PoolConfig::default()
    });
    for step in [
        Step::Requests(7),
        Step::SetFloor(9),
        Step::Cancel(0),
        Step::Connected(0, 2),
        Step::Wait(3000),
        Step::Wait(50),
        Step::Cancel(0),
    ] {
        checked.take(step);
    }
    checked.settle();
}

proptest! {
    // Each has to make 512 sessions first.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn no_order_of_events_exceeds_the_most_sessions(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut checked = Checked::new(PoolConfig::default());
        checked.perform();
        for _ in 0..700 {
            checked.take(Step::Requests(1));
            checked.take(Step::Connected(0, 1));
            checked.take(Step::Report(checked.ready.len().wrapping_sub(1), BUSY, true));
            checked.take(Step::Wait(25));
        }
        prop_assert!(checked.is_full());
        for step in steps {
            checked.take(step);
        }
    }
}

/// A session whose lanes are all taken, once.
const BUSY: Report = Report {
    clean: false,
    free_lanes: 0,
    health: Health::Well,
    open: 1,
    pairs: 1,
    retired: false,
    shared_room: 1,
    tails: false,
};
