use std::sync::Arc;

use podline_cluster::{Found, Pod, RemotePort, Target};
use podline_tunnel::{PodAddress, Pool};
use podline_wire::Untrusted;
use tokio_util::sync::CancellationToken;

use crate::reason::reason;

/// The way that connections take now: a pod, its ports and the pool of its sessions. Connections keep the one they were
/// given; when the last of them has ended, the pool closes its sessions.
pub(crate) struct Route {
    /// Counts the routes of a forward, from 1. A connection for which one failed waits for a later one.
    pub(crate) generation: u64,
    pub(crate) pod: PodAddress,
    /// The pod's identity: a successor of the same name has another.
    pub(crate) uid: String,
    /// What would replace the pod, where the forward's target is the pod itself.
    pub(crate) owner: Option<Target>,
    /// The port inside the pod for each port of the forward, or why there is none.
    pub(crate) ports: Arc<[Result<u16, Untrusted>]>,
    pub(crate) pool: Pool,
    /// Cancelled some time after the pod has ceased to exist: what is left of its connections is dead.
    pub(crate) gone: CancellationToken,
}

impl Route {
    pub(crate) fn new(generation: u64, found: &Found, pod: &Pod, remotes: &[RemotePort], pool: Pool) -> Self {
        let owner = pod.owner.as_ref().filter(|_| found.target.kind.is_pod());
        Self {
            generation,
            pod: address_of(pod),
            uid: pod.uid.clone(),
            owner: owner.map(|owner| owner.target.clone()),
            ports: remotes
                .iter()
                .map(|remote| found.endpoint(pod, remote).map_err(|error| reason(&error)))
                .collect(),
            pool,
            gone: CancellationToken::new(),
        }
    }
}

/// Where connections go now.
#[derive(Clone)]
pub(crate) enum Standing {
    /// Nowhere: they are held.
    Lost(Untrusted),
    Serving(Arc<Route>),
}

/// A route does not work.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) generation: u64,
    /// The pod itself is gone, rather than the way to it.
    pub(crate) is_gone: bool,
    pub(crate) reason: Untrusted,
}

pub(crate) fn address_of(pod: &Pod) -> PodAddress {
    PodAddress {
        namespace: pod.namespace.clone(),
        name: pod.name.clone(),
    }
}
