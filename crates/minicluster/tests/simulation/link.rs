//! One session from end to end.

use podline_wire::Time;

use crate::{
    app::App,
    client::{Client, Loss},
    facts::Facts,
    network::{CutKind, Direction},
    node::Node,
    pod::PodPlan,
};

/// A session, the network under it and the node behind that.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) client: Client,
    pub(crate) node: Node,
    up: Direction,
    down: Direction,
    /// Which ends are gone.
    client_left: bool,
    node_left: bool,
}

impl Link {
    pub(crate) fn new(client: Client, node: Node, up: Direction, down: Direction) -> Self {
        Self {
            client,
            node,
            up,
            down,
            client_left: false,
            node_left: false,
        }
    }

    pub(crate) fn next(&self, now: Time, apps: &[App]) -> Option<Time> {
        let down = self
            .down
            .next()
            .filter(|_| self.client.is_reading() && !self.client_left);
        let up = self.up.next().filter(|_| !self.node.is_disconnected());
        [down, up, self.client.next(now, apps), self.node.next()]
            .into_iter()
            .flatten()
            .filter(|at| *at > now)
            .min()
    }

    /// Both ends are told that the connection is lost.
    pub(crate) fn sever(&mut self, now: Time, apps: &mut [App], facts: &mut [Facts]) {
        self.client.lose(now, Loss::Cut, apps, facts);
        self.node.disconnect(now);
    }

    /// The client closes the connection, which nothing uses.
    pub(crate) fn leave(&mut self, now: Time) {
        self.client.leave(now, &mut self.up);
    }

    /// The network breaks, both ways.
    pub(crate) fn cut(&mut self, now: Time, kind: CutKind) {
        self.up.cut(now, kind);
        self.down.cut(now, kind);
    }

    /// The network does no harm from now on, except that what is silent stays so.
    pub(crate) fn heal(&mut self) {
        self.up.heal();
        self.down.heal();
    }

    /// Whether bytes of some direction vanish.
    pub(crate) fn is_silent(&self) -> bool {
        self.up.is_silent() || self.down.is_silent()
    }

    /// Does what can be done now; true if something was.
    pub(crate) fn step(
        &mut self,
        now: Time,
        apps: &mut [App],
        plans: &[PodPlan],
        facts: &mut [Facts],
    ) -> Result<bool, String> {
        let mut progress = self.client.step(now, &mut self.up, &mut self.down, apps, facts)?;
        progress |= self.node.step(now, &mut self.up, &mut self.down, plans, facts)?;
        if self.client.loss().is_some() && !self.client_left {
            self.client_left = true;
            self.up.end(now);
            progress = true;
        }
        if (self.node.is_disconnected() || self.node.has_hung_up()) && !self.node_left {
            self.node_left = true;
            self.down.end(now);
            progress = true;
        }
        Ok(progress)
    }
}
