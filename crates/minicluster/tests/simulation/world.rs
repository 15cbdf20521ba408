//! The whole simulation: time, the sessions, and the connections that want a lane.

use std::collections::VecDeque;

use fastrand::Rng;
use podline_minicluster::node::runtime::{Flavor, ReplyFault};
use podline_wire::{Role, Time};

use crate::{
    app::App,
    client::{Client, Loss},
    clockwork::Clockwork,
    facts::Facts,
    framing::Framing,
    link::Link,
    network::Direction,
    node::Node,
    oracle::{self, Circumstances},
    plan::Plan,
    trace::Trace,
};

/// One simulation.
pub(crate) struct World {
    plan: Plan,
    now: Time,
    link: Link,
    apps: Vec<App>,
    facts: Vec<Facts>,
    /// Connections that are still to come, the last one first.
    coming: Vec<usize>,
    waiting: VecDeque<usize>,
    released: bool,
}

impl World {
    pub(crate) fn new(plan: Plan, rng: &mut Rng, traced: bool) -> Self {
        let now = Time::ZERO;
        let mut client = Client::new(
            now,
            plan.known,
            Framing::new(plan.websocket, Role::Client, rng.fork()),
            traced.then(Trace::new),
        );
        let node = Node::new(
            now,
            plan.flavor,
            plan.reply,
            Framing::new(plan.websocket, Role::Server, rng.fork()),
        );
        if plan.proves {
            client.prove();
        }
        let up = Direction::new(plan.up.clone(), rng.fork());
        let down = Direction::new(plan.down.clone(), rng.fork());
        let mut coming: Vec<usize> = (0..plan.apps.len()).collect();
        coming.sort_by_key(|&connection| std::cmp::Reverse(plan.apps[connection].starts));
        Self {
            apps: plan.apps.iter().cloned().map(App::new).collect(),
            facts: plan.apps.iter().map(|_| Facts::default()).collect(),
            plan,
            now,
            link: Link::new(client, node, up, down),
            coming,
            waiting: VecDeque::new(),
            released: false,
        }
    }

    /// Runs to the end. The error says what was wrong, and when.
    pub(crate) fn run(mut self) -> Result<(), String> {
        match self.run_to_end() {
            Ok(()) => Ok(()),
            Err(error) => {
                let mut told = format!("at {:?}: {error}\n{:?}\n", self.now.as_duration(), self.plan);
                let connections = self.plan.apps.iter().zip(&self.plan.pods).zip(&self.facts);
                for (connection, ((app, pod), facts)) in connections.enumerate() {
                    told += &format!("\n{connection}: {app:?}\n   {pod:?}\n   {facts:?}");
                }
                Err(format!(
                    "{told}\n{:?}\n{}",
                    self.link.client.session,
                    self.link.client.trace()
                ))
            }
        }
    }

    /// Opens the connections whose time has come and that get a lane.
    fn admit(&mut self) -> bool {
        while let Some(connection) = self
            .coming
            .pop_if(|connection| self.plan.apps[*connection].starts <= self.now)
        {
            self.facts[connection].asked = Some(self.now);
            self.waiting.push_back(connection);
        }
        if self.now >= self.plan.release {
            if !std::mem::replace(&mut self.released, true) {
                self.apps.iter_mut().for_each(App::relax);
                if self.plan.goes_silent() {
                    // By now the system has given the connection up.
                    self.link.sever(self.now, &mut self.apps, &mut self.facts);
                }
            }
            self.link.node.release();
        }
        let mut progress = false;
        while let Some(&connection) = self.waiting.front() {
            let client = &mut self.link.client;
            if !client.open(self.now, connection, false, &mut self.apps, &mut self.facts) {
                break;
            }
            self.waiting.pop_front();
            progress = true;
        }
        progress
    }
}

impl Clockwork for World {
    fn now(&mut self) -> &mut Time {
        &mut self.now
    }

    fn end(&self) -> Time {
        self.plan.end
    }

    fn next(&self) -> Option<Time> {
        let coming = self
            .coming
            .last()
            .map(|&connection| self.plan.apps[connection].starts);
        let release = (!self.released).then_some(self.plan.release);
        [coming, release, self.link.next(self.now, &self.apps)]
            .into_iter()
            .flatten()
            .min()
    }

    fn turn(&mut self) -> Result<bool, String> {
        let progress = self.admit();
        let stepped = self
            .link
            .step(self.now, &mut self.apps, &self.plan.pods, &mut self.facts)?;
        Ok(progress | stepped)
    }

    fn check_moment(&mut self) -> Result<(), String> {
        if let Some(Loss::Fault(fault)) = self.link.client.loss()
            && !self.plan.may_lose_session()
        {
            return Err(format!("the session died: {fault}"));
        }
        if self.link.node.is_blocked()
            && self.plan.flavor != Flavor::Strict
            && self.link.client.loss().is_none()
        {
            return Err("the runtime's reader stands in front of a full queue".into());
        }
        if self.link.client.is_reading() {
            for connection in self.link.client.connections() {
                self.apps[connection]
                    .check_overdue(self.now)
                    .map_err(|error| format!("connection {connection}: {error}"))?;
            }
        }
        Ok(())
    }

    fn check_end(&self) -> Result<(), String> {
        let client = &self.link.client;
        let excused =
            client.loss().is_some() || client.session.is_retired() || self.plan.reply == ReplyFault::Never;
        for (connection, (facts, pod)) in self.facts.iter().zip(&self.plan.pods).enumerate() {
            let around = Circumstances {
                flavor: self.plan.flavor,
                reply: self.plan.reply,
                pod,
                app: &self.plan.apps[connection],
                release: self.plan.release,
                may_lose_session: self.plan.may_lose_session(),
            };
            let checked = match facts.opened {
                Some(_) => oracle::check_connection(&around, facts),
                None if excused => Ok(()),
                None => Err("it never got a lane".into()),
            };
            checked.map_err(|error| format!("connection {connection}: {error}"))?;
        }
        oracle::check_link(&self.plan, &self.link, &self.facts)
    }
}
