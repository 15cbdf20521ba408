//! The whole simulation of a pool: time, connections, and what happens to all of them.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use fastrand::Rng;
use podline_minicluster::node::runtime::{Flavor, ReplyFault};
use podline_wire::{
    Time,
    pool::{Health, RequestKey, SessionKey},
};

use super::{
    keeper::{Keeper, Told},
    plan::{Happening, PoolPlan},
};
use crate::{
    app::App,
    client::Loss,
    facts::Facts,
    oracle::{self, Circumstances},
    pod::PodPlan,
};

/// Turns in one moment, at most: more is a loop that does not wait.
const TURNS: usize = 200_000;

/// How long a connection waits that was refused a session, before it asks again.
const AGAIN: Duration = Duration::from_millis(500);

/// After so long without a new connection one idle session is enough.
const QUIET_AFTER: Duration = Duration::from_secs(10 * 60);

/// One simulation.
pub(crate) struct PoolWorld {
    plan: PoolPlan,
    now: Time,
    keeper: Keeper,
    apps: Vec<App>,
    facts: Vec<Facts>,
    standings: Vec<Standing>,
    /// The pods as they are at present.
    pods: Vec<PodPlan>,
    /// What is still to happen to all, the last one first.
    happenings: Vec<(Time, Happening)>,
    /// Connections that ask when their time has come.
    coming: BTreeSet<(Time, usize)>,
    /// Connections that give up when their time has come.
    impatient: BTreeSet<(Time, usize)>,
    /// Lanes that are held until their time has come.
    lent: VecDeque<Lent>,
    released: bool,
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Coming,
    GaveUp,
    Lent,
    Opened(SessionKey),
    Waiting(RequestKey),
}

/// A lane that a connection has and has not opened yet.
#[derive(Clone, Copy, Debug)]
struct Lent {
    until: Time,
    connection: usize,
    session: SessionKey,
}

impl PoolWorld {
    pub(crate) fn new(plan: PoolPlan, mut rng: Rng, traced: bool) -> Self {
        let apps: Vec<App> = plan
            .callers
            .iter()
            .map(|caller| App::new(caller.app.clone()))
            .collect();
        let starts = plan.callers.iter().map(|caller| caller.app.starts);
        Self {
            now: Time::ZERO,
            keeper: Keeper::new(&plan, rng.fork(), traced),
            facts: apps.iter().map(|_| Facts::default()).collect(),
            standings: vec![Standing::Coming; apps.len()],
            pods: plan.pods.clone(),
            happenings: plan.happenings.clone(),
            coming: starts
                .enumerate()
                .map(|(connection, at)| (at, connection))
                .collect(),
            impatient: BTreeSet::new(),
            lent: VecDeque::new(),
            released: false,
            apps,
            plan,
        }
    }

    /// Runs to the end. The error says what was wrong, and when.
    pub(crate) fn run(mut self) -> Result<(), String> {
        self.run_to_end().map_err(|error| {
            let mut told = format!("at {:?}: {error}\n{:?}\n", self.now.as_duration(), self.plan);
            for (connection, caller) in self.plan.callers.iter().enumerate() {
                told += &format!(
                    "\n{connection}: {caller:?}\n   {:?}\n   {:?}\n   {:?}",
                    self.plan.pods[connection], self.facts[connection], self.standings[connection]
                );
            }
            format!("{told}\n{:?}\n{}", self.keeper.pool, self.keeper.trace())
        })
    }

    fn run_to_end(&mut self) -> Result<(), String> {
        loop {
            self.settle()?;
            let Some(next) = self.next().filter(|at| *at <= self.plan.end) else {
                break;
            };
            if next <= self.now {
                return Err("the time does not go on".into());
            }
            self.now = next;
        }
        self.now = self.plan.end;
        self.check_end()
    }

    fn next(&self) -> Option<Time> {
        let links = self.keeper.members.values().chain(self.keeper.left.values());
        let links = links.filter_map(|member| member.link.next(self.now, &self.apps));
        let release = (!self.released).then_some(self.plan.release);
        let connections = [&self.coming, &self.impatient].map(|set| set.first().map(|&(at, _)| at));
        let happening = self.happenings.last().map(|&(at, _)| at);
        let lent = self.lent.iter().map(|lent| lent.until);
        links
            .chain(connections.into_iter().flatten())
            .chain(lent)
            .chain(
                [release, happening, self.keeper.next(self.now)]
                    .into_iter()
                    .flatten(),
            )
            .min()
    }

    /// Lets everything happen that can happen now.
    fn settle(&mut self) -> Result<(), String> {
        for _ in 0..TURNS {
            let mut progress = self.happen()?;
            progress |= self.run_connections()?;
            progress |= self.keeper.step(self.now, &self.plan)?;
            progress |= self.hear();
            progress |= self.open_lent()?;
            progress |= self.run_links()?;
            if !progress {
                return self.check_moment();
            }
        }
        Err("it does not come to rest".into())
    }

