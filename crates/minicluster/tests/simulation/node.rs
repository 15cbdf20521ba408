//! The far end of a session: a container runtime and the pods' programs.

use std::{collections::BTreeMap, time::Duration};

use bytes::{Bytes, BytesMut};
use podline_minicluster::node::runtime::{
    Action, DialFailure, Flavor, PairId, Place, Profile, ReplyFault, Runtime,
};
use podline_wire::Time;

use crate::{
    facts::{DialKind, Facts},
    framing::Framing,
    network::{Arrival, CutKind, Direction},
    pod::{Pod, PodEndHow, PodPlan, Told},
};

/// The port of the first connection; the others follow.
pub(crate) const FIRST_PORT: u16 = 1000;

/// Bytes taken from the runtime at a time.
const TRANSMIT: usize = 16 * 1024;

/// The node's end of one session.
#[derive(Debug)]
pub(crate) struct Node {
    runtime: Runtime,
    framing: Framing,
    pods: BTreeMap<PairId, Pod>,
    /// Bytes of the session that the runtime has not taken.
    unread: BytesMut,
    /// Bytes for the network that it has not taken.
    unsent: BytesMut,
    /// Nothing more comes or goes.
    disconnected: bool,
    hung_up: bool,
    /// The reader stood in front of a full queue.
    blocked: bool,
}

impl Node {
    pub(crate) fn new(now: Time, flavor: Flavor, reply: ReplyFault, framing: Framing) -> Self {
        let profile = Profile {
            flavor,
            idle_timeout: Duration::from_secs(4 * 60 * 60),
            place: Place {
                network_namespace: "/var/run/netns/cni-1".into(),
                sandbox: "5afe".into(),
            },
            reply,
        };
        Self {
            runtime: Runtime::new(profile, now),
            framing,
            pods: BTreeMap::new(),
            unread: BytesMut::new(),
            unsent: BytesMut::new(),
            disconnected: false,
            hung_up: false,
            blocked: false,
        }
    }

    /// Whether the runtime ended the session, and all that it sent is on its way.
    pub(crate) fn has_hung_up(&self) -> bool {
        self.hung_up && self.unsent.is_empty()
    }

