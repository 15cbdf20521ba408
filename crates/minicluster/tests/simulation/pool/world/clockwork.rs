//! The time of a pool, and what must hold in it.

use std::time::Duration;

use podline_minicluster::node::runtime::{Flavor, ReplyFault};
use podline_wire::{Time, pool::Health};

use super::{PoolWorld, Standing};
use crate::{
    client::Loss,
    clockwork::Clockwork,
    oracle::{self, Circumstances},
};

/// After so long without a new connection one idle session is enough.
const QUIET_AFTER: Duration = Duration::from_secs(10 * 60);

impl Clockwork for PoolWorld {
    fn now(&mut self) -> &mut Time {
        &mut self.now
    }

    fn end(&self) -> Time {
        self.plan.end
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

    fn turn(&mut self) -> Result<bool, String> {
        let mut progress = self.happen()?;
        progress |= self.run_connections()?;
        progress |= self.keeper.step(self.now, &self.plan)?;
        progress |= self.hear();
        progress |= self.open_lent()?;
        progress |= self.run_links()?;
        Ok(progress)
    }

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
        let waits = self.keeper.waiting.len() > self.keeper.expected(self.now);
        for (key, member) in &self.keeper.members {
            let client = &member.link.client;
            if client.session.is_clean() && member.link.node.connections() > 0 {
                return Err(format!(
                    "{key:?} is clean, and the runtime still has connections of it"
                ));
            }
            if waits && member.takes_one_more(Health::Well) {
                return Err(format!("a connection waits while {key:?} has a lane for it"));
            }
            let is_idle = member.is_idle() && member.takes_one_more(Health::Well);
            if !self.keeper.waiting.is_empty() && is_idle {
                return Err(format!("a connection waits while {key:?} is idle"));
            }
            let shares = self.keeper.is_full(&self.plan) && member.shares_with_one_more();
            if waits && shares {
                return Err(format!("a connection waits while it may share a lane of {key:?}"));
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
        if self.keeper.neglects(self.now, &self.plan) {
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
        let floor = match self.keeper.floor {
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
}

impl PoolWorld {
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
            app: &self.plan.callers[connection].app,
            release: self.plan.release,
            may_lose_session: member.may_be_lost,
        };
        oracle::check_connection(&around, &self.facts[connection])
    }
}
