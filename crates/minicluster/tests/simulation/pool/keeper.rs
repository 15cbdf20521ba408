//! Performs a pool's actions as the tunnel does, and judges each.

mod actions;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use fastrand::Rng;
use podline_wire::{
    Role, Time,
    pool::{Pool, RequestKey, SessionKey},
    session::Peer,
};

use super::{
    member::Member,
    plan::{Outage, PoolPlan},
};
use crate::{
    app::App,
    client::Client,
    facts::Facts,
    framing::Framing,
    link::Link,
    network::{Direction, may_lose_session},
    node::Node,
    plan::patience,
    trace::Trace,
};

/// The longest pause that a server may ask for, and where a connection waits.
const LONGEST_ASKED: Duration = Duration::from_secs(60);
const LONGEST_ASKED_HELD: Duration = Duration::from_secs(5);

/// A session that has just failed to be made is not tried again for so long, though a connection comes.
const JUST_FAILED: Duration = Duration::from_millis(50);

/// So long after the first session the others are waited for that were begun together with it, though there be lanes.
const TOGETHER: Duration = Duration::from_secs(1);

/// Sessions started within a second, at most.
const A_SECOND: usize = 50;

/// Connections wait so long at most without a session being made for them: the longest pause and a little.
const UNATTENDED: Duration = Duration::from_millis(5100);

/// The pool, and what became of its actions.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) pool: Pool,
    rng: Rng,
    pub(crate) attempts: BTreeMap<SessionKey, Attempt>,
    pub(crate) members: BTreeMap<SessionKey, Member>,
    /// Sessions that are over for the pool; what they leave behind in the runtime lives on.
    pub(crate) left: BTreeMap<SessionKey, Member>,
    pub(crate) waiting: BTreeMap<RequestKey, usize>,
    /// What connections are to be told.
    pub(crate) told: VecDeque<Told>,
    pub(crate) outage: Option<Outage>,
    /// All sessions are made, whatever was drawn.
    pub(crate) released: bool,
    known: Option<Peer>,
    /// The session that was asked what its peer is, and when.
    proving: Option<(SessionKey, Time)>,
    made: usize,
    /// When the first session was ready, and those that were begun before.
    founded: Option<Time>,
    founders: BTreeSet<SessionKey>,
    starts: VecDeque<Time>,
    /// The end of the pause that the server asked for, and where a connection waits.
    paused_until: Time,
    held_until: Time,
    /// When a session could not be made, if that is the last that is known.
    failed: Option<Time>,
    /// Since when connections wait and no session is being made.
    unattended: Option<Time>,
    pub(crate) last_request: Time,
    pub(crate) retired: bool,
    /// Idle sessions that are to be kept.
    pub(crate) floor: usize,
    lines: Option<Vec<String>>,
}

/// A session being made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    pub(crate) until: Time,
    made: bool,
    retry_after: Option<Duration>,
}

/// What a connection is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told {
    /// Whose session, and whether others may be on its lane.
    Lent(usize, SessionKey, bool),
    Refused(usize),
}

impl Keeper {
    pub(crate) fn new(plan: &PoolPlan, rng: Rng, traced: bool) -> Self {
        Self {
            pool: Pool::new(Time::ZERO, plan.config),
            rng,
            attempts: BTreeMap::new(),
            members: BTreeMap::new(),
            left: BTreeMap::new(),
            waiting: BTreeMap::new(),
            told: VecDeque::new(),
            outage: None,
            released: false,
            known: None,
            proving: None,
            made: 0,
            founded: None,
            founders: BTreeSet::new(),
            starts: VecDeque::new(),
            paused_until: Time::ZERO,
            held_until: Time::ZERO,
            failed: None,
            unattended: None,
            last_request: Time::ZERO,
            retired: false,
            floor: plan.config.floor,
            lines: traced.then(Vec::new),
        }
    }

    /// What the pool did, and what went over each session.
    pub(crate) fn trace(&self) -> String {
        let Some(lines) = &self.lines else {
            return String::new();
        };
        let sessions = self.members.iter().chain(&self.left);
        let sessions: String = sessions
            .map(|(key, member)| format!("\n{key:?}\n{}", member.link.client.trace()))
            .collect();
        format!("{}\n{sessions}", lines.join("\n"))
    }

