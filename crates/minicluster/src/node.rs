//! A node in one process: the kubelet's streaming endpoint, a container runtime and the pods' processes.
//!
//! The runtime's behaviour is a pure state machine ([`runtime`]); the rest performs it on tokio with real loopback
//! sockets to the pods' listeners, so that an orderly end, a reset and a refusal are the kernel's own.

mod channels;
mod faults;
mod framing;
mod link;
mod pod;
pub mod runtime;
mod sandbox;
mod session;
#[cfg(test)]
mod tests;
mod upgrade;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::{body::Incoming, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use channels::Channels;
use faults::Commands;
pub use faults::{ApiFault, FaultSettings, Faults, UpgradeFault};
use framing::Framing;
use pod::Pod;
pub(crate) use sandbox::Sandbox;
use session::Session;
use upgrade::{Refusal, Upgrade};

/// Sessions of the whole node; above it upgrades are answered with 429.
const MAX_SESSIONS: usize = 4096;

/// The node that runs all pods of the cluster. Dropping it ends their processes and all sessions.
pub(crate) struct Node {
    faults: Faults,
    /// By uid.
    pods: Mutex<BTreeMap<String, Arc<Pod>>>,
    sessions: TaskTracker,
    /// A clone for each connection into a pod.
    connections: Arc<()>,
    ended: CancellationToken,
}

impl Node {
    pub(crate) fn new(faults: Faults) -> Self {
        Self {
            faults,
            pods: Mutex::default(),
            sessions: TaskTracker::new(),
            connections: Arc::new(()),
            ended: CancellationToken::new(),
        }
    }

    /// Runs a pod: a loopback listener for each port that serves. The same uid again is an error.
    pub(crate) async fn start_pod(&self, sandbox: Sandbox) -> io::Result<()> {
        let pod = Arc::new(Pod::new(sandbox, &self.connections));
        let uid = pod.sandbox().uid.clone();
        {
            let mut pods = self.pods();
            if pods.contains_key(&uid) {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    format!("pod {uid} runs already"),
                ));
            }
            pods.insert(uid.clone(), Arc::clone(&pod));
        }
        pod.start().await.inspect_err(|_| {
            self.pods().remove(&uid);
        })
    }

    /// Deletes a pod: its processes end, so their connections do, and its network namespace goes away. Sessions to it
    /// live on and refuse new connections.
    pub(crate) async fn stop_pod(&self, uid: &str) {
        let pod = self.pods().remove(uid);
        if let Some(pod) = pod {
            pod.close();
            pod.kill().await;
        }
    }

    /// Kills a pod's processes as `kill -9` does; the pod stays and nothing listens in it until
    /// [`Self::restart_processes`].
    pub(crate) async fn kill_processes(&self, uid: &str) {
        let pod = self.pods().get(uid).cloned();
        if let Some(pod) = pod {
            pod.kill().await;
        }
    }

    /// Starts a pod's processes again, as the kubelet does after a crash.
    pub(crate) async fn restart_processes(&self, uid: &str) -> io::Result<()> {
        let pod = self.pods().get(uid).cloned();
        match pod {
            Some(pod) => {
                pod.kill().await;
                pod.start().await
            }
            None => Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("no pod {uid} runs"),
            )),
        }
    }

    /// Live sessions, those included that the peer has left and that something in the pod still holds.
    pub(crate) fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Live connections into pods.
    pub(crate) fn pod_connections(&self) -> usize {
        // One is the node's own.
        Arc::strong_count(&self.connections) - 1
    }

    /// What the API server answers to every request, if it does not serve it.
    pub(crate) async fn api_fault(&self) -> Option<Response<Full<Bytes>>> {
        match self.faults.settings().api {
            ApiFault::Answer(status) => Some(Refusal::of_fault(status, "").response()),
            ApiFault::Hang => std::future::pending().await,
            ApiFault::None => None,
        }
    }

    /// Answers an upgrade request for a pod of that name and, after a 101, serves the session in a task of its own.
    pub(crate) async fn port_forward(
        &self,
        mut request: Request<Incoming>,
        namespace: &str,
        name: &str,
    ) -> Response<Full<Bytes>> {
        let settings = self.faults.settings();
        match settings.upgrade {
            UpgradeFault::Answer(status) => return Refusal::of_fault(status, name).response(),
            UpgradeFault::Hang => std::future::pending().await,
            UpgradeFault::None => {}
        }
        let upgraded = hyper::upgrade::on(&mut request);
        match self.upgrade(&request, upgraded, namespace, name, &settings) {
            Ok(response) => response,
            Err(refusal) => refusal.response(),
        }
    }

    fn upgrade<B>(
        &self,
        request: &Request<B>,
        upgraded: OnUpgrade,
        namespace: &str,
        name: &str,
        settings: &FaultSettings,
    ) -> Result<Response<Full<Bytes>>, Refusal> {
        let upgrade = Upgrade::negotiate(request, settings.websocket_tunnel)?;
        let pod = self
            .find(namespace, name)
            .ok_or_else(|| Refusal::text(StatusCode::NOT_FOUND, "pod does not exist"))?;
        if self.sessions.len() >= MAX_SESSIONS {
            return Err(Refusal::of_fault(StatusCode::TOO_MANY_REQUESTS, name));
        }
        let response = upgrade.response();
        // From before the answer on: what is commanded once a client has its 101 is meant for this session too.
        let commands = self.faults.commands();
        let serve = serve(upgraded, upgrade, pod, self.faults.clone(), commands);
        self.sessions
            .spawn(self.ended.clone().run_until_cancelled_owned(serve));
        Ok(response)
    }

    fn find(&self, namespace: &str, name: &str) -> Option<Arc<Pod>> {
        let named = |pod: &&Arc<Pod>| pod.sandbox().namespace == namespace && pod.sandbox().name == name;
        self.pods().values().find(named).cloned()
    }

    fn pods(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Pod>>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

/// Serves one session once the client has its 101.
async fn serve(upgraded: OnUpgrade, upgrade: Upgrade, pod: Arc<Pod>, faults: Faults, mut commands: Commands) {
    let io = match upgraded.await {
        Ok(upgraded) => link::link(Box::new(TokioIo::new(upgraded)), &faults.settings()),
        Err(error) => {
            tracing::debug!(%error, "upgrade failed");
            return;
        }
    };
    match upgrade {
        Upgrade::Channels { protocol, ports, .. } => {
            let text = Upgrade::is_text(protocol);
            let channels = Channels {
                ports,
                text,
                pod,
                faults,
            };
            tokio::select! {
                () = channels.run(io) => {}
                () = commands.cut() => {}
            }
        }
        Upgrade::Spdy => {
            Session::new(io, Framing::Plain, pod, &faults, commands)
                .run()
                .await;
        }
        Upgrade::Tunnel { .. } => {
            Session::new(io, Framing::tunnel(), pod, &faults, commands)
                .run()
                .await;
        }
    }
}
