//! The whole simulation of a pool: time, connections, and what happens to all of them.

mod clockwork;

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use fastrand::Rng;
use podline_wire::{
    Time,
    pool::{Health, RequestKey, SessionKey},
};

use super::{
    keeper::{Keeper, Told},
    plan::{Happening, PoolPlan},
};
use crate::{app::App, clockwork::Clockwork, facts::Facts, pod::PodPlan};

/// How long a connection waits that was refused a session, before it asks again.
const AGAIN: Duration = Duration::from_millis(500);

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
    /// Others may be on it.
    shared: bool,
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
                Happening::SetFloor(floor) => self.keeper.set_floor(self.now, floor, &self.plan)?,
                Happening::Wake => {
                    self.keeper
                        .wake(self.now, &self.plan, &mut self.apps, &mut self.facts)?;
                }
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
                Told::Lent(connection, session, shared) => {
                    if self.standings[connection] != Standing::GaveUp {
                        self.standings[connection] = Standing::Lent;
                    }
                    self.lent.push_back(Lent {
                        until: self.now + self.plan.callers[connection].hold,
                        connection,
                        session,
                        shared,
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
            if !self.released {
                self.apps[connection].plan.patience =
                    member.patience.saturating_add(self.pods[connection].dial.0);
            }
            if client.open(self.now, connection, lent.shared, &mut self.apps, &mut self.facts) {
                self.standings[connection] = Standing::Opened(lent.session);
            } else {
                let report = client.report();
                // Where lanes are shared, somebody may have had to share this one before it was used.
                if !self.plan.shares_lanes()
                    && !report.retired
                    && report.health == Health::Well
                    && !client.session.is_silent()
                {
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
}