    pub(crate) fn ask(
        &mut self,
        now: Time,
        connection: usize,
        plan: &PoolPlan,
    ) -> Result<RequestKey, String> {
        let request = self.pool.handle_request(now).ok_or("the pool is closed")?;
        self.last_request = now;
        self.waiting.insert(request, connection);
        self.note(now, || format!("connection {connection} asks by {request:?}"));
        self.perform(now, plan)?;
        let excused = self.is_full(plan)
            || self.is_held_back(now)
            || self.failed.is_some_and(|at| now < at + JUST_FAILED);
        if self.waiting.contains_key(&request) && self.attempts.is_empty() && !excused {
            return Err(format!("{request:?} waits, and no session is being made for it"));
        }
        Ok(request)
    }

    pub(crate) fn cancel(&mut self, request: RequestKey) {
        self.pool.handle_cancel(request);
        self.waiting.remove(&request);
    }

    pub(crate) fn retire(&mut self, now: Time, plan: &PoolPlan) -> Result<(), String> {
        self.retired = true;
        self.pool.retire(now);
        self.perform(now, plan)
    }

    pub(crate) fn set_floor(&mut self, now: Time, floor: usize, plan: &PoolPlan) -> Result<(), String> {
        self.note(now, || format!("the floor is {floor}"));
        self.floor = floor;
        self.pool.set_floor(now, floor);
        self.perform(now, plan)
    }

    /// The machine has slept.
    pub(crate) fn wake(
        &mut self,
        now: Time,
        plan: &PoolPlan,
        apps: &mut [App],
        facts: &mut [Facts],
    ) -> Result<(), String> {
        self.note(now, || "the machine has slept".into());
        for member in self.members.values_mut() {
            member.link.client.wake(now, apps, facts)?;
        }
        for key in self.members.keys().copied().collect::<Vec<_>>() {
            self.report(now, key, plan)?;
        }
        self.failed = None;
        self.paused_until = now;
        self.pool.handle_wake(now);
        self.perform(now, plan)
    }

    /// Whether there may be no more sessions.
    pub(crate) fn is_full(&self, plan: &PoolPlan) -> bool {
        self.attempts.len() + self.members.len() >= plan.config.most
    }

    /// So many connections may wait for sessions that are on their way, though there be lanes.
    pub(crate) fn expected(&self, now: Time) -> usize {
        match self.founded {
            Some(at) if now < at + TOGETHER && self.failed.is_none() => self
                .attempts
                .keys()
                .filter(|key| self.founders.contains(key))
                .count(),
            _ => 0,
        }
    }

    /// Sessions that are ready and take new pairs.
    fn useful(&self) -> usize {
        let useful = |member: &&Member| !member.link.client.report().retired;
        self.members.values().filter(useful).count()
    }

    /// Whether no more sessions may be started for now.
    fn is_held_back(&self, now: Time) -> bool {
        now < self.held_until || self.started_lately(now) >= A_SECOND
    }

    /// Sessions that were started in the last second.
    fn started_lately(&self, now: Time) -> usize {
        let lately = |at: &&Time| now.saturating_since(**at) < Duration::from_secs(1);
        self.starts.iter().filter(lately).count()
    }

    /// Does what is due; true if something was.
    pub(crate) fn step(&mut self, now: Time, plan: &PoolPlan) -> Result<bool, String> {
        let mut progress = false;
        while let Some((&key, &attempt)) = self.attempts.iter().find(|(_, attempt)| attempt.until <= now) {
            progress = true;
            self.attempts.remove(&key);
            self.note(now, || format!("{key:?}: {attempt:?}"));
            if attempt.made {
                self.failed = None;
                self.founded.get_or_insert(now);
                let member = self.make(now, plan);
                self.pool.handle_connected(now, key, member.reported);
                self.members.insert(key, member);
                self.perform(now, plan)?;
                if self.proving.is_none() && self.members.get(&key).is_some_and(Member::is_idle) {
                    return Err(format!("{key:?} is idle, and its peer is not asked what it is"));
                }
            } else {
                let asked = attempt.retry_after.unwrap_or_default();
                self.paused_until = self.paused_until.max(now + asked.min(LONGEST_ASKED));
                self.held_until = self.held_until.max(now + asked.min(LONGEST_ASKED_HELD));
                self.failed = Some(now);
                let entropy = self.rng.u64(..);
                self.pool.handle_failed(now, key, attempt.retry_after, entropy);
            }
            self.perform(now, plan)?;
        }
        if self.pool.poll_timeout(now).is_some_and(|(at, _)| at <= now) {
            progress = true;
            self.pool.handle_timeout(now);
            self.perform(now, plan)?;
            if let Some((_, what)) = self.pool.poll_timeout(now).filter(|(at, _)| *at <= now) {
                return Err(format!("the pool's {what} is still due"));
            }
        }
        Ok(progress)
    }

