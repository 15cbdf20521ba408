//! A node in one process: the kubelet's streaming endpoint, a container runtime and the pods' processes.
//!
//! The runtime's behaviour is a pure state machine ([`runtime`]); the rest performs it on tokio with real loopback
//! sockets to the pods' listeners, so that an orderly end, a reset and a refusal are the kernel's own.

mod faults;
mod pod;
pub mod runtime;
mod sandbox;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;

pub use faults::{FaultSettings, Faults, UpgradeFault};
use pod::Pod;
pub(crate) use sandbox::Sandbox;

/// The node that runs all pods of the cluster. Dropping it ends their processes and all sessions.
pub(crate) struct Node {
    faults: Faults,
    pods: Mutex<BTreeMap<String, Arc<Pod>>>,
}

impl Node {
    pub(crate) fn new(faults: Faults) -> Self {
        Self {
            faults,
            pods: Mutex::default(),
        }
    }

    /// Runs a pod: a loopback listener for each port that serves. The same uid again is an error.
    pub(crate) async fn start_pod(&self, sandbox: Sandbox) -> io::Result<()> {
        let pod = Arc::new(Pod::new(sandbox));
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
            pod.kill().await;
            pod.close();
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

    /// Answers an upgrade request for a pod of that name and, after a 101, serves the session in a task of its own.
    pub(crate) async fn port_forward(
        &self,
        _request: Request<Incoming>,
        namespace: &str,
        name: &str,
    ) -> Response<Full<Bytes>> {
        let _ = (namespace, name, &self.faults);
        let mut response = Response::new(Full::new(Bytes::from_static(b"pod does not exist\n")));
        *response.status_mut() = StatusCode::NOT_FOUND;
        response
    }

    fn pods(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Pod>>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
