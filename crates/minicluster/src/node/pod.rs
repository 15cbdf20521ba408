use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{FaultSettings, Sandbox, runtime::DialFailure};
use crate::workload::{Workload, hex, serve};

/// One pod on the node: its sandbox and the processes in it.
pub(super) struct Pod {
    sandbox: Sandbox,
    /// The runtime's id of the sandbox, 64 hex digits.
    id: String,
    network_namespace: String,
    /// What each connection into the pod holds, while the node is there to count.
    connections: Weak<()>,
    state: Mutex<State>,
}

/// A connection into a pod, which is counted while it lives.
pub(super) struct PodConnection {
    pub(super) stream: TcpStream,
    _counted: Option<Arc<()>>,
}

struct State {
    /// Whether the sandbox's network namespace is gone.
    closed: bool,
    listening: BTreeMap<u16, SocketAddr>,
    processes: Processes,
}

/// The tasks that stand for the pod's processes; ending them closes all their sockets.
struct Processes {
    ended: CancellationToken,
    tasks: TaskTracker,
}

impl Pod {
    /// A pod without processes.
    pub(super) fn new(sandbox: Sandbox, connections: &Arc<()>) -> Self {
        let digest = hex(&Sha256::digest(sandbox.uid.as_bytes()));
        let part = |from: usize, length: usize| &digest[from..from + length];
        let network_namespace = format!(
            "/var/run/netns/cni-{}-{}-{}-{}-{}",
            part(0, 8),
            part(8, 4),
            part(12, 4),
            part(16, 4),
            part(20, 12)
        );
        let id = hex(&Sha256::digest(digest.as_bytes()));
        let state = State {
            closed: false,
            listening: BTreeMap::new(),
            processes: Processes::new(),
        };
        Self {
            sandbox,
            id,
            network_namespace,
            connections: Arc::downgrade(connections),
            state: Mutex::new(state),
        }
    }

    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// The runtime's id of the sandbox.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The path of the sandbox's network namespace.
    pub(super) fn network_namespace(&self) -> &str {
        &self.network_namespace
    }

    /// Starts the processes: one loopback listener for each port that serves.
    pub(super) async fn start(&self) -> io::Result<()> {
        let processes = Processes::new();
        let mut listening = BTreeMap::new();
        for &(port, workload) in self
            .sandbox
            .ports
            .iter()
            .filter(|(_, workload)| workload.listens())
        {
            if let Workload::Outside(address) = workload {
                listening.insert(port, address);
                continue;
            }
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            listening.insert(port, listener.local_addr()?);
            let server = serve(listener, workload, Arc::from(self.sandbox.name.as_str()))?;
            let ended = processes.ended.clone();
            processes
                .tasks
                .spawn(async move { ended.run_until_cancelled(server).await });
        }
        let mut state = self.state();
        if !state.closed {
            state.listening = listening;
            state.processes = processes;
        }
        Ok(())
    }

    /// Kills the processes; their sockets are closed by the time this returns.
    pub(super) async fn kill(&self) {
        let processes = {
            let mut state = self.state();
            state.listening.clear();
            std::mem::replace(&mut state.processes, Processes::new())
        };
        processes.ended.cancel();
        processes.tasks.close();
        processes.tasks.wait().await;
    }

    /// Takes the network namespace away: no connection is made any more.
    pub(super) fn close(&self) {
        self.state().closed = true;
    }

    /// Connects as the runtime does from inside the network namespace.
    pub(super) async fn dial(&self, port: u16, faults: &FaultSettings) -> Result<PodConnection, DialFailure> {
        let unreachable =
            |&(served, workload): &(u16, Workload)| served == port && workload == Workload::Unreachable;
        let address = {
            let state = self.state();
            if state.closed {
                return Err(DialFailure::NamespaceClosed);
            }
            state.listening.get(&port).copied()
        };
        let counted = self.connections.upgrade();
        if faults.unanswered_ports.contains(&port) || self.sandbox.ports.iter().any(unreachable) {
            return std::future::pending().await;
        }
        let Some(address) = address.filter(|_| !faults.refusing_ports.contains(&port)) else {
            return Err(DialFailure::Refused);
        };
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| match error.kind() {
                io::ErrorKind::ConnectionRefused => DialFailure::Refused,
                io::ErrorKind::ConnectionReset => DialFailure::Reset,
                _ => DialFailure::Other(error.to_string()),
            })?;
        // The runtime's own setting; where it fails the connection is only slower.
        let _ = stream.set_nodelay(true);
        Ok(PodConnection {
            stream,
            _counted: counted,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Processes {
    fn new() -> Self {
        Self {
            ended: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}