    fn happen(&mut self) -> Result<bool, String> {
        let mut progress = false;
        while let Some((_, happening)) = self.happenings.pop_if(|(at, _)| *at <= self.now) {
            progress = true;
            match happening {
                Happening::OutageBegins { cut, outage } => {
                    self.keeper.begin_outage(self.now, outage);
                    for member in self.keeper.members.values_mut() {
                        member.link.cut(self.now, cut);
                        member.may_be_lost = true;
                        member.patience = Duration::MAX;
                        for connection in member.link.client.connections() {
                            self.apps[connection].relax();
                        }
                    }
                }
                Happening::OutageEnds => self.keeper.outage = None,
                Happening::PodEnds { how, dials } => {
                    for member in self
                        .keeper
                        .members
                        .values_mut()
                        .chain(self.keeper.left.values_mut())
                    {
                        member.link.node.kill(self.now, how, &mut self.facts);
                    }
                    for (app, facts) in self.apps.iter_mut().zip(&self.facts) {
                        if facts.opened.is_some() {
                            app.relax();
                        }
                    }
                    for pod in &mut self.pods {
                        pod.dial.1 = Err(dials);
                    }
                }
                Happening::PodStarts => self.pods = self.plan.pods.clone(),
                Happening::Retire => self.keeper.retire(self.now, &self.plan)?,
            }
        }
        if self.now >= self.plan.release {
            progress |= !std::mem::replace(&mut self.released, true);
            self.release();
        }
        Ok(progress)
    }

    /// Pods end where they are, and the network does no harm any more.
    fn release(&mut self) {
        self.keeper.released = true;
        self.keeper.outage = None;
        self.apps.iter_mut().for_each(App::relax);
        for member in self
            .keeper
            .members
            .values_mut()
            .chain(self.keeper.left.values_mut())
        {
            member.link.heal();
            if member.link.is_silent() {
                // By now the system has given the connection up.
                member.link.sever(self.now, &mut self.apps, &mut self.facts);
            }
            member.link.node.release();
        }
    }

    /// Lets connections ask and give up.
    fn run_connections(&mut self) -> Result<bool, String> {
        let mut progress = false;
        while let Some(&(at, connection)) = self.coming.first()
            && at <= self.now
        {
            progress = true;
            self.coming.pop_first();
            if self.facts[connection].asked.is_none() {
                self.facts[connection].asked = Some(self.now);
                if let Some(patience) = self.plan.callers[connection].gives_up {
                    self.impatient.insert((self.now + patience, connection));
                }
            }
            self.ask(connection)?;
        }
        while let Some(&(at, connection)) = self.impatient.first()
            && at <= self.now
        {
            progress = true;
            self.impatient.pop_first();
            match self.standings[connection] {
                Standing::Waiting(request) => self.keeper.cancel(request),
                Standing::Coming => self.coming.retain(|&(_, coming)| coming != connection),
                Standing::Lent => {}
                Standing::Opened(_) | Standing::GaveUp => continue,
            }
            self.standings[connection] = Standing::GaveUp;
        }
        Ok(progress)
    }

    fn ask(&mut self, connection: usize) -> Result<(), String> {
        let request = self.keeper.ask(self.now, connection, &self.plan)?;
        self.standings[connection] = Standing::Waiting(request);
        Ok(())
    }

    /// Tells connections what became of their requests.
    fn hear(&mut self) -> bool {
        let mut progress = false;
        while let Some(told) = self.keeper.told.pop_front() {
            progress = true;
            match told {
                Told::Lent(connection, session) => {
                    if self.standings[connection] != Standing::GaveUp {
                        self.standings[connection] = Standing::Lent;
                    }
                    self.lent.push_back(Lent {
                        until: self.now + self.plan.callers[connection].hold,
                        connection,
                        session,
                    });
                }
                Told::Refused(connection) => {
                    if self.standings[connection] != Standing::GaveUp {
                        self.standings[connection] = Standing::Coming;
                        self.coming.insert((self.now + AGAIN, connection));
                    }
                }
            }
        }
        progress
    }

    fn open_lent(&mut self) -> Result<bool, String> {
        let (due, later) = self.lent.iter().partition(|lent| lent.until <= self.now);
        self.lent = later;
        let due: VecDeque<Lent> = due;
        for &lent in &due {
            let connection = lent.connection;
            let Some(member) = self.keeper.members.get_mut(&lent.session) else {
                // Nothing was sent, so it may have another.
                if self.standings[connection] == Standing::Lent {
                    self.ask(connection)?;
                }
                continue;
            };
            member.settled += 1;
            if self.standings[connection] == Standing::GaveUp {
                continue;
            }
            let client = &mut member.link.client;
            let (app, facts) = (&mut self.apps[connection], &mut self.facts[connection]);
            if client.open(self.now, connection, app, facts) {
                self.standings[connection] = Standing::Opened(lent.session);
                if !self.released {
                    app.plan.patience = member.patience.saturating_add(self.pods[connection].dial.0);
                }
            } else {
                let report = client.report();
                if !report.retired && report.health == Health::Well && !client.session.is_silent() {
                    return Err(format!(
                        "{:?} has not the lane that was lent: {report:?}",
                        lent.session
                    ));
                }
                self.ask(connection)?;
            }
        }
        Ok(!due.is_empty())
    }

