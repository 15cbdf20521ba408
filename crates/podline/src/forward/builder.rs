use std::sync::Arc;
use std::time::Duration;

use podline_cluster::{Cluster, RemotePort, Target};
use podline_tunnel::{PoolOptions, TransportChoice};
use podline_wire::pool::PoolConfig;

use super::{Balance, Forward, ForwardError};
use crate::{Address, LocalPort, PortSpec, TapSource};

/// kubectl's `--pod-running-timeout`.
const POD_RUNNING_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a connection is held that has no pod to go to.
const HOLD: Duration = Duration::from_secs(30);
/// How long a pod may be silent before an app that half-closed is given up.
const HALF_CLOSE_LINGER: Duration = Duration::from_secs(10);

/// What a forward is to be; [`ForwardBuilder::start`] makes it.
#[must_use = "nothing is forwarded before it is started"]
pub struct ForwardBuilder {
    pub(super) cluster: Cluster,
    pub(super) target: Target,
    pub(super) ports: Vec<PortSpec>,
    pub(super) all_ports: bool,
    pub(super) addresses: Vec<Address>,
    pub(super) pod_running_timeout: Duration,
    pub(super) settings: Settings,
}

/// What the tasks of a forward want to know of how it is to be.
pub(crate) struct Settings {
    /// Where none was asked for, the target decides.
    pub(crate) balance: Option<Balance>,
    pub(crate) exit_on_loss: bool,
    pub(crate) half_close_linger: Duration,
    pub(crate) hold: Duration,
    pub(crate) max_sessions: usize,
    pub(crate) require_ready: bool,
    pub(crate) stalled_reader: Duration,
    pub(crate) transport: TransportChoice,
    pub(crate) taps: Option<Arc<dyn TapSource>>,
}

impl ForwardBuilder {
    pub(super) fn new(cluster: Cluster, target: Target) -> Self {
        Self {
            cluster,
            target,
            ports: Vec::new(),
            all_ports: false,
            addresses: Vec::new(),
            pod_running_timeout: POD_RUNNING_TIMEOUT,
            settings: Settings {
                balance: None,
                exit_on_loss: false,
                half_close_linger: HALF_CLOSE_LINGER,
                hold: HOLD,
                max_sessions: PoolConfig::default().isolated,
                require_ready: false,
                stalled_reader: PoolOptions::default().stalled_reader,
                transport: TransportChoice::default(),
                taps: None,
            },
        }
    }

    /// Adds a port.
    pub fn port(mut self, port: PortSpec) -> Self {
        self.ports.push(port);
        self
    }

    /// Adds every TCP port that the target declares, each on the local port of the same number.
    pub fn all_ports(mut self, all: bool) -> Self {
        self.all_ports = all;
        self
    }

    /// Adds an address to listen on. Without any it is `localhost`.
    pub fn address(mut self, address: Address) -> Self {
        self.addresses.push(address);
        self
    }

    /// How sessions are asked for. By default by WebSocket, and by SPDY where that is refused.
    pub fn transport(mut self, transport: TransportChoice) -> Self {
        self.settings.transport = transport;
        self
    }

    /// How long to wait for a running pod at the start. One minute by default.
    pub fn pod_running_timeout(mut self, timeout: Duration) -> Self {
        self.pod_running_timeout = timeout;
        self
    }

    /// How long a connection is held while there is no pod for it. 30 seconds by default.
    pub fn hold(mut self, hold: Duration) -> Self {
        self.settings.hold = hold;
        self
    }

    /// How long a pod may be silent before the end of an app that half-closed is passed on to it, which ends the
    /// connection one second later. 10 seconds by default; zero passes it on at once, as kubectl does.
    pub fn half_close_linger(mut self, linger: Duration) -> Self {
        self.settings.half_close_linger = linger;
        self
    }

    /// Which of the target's pods each connection goes to. By default those of a service take turns, unless it keeps a client
    /// with one pod (`sessionAffinity: ClientIP`); of everything else it is always the first, as with kubectl.
    pub fn balance(mut self, balance: Balance) -> Self {
        self.settings.balance = Some(balance);
        self
    }

    /// How many sessions to a pod may be made so that each connection has its own, 64 by default. Beyond that, connections
    /// share them: nothing is lost then, but a slow app may delay others. Zero counts as one.
    pub fn max_sessions(mut self, sessions: usize) -> Self {
        self.settings.max_sessions = sessions.max(1);
        self
    }

    /// Whether a connection waits for a pod that is ready, rather than go to one that only runs where none is. No matter
    /// where the target is the pod itself: there, running is enough.
    pub fn require_ready(mut self, require: bool) -> Self {
        self.settings.require_ready = require;
        self
    }

    /// How long a connection may take nothing while another one waits behind it on the same session, before it is reset. 5
    /// seconds by default. One that delays nobody may take as long as it likes.
    pub fn stalled_reader(mut self, time: Duration) -> Self {
        self.settings.stalled_reader = time;
        self
    }

    /// Whether the forward ends when its pod is lost, as kubectl does, rather than waiting for a successor.
    pub fn exit_on_loss(mut self, exit: bool) -> Self {
        self.settings.exit_on_loss = exit;
        self
    }

    /// Who observes connections.
    pub fn taps(mut self, taps: impl TapSource) -> Self {
        self.settings.taps = Some(Arc::new(taps));
        self
    }

    /// Finds the target, waits for a pod of it, connects, and listens. When this returns, connections are served.
    ///
    /// # Errors
    /// Everything that keeps it from that; nothing is left behind then.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn start(self) -> Result<Forward, ForwardError> {
        Forward::start(self).await
    }
}

/// The ports that were named, then the declared ones that were not.
pub(super) fn with_all(mut ports: Vec<PortSpec>, declared: Vec<RemotePort>) -> Vec<PortSpec> {
    for remote in declared {
        if ports.iter().all(|port| port.remote != remote) {
            ports.push(PortSpec {
                local: LocalPort::Same,
                remote,
            });
        }
    }
    ports
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use super::*;

    #[test]
    fn declared_ports_come_behind_the_named_ones_and_once() {
        let named = vec!["8080:80".parse().unwrap()];
        let declared = vec!["443".parse().unwrap(), "80".parse().unwrap()];
        let all: Vec<String> = with_all(named, declared)
            .iter()
            .map(PortSpec::to_string)
            .collect();
        assert_eq!(all, ["8080:80", "443"]);
    }
}