    /// Whether the reader stands in front of a full queue: then the whole session stands.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked
    }

    pub(crate) fn connections(&self) -> usize {
        self.runtime.connections()
    }

    /// Streams that the runtime has not forgotten.
    pub(crate) fn streams(&self) -> usize {
        self.runtime.streams()
    }

    /// The client's end is gone.
    pub(crate) fn disconnect(&mut self, now: Time) {
        if !std::mem::replace(&mut self.disconnected, true) {
            self.unread.clear();
            self.unsent.clear();
            self.runtime.handle_disconnect(now);
        }
    }

    /// Whether nothing comes from the client any more.
    pub(crate) fn is_disconnected(&self) -> bool {
        self.disconnected
    }

    /// The pod's programs end, and all connections into it with them.
    pub(crate) fn kill(&mut self, now: Time, how: PodEndHow, facts: &mut [Facts]) {
        for pod in self.pods.values_mut() {
            pod.kill(now, how, &mut facts[pod.connection()]);
        }
    }

    /// Lets all pods read everything and end.
    pub(crate) fn release(&mut self) {
        for pod in self.pods.values_mut() {
            pod.release();
        }
    }

    pub(crate) fn next(&self) -> Option<Time> {
        let pods = self.pods.values().filter_map(Pod::next);
        let runtime = self.runtime.poll_timeout().map(|(at, _)| at);
        pods.chain(runtime).min()
    }

    /// Does what can be done now; true if something was.
    pub(crate) fn step(
        &mut self,
        now: Time,
        up: &mut Direction,
        down: &mut Direction,
        plans: &[PodPlan],
        facts: &mut [Facts],
    ) -> Result<bool, String> {
        let mut progress = self.receive(now, up);
        if self.runtime.poll_timeout().is_some_and(|(at, _)| at <= now) {
            self.runtime.handle_timeout(now);
            progress = true;
        }
        progress |= self.perform(now, plans, facts);
        progress |= self.run_pods(now, facts)?;
        progress |= self.transmit(now, down);
        self.blocked =
            !self.runtime.wants_input() && !self.disconnected && !self.hung_up && self.unsent.is_empty();
        Ok(progress)
    }

    fn receive(&mut self, now: Time, up: &mut Direction) -> bool {
        let mut progress = false;
        while !self.disconnected {
            if !self.unread.is_empty() {
                let before = self.unread.len();
                let mut input = &self.unread[..];
                self.runtime.handle_input(now, &mut input);
                let left = input.len();
                let _taken = self.unread.split_to(before - left);
                progress |= left < before;
                if left > 0 {
                    return progress;
                }
            }
            match up.receive(now) {
                Some(Arrival::Bytes(bytes)) => {
                    self.framing.unwrap(&bytes, &mut self.unread, &mut self.unsent);
                }
                Some(Arrival::Cut(CutKind::End | CutKind::Reset | CutKind::Silence)) => {
                    self.disconnect(now);
                }
                None => return progress,
            }
            progress = true;
        }
        progress
    }

    fn perform(&mut self, now: Time, plans: &[PodPlan], facts: &mut [Facts]) -> bool {
        let mut progress = false;
        while let Some(action) = self.runtime.poll_action() {
            progress = true;
            match action {
                Action::Dial { pair, port } => {
                    let connection = usize::from(port - FIRST_PORT);
                    self.pods
                        .insert(pair, Pod::new(connection, &plans[connection], now));
                }
                Action::ReadPod { pair } => {
                    if let Some(pod) = self.pods.get_mut(&pair) {
                        pod.read();
                    }
                }
                Action::WritePod { pair, bytes } => {
                    if let Some(pod) = self.pods.get_mut(&pair) {
                        pod.write(bytes);
                    }
                }
                Action::ClosePod { pair } => {
                    if let Some(pod) = self.pods.remove(&pair) {
                        facts[pod.connection()].closed = Some(now);
                    }
                }
                Action::HangUp => self.hung_up = true,
                _ => {}
            }
        }
        progress
    }

    fn run_pods(&mut self, now: Time, facts: &mut [Facts]) -> Result<bool, String> {
        let mut progress = false;
        let pairs: Vec<PairId> = self.pods.keys().copied().collect();
        for pair in pairs {
            let Some(pod) = self.pods.get_mut(&pair) else {
                continue;
            };
            let connection = pod.connection();
            let told = pod
                .step(now, &mut facts[connection])
                .map_err(|error| format!("connection {connection}: {error}"))?;
            let Some(told) = told else { continue };
            progress = true;
            match told {
                Told::Bytes(bytes) => self.runtime.handle_pod_bytes(now, pair, &bytes),
                Told::Dialed => {
                    let local = ([127, 0, 0, 1], 40_000).into();
                    self.runtime.handle_dialed(now, pair, local);
                }
                Told::DialFailed(kind) => {
                    self.pods.remove(&pair);
                    let failure = match kind {
                        DialKind::NamespaceClosed => DialFailure::NamespaceClosed,
                        DialKind::Refused => DialFailure::Refused,
                        DialKind::Reset => DialFailure::Reset,
                        DialKind::TimedOut => DialFailure::TimedOut,
                    };
                    self.runtime.handle_dial_failure(now, pair, failure);
                }
                Told::End(end) => self.runtime.handle_pod_end(now, pair, end),
                Told::Nothing => {}
                Told::Written(result) => self.runtime.handle_pod_written(now, pair, result),
            }
        }
        Ok(progress)
    }

    fn transmit(&mut self, now: Time, down: &mut Direction) -> bool {
        let mut progress = false;
        loop {
            if !self.unsent.is_empty() {
                let sent = down.send(now, &self.unsent);
                let _sent: Bytes = self.unsent.split_to(sent).freeze();
                progress |= sent > 0;
                if !self.unsent.is_empty() {
                    return progress;
                }
            }
            let Some(bytes) = self.runtime.poll_transmit(now, TRANSMIT) else {
                return progress;
            };
            progress = true;
            if !self.disconnected {
                self.framing.wrap(&bytes, &mut self.unsent);
            }
        }
    }
}