    fn run_links(&mut self) -> Result<bool, String> {
        let mut progress = false;
        let keys: Vec<SessionKey> = self.keeper.members.keys().copied().collect();
        for key in keys {
            let Some(member) = self.keeper.members.get_mut(&key) else {
                continue;
            };
            progress |= member
                .link
                .step(self.now, &mut self.apps, &self.pods, &mut self.facts)
                .map_err(|error| format!("{key:?}: {error}"))?;
            self.keeper.report(self.now, key, &self.plan)?;
        }
        for (key, member) in &mut self.keeper.left {
            progress |= member
                .link
                .step(self.now, &mut self.apps, &self.pods, &mut self.facts)
                .map_err(|error| format!("{key:?}, which is over: {error}"))?;
        }
        Ok(progress || !self.keeper.told.is_empty())
    }

    /// What must hold whenever everything has come to rest.
    fn check_moment(&mut self) -> Result<(), String> {
        for (key, member) in self.keeper.members.iter().chain(&self.keeper.left) {
            let client = &member.link.client;
            if let Some(Loss::Fault(fault)) = client.loss()
                && !member.may_be_lost
            {
                return Err(format!("{key:?} died: {fault}"));
            }
            if member.link.node.is_blocked() && self.plan.flavor != Flavor::Strict && client.loss().is_none()
            {
                return Err(format!(
                    "the runtime's reader of {key:?} stands in front of a full queue"
                ));
            }
        }
        for (key, member) in &self.keeper.members {
            let client = &member.link.client;
            if client.session.is_clean() && member.link.node.connections() > 0 {
                return Err(format!(
                    "{key:?} is clean, and the runtime still has connections of it"
                ));
            }
            if !self.keeper.waiting.is_empty() && member.takes_one_more(Health::Well) {
                return Err(format!("a connection waits while {key:?} has a lane for it"));
            }
            if client.is_reading() {
                for connection in client.connections() {
                    self.apps[connection]
                        .check_overdue(self.now)
                        .map_err(|error| format!("connection {connection} on {key:?}: {error}"))?;
                }
            }
        }
        for standing in &self.standings {
            if let Standing::Waiting(request) = standing
                && !self.keeper.waiting.contains_key(request)
            {
                return Err(format!("{request:?} waits for nothing"));
            }
        }
        if self.keeper.is_in_the_dark(self.now) {
            return Err("it is not known what the peer is, though it was asked".into());
        }
        if self.keeper.neglects(self.now) {
            return Err("connections wait, and no session is being made".into());
        }
        Ok(())
    }

    fn check_end(&self) -> Result<(), String> {
        for (connection, standing) in self.standings.iter().enumerate() {
            self.check_connection(connection, *standing)
                .map_err(|error| format!("connection {connection}: {error}"))?;
        }
        for (key, member) in self.keeper.members.iter().chain(&self.keeper.left) {
            if member.link.node.connections() > 0 {
                return Err(format!("connections of {key:?} into pods are left"));
            }
        }
        for (key, member) in &self.keeper.members {
            if member.link.node.streams() > 0 {
                return Err(format!("streams of {key:?} are left in the runtime"));
            }
            if !member.is_idle() {
                return Err(format!("{key:?} is not idle: {:?}", member.link.client.session));
            }
        }
        let floor = match self.plan.config.floor {
            _ if self.keeper.retired => 0,
            floor if self.now.saturating_since(self.keeper.last_request) >= QUIET_AFTER => floor.min(1),
            floor => floor,
        };
        if self.keeper.members.len() != floor {
            return Err(format!(
                "{} sessions are left of {floor}",
                self.keeper.members.len()
            ));
        }
        Ok(())
    }

    fn check_connection(&self, connection: usize, standing: Standing) -> Result<(), String> {
        let session = match standing {
            Standing::GaveUp => return Ok(()),
            Standing::Opened(session) => session,
            Standing::Coming | Standing::Lent | Standing::Waiting(_) => {
                return Err("it never got a lane".into());
            }
        };
        let member = self
            .keeper
            .members
            .get(&session)
            .or_else(|| self.keeper.left.get(&session));
        let member = member.ok_or("its session was never there")?;
        let around = Circumstances {
            flavor: self.plan.flavor,
            reply: ReplyFault::None,
            pod: &self.plan.pods[connection],
            release: self.plan.release,
            may_lose_session: member.may_be_lost,
        };
        oracle::check_connection(&around, &self.facts[connection])
    }
}
