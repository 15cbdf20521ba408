//! The network and the node under one connection of the shell.

use std::{sync::Arc, task::Waker};

use podline_wire::Time;
use tokio::sync::Notify;

use crate::{
    facts::Facts,
    network::{Arrival, CutKind, Direction},
    node::Node,
    pod::PodPlan,
};

/// What is at the other end of one connection.
#[derive(Debug)]
pub(super) struct Remote {
    up: Direction,
    down: Direction,
    pub(super) node: Node,
    client_left: bool,
    node_left: bool,
    /// Both ends were told that the connection is lost.
    severed: bool,
    /// The network may end the session.
    pub(super) may_be_lost: bool,
    pub(super) waiting: Vec<Waker>,
    /// Something was done that the time of the next step depends on.
    pub(super) changed: Arc<Notify>,
}

impl Remote {
    pub(super) fn new(up: Direction, down: Direction, node: Node, may_be_lost: bool) -> Self {
        Self {
            up,
            down,
            node,
            client_left: false,
            node_left: false,
            severed: false,
            may_be_lost,
            waiting: Vec::new(),
            changed: Arc::default(),
        }
    }

    /// Does what can be done now.
    pub(super) fn step(&mut self, now: Time, pods: &[PodPlan], facts: &mut [Facts]) -> Result<(), String> {
        while self.node.step(now, &mut self.up, &mut self.down, pods, facts)? {}
        if (self.node.is_disconnected() || self.node.has_hung_up()) && !self.node_left {
            self.node_left = true;
            self.down.end(now);
        }
        Ok(())
    }

    /// When there is something to do again.
    pub(super) fn next(&self, now: Time) -> Option<Time> {
        let up = self.up.next().filter(|_| !self.node.is_disconnected());
        let down = self.down.next().filter(|_| !self.client_left);
        [up, down, self.node.next()]
            .into_iter()
            .flatten()
            .filter(|at| *at > now)
            .min()
    }

    /// Takes bytes of the client; gives how many.
    pub(super) fn send(&mut self, now: Time, bytes: &[u8]) -> usize {
        self.up.send(now, bytes)
    }

    /// What has arrived for the client.
    pub(super) fn receive(&mut self, now: Time) -> Option<Arrival> {
        if self.severed {
            return Some(Arrival::Cut(CutKind::Reset));
        }
        self.down.receive(now)
    }

    /// The client closes the connection.
    pub(super) fn leave(&mut self, now: Time) {
        if !std::mem::replace(&mut self.client_left, true) {
            self.up.end(now);
        }
    }

    pub(super) fn has_client(&self) -> bool {
        !self.client_left
    }

    pub(super) fn cut(&mut self, now: Time, kind: CutKind) {
        self.up.cut(now, kind);
        self.down.cut(now, kind);
        self.may_be_lost = true;
    }

    /// From here on the network does no harm, and what it has swallowed is told.
    pub(super) fn heal(&mut self, now: Time) {
        self.up.heal();
        self.down.heal();
        if self.up.is_silent() || self.down.is_silent() {
            self.severed = true;
            self.node.disconnect(now);
        }
    }
}
