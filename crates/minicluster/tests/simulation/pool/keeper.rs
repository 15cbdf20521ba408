//! Performs a pool's actions as the tunnel does, and judges each.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use fastrand::Rng;
use podline_wire::{
    Role, Time,
    pool::{Action, Health, Pool, RequestKey, SessionKey},
    session::Peer,
};

use super::{
    member::Member,
    plan::{Outage, PoolPlan},
};
use crate::{
    client::Client, framing::Framing, link::Link, network::Direction, node::Node, plan::patience,
    trace::Trace,
};

/// Sessions being made at once, at most, and where nobody waits for them; started within a second, at most.
const CONNECTING: usize = 16;
const CONNECTING_SPARE: usize = 4;
const A_SECOND: usize = 50;

/// The longest pause that a server may ask for, and where a connection waits.
const LONGEST_ASKED: Duration = Duration::from_secs(60);
const LONGEST_ASKED_HELD: Duration = Duration::from_secs(5);

/// A session that has just failed to be made is not tried again for so long, though a connection comes.
const JUST_FAILED: Duration = Duration::from_millis(50);

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
    Lent(usize, SessionKey),
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
            starts: VecDeque::new(),
            paused_until: Time::ZERO,
            held_until: Time::ZERO,
            failed: None,
            unattended: None,
            last_request: Time::ZERO,
            retired: false,
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
        let excused = now < self.held_until || self.failed.is_some_and(|at| now < at + JUST_FAILED);
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

    /// Does what is due; true if something was.
    pub(crate) fn step(&mut self, now: Time, plan: &PoolPlan) -> Result<bool, String> {
        let mut progress = false;
        while let Some((&key, &attempt)) = self.attempts.iter().find(|(_, attempt)| attempt.until <= now) {
            progress = true;
            self.attempts.remove(&key);
            self.note(now, || format!("{key:?}: {attempt:?}"));
            if attempt.made {
                self.failed = None;
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
    pub(crate) fn neglects(&mut self, now: Time) -> bool {
        if self.waiting.is_empty() || !self.attempts.is_empty() {
            self.unattended = None;
            return false;
        }
        now.saturating_since(*self.unattended.get_or_insert(now)) > UNATTENDED
    }

    fn perform(&mut self, now: Time, plan: &PoolPlan) -> Result<(), String> {
        while let Some(action) = self.pool.poll_action() {
            self.note(now, || format!("{action:?}"));
            match action {
                Action::Close(key) => self.close(now, key)?,
                Action::Connect(key) => self.connect(now, key, plan)?,
                Action::Lend(request, key) => self.lend(request, key)?,
                Action::Prove(key) => self.prove(now, key)?,
                Action::Refuse(request, _) => {
                    if !self.attempts.is_empty() {
                        return Err("a connection is refused while sessions are being made".into());
                    }
                    let connection = self
                        .waiting
                        .remove(&request)
                        .ok_or("nobody waits who is refused")?;
                    self.told.push_back(Told::Refused(connection));
                }
                other => return Err(format!("an unknown action: {other:?}")),
            }
        }
        Ok(())
    }

    fn close(&mut self, now: Time, key: SessionKey) -> Result<(), String> {
        let mut member = self
            .members
            .remove(&key)
            .ok_or("a session is closed that is not")?;
        if member.link.client.session.pairs() > 0 {
            return Err(format!("{key:?} is closed under its connections"));
        }
        if member.lent > member.settled {
            return Err(format!("{key:?} is closed while a lane of it is lent"));
        }
        member.link.leave(now);
        self.left.insert(key, member);
        Ok(())
    }

    fn connect(&mut self, now: Time, key: SessionKey, plan: &PoolPlan) -> Result<(), String> {
        let held = !self.waiting.is_empty();
        let long_ago = |at: &mut Time| now.saturating_since(*at) >= Duration::from_secs(1);
        while self.starts.pop_front_if(long_ago).is_some() {}
        if self.starts.len() >= A_SECOND {
            return Err(format!(
                "more than {A_SECOND} sessions are started within a second"
            ));
        }
        if now < if held { self.held_until } else { self.paused_until } {
            return Err("a session is started in the pause that the server asked for".into());
        }
        let at_once = if held { CONNECTING } else { CONNECTING_SPARE };
        if self.attempts.len() >= at_once {
            return Err(format!("more than {at_once} sessions are made at once"));
        }
        let useful = |member: &&Member| !member.link.client.report().retired;
        let useful = self.members.values().filter(useful).count();
        let most = if held {
            plan.config.most
        } else {
            plan.config.isolated
        };
        if self.attempts.len() + useful >= most {
            return Err(format!("more than {most} sessions"));
        }
        self.starts.push_back(now);
        self.unattended = None;
        let connects = plan.connects;
        let attempt = match self.outage {
            Some(outage) => Attempt {
                until: now + outage.takes,
                made: false,
                retry_after: outage.retry_after,
            },
            None => Attempt {
                until: now
                    + connects.shortest
                    + (connects.longest - connects.shortest).mul_f64(self.rng.f64()),
                made: self.rng.u8(..) >= connects.failing || self.released,
                retry_after: connects.retry_after,
            },
        };
        self.attempts.insert(key, attempt);
        Ok(())
    }

    fn lend(&mut self, request: RequestKey, key: SessionKey) -> Result<(), String> {
        let connection = self
            .waiting
            .remove(&request)
            .ok_or("nobody waits who is lent to")?;
        let idle = self.members.values().any(Member::is_idle);
        let member = self
            .members
            .get_mut(&key)
            .ok_or("a session is lent that is not")?;
        let report = member.link.client.report();
        // Where none can be made, a bad one is better than none.
        let worst = if self.failed.is_some() {
            Health::Late
        } else {
            Health::Well
        };
        if !member.takes_one_more(worst) {
            return Err(format!(
                "{key:?} is lent, and has {} lanes lent: {report:?}",
                member.lent
            ));
        }
        if idle && !member.is_idle() {
            return Err(format!("{key:?} is lent while another session is idle"));
        }
        member.lent += 1;
        self.told.push_back(Told::Lent(connection, key));
        Ok(())
    }

    fn prove(&mut self, now: Time, key: SessionKey) -> Result<(), String> {
        let member = self
            .members
            .get_mut(&key)
            .filter(|member| member.is_idle())
            .ok_or("a session is asked what its peer is that is not idle")?;
        if self.proving.replace((key, now)).is_some() {
            return Err("peers are asked twice what they are".into());
        }
        member.link.client.prove();
        Ok(())
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
        let may_be_lost = path.up.may_lose_session() || path.down.may_lose_session();
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