    /// Tells the pool how the session does.
    pub(crate) fn report(&mut self, now: Time, key: SessionKey, plan: &PoolPlan) -> Result<(), String> {
        let Some(member) = self.members.get_mut(&key) else {
            return Ok(());
        };
        if self.known.is_none()
            && let Some(peer) = member.link.client.session.peer()
        {
            // The others need not find out for themselves.
            self.known = Some(peer);
            for member in self.members.values_mut() {
                member.link.client.session.handle_peer_known(peer);
            }
        }
        let Some(member) = self.members.get_mut(&key) else {
            return Ok(());
        };
        if let Some(loss) = member.link.client.loss() {
            let loss = format!("{key:?} is lost: {loss:?}");
            self.note(now, || loss);
            if let Some(member) = self.members.remove(&key) {
                self.left.insert(key, member);
            }
            self.pool.handle_lost(now, key);
            return self.perform(now, plan);
        }
        let Some((report, settled)) = member.news() else {
            return Ok(());
        };
        self.note(now, || format!("{key:?}: {report:?} {settled} settled"));
        self.pool.handle_report(now, key, report, settled);
        self.perform(now, plan)
    }

    pub(crate) fn next(&self, now: Time) -> Option<Time> {
        let attempts = self.attempts.values().map(|attempt| attempt.until);
        let pool = self.pool.poll_timeout(now).map(|(at, _)| at);
        attempts.chain(pool).min()
    }

    /// The API server is gone: what is being made fails.
    pub(crate) fn begin_outage(&mut self, now: Time, outage: Outage) {
        self.outage = Some(outage);
        for attempt in self.attempts.values_mut() {
            *attempt = Attempt {
                until: now + outage.takes,
                made: false,
                retry_after: outage.retry_after,
            };
        }
    }

    /// Whether connections wait for too long without anything being done for them.
    pub(crate) fn neglects(&mut self, now: Time, plan: &PoolPlan) -> bool {
        if self.waiting.is_empty() || self.is_full(plan) || !self.attempts.is_empty() {
            self.unattended = None;
            return false;
        }
        now.saturating_since(*self.unattended.get_or_insert(now)) > UNATTENDED
    }

    /// Whether the peer has been asked for long enough what it is, and it is not known.
    pub(crate) fn is_in_the_dark(&self, now: Time) -> bool {
        let Some((key, asked)) = self.proving.filter(|_| self.known.is_none()) else {
            return false;
        };
        self.members
            .get(&key)
            .is_some_and(|member| !member.may_be_lost && now.saturating_since(asked) > member.patience)
    }

    fn make(&mut self, now: Time, plan: &PoolPlan) -> Member {
        let path = &plan.paths[self.made % plan.paths.len()];
        self.made += 1;
        let mut path = path.clone();
        if self.released {
            path.up.cut = None;
            path.down.cut = None;
        }
        let client = Client::new(
            now,
            self.known,
            Framing::new(plan.websocket, Role::Client, self.rng.fork()),
            self.lines.is_some().then(Trace::new),
        );
        let node = Node::new(
            now,
            plan.flavor,
            plan.reply,
            Framing::new(plan.websocket, Role::Server, self.rng.fork()),
        );
        let may_be_lost = may_lose_session(&path.up, &path.down);
        let patience = patience(&path.up, &path.down, plan.reply);
        let [up, down] = [path.up, path.down].map(|plan| Direction::new(plan, self.rng.fork()));
        Member::new(Link::new(client, node, up, down), may_be_lost, patience)
    }

    fn note(&mut self, now: Time, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:?} {}", now.as_duration(), line()));
        }
    }
}
