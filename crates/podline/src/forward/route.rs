use std::sync::Arc;

use podline_cluster::{Found, Pod, RemotePort};
use podline_wire::Untrusted;

use super::Balance;
use super::served::ServedPod;
use super::sessions::Sessions;
use crate::reason::reason;

/// A way that connections take now: a pod, its ports and its sessions. Connections keep the one they were given; when
/// the last of them has ended, the sessions are closed.
pub(super) struct Route {
    pub(super) pod: Arc<ServedPod>,
    /// The port inside the pod for each port of the forward, or why there is none.
    pub(super) ports: Box<[Result<u16, Untrusted>]>,
    pub(super) sessions: Arc<Sessions>,
}

/// The ways that connections take now.
pub(super) struct Routes {
    /// Counts the changes of a forward's routes. A connection for which one failed waits for later ones.
    pub(super) generation: u64,
    pub(super) balance: Balance,
    pub(super) routes: Vec<Arc<Route>>,
}

/// Where connections go now.
#[derive(Clone)]
pub(super) enum Standing {
    /// Nowhere: they are held.
    Lost(Untrusted),
    Serving(Arc<Routes>),
}

impl Route {
    /// The port inside `pod` for each port of the forward, or why there is none.
    pub(super) fn ports(found: &Found, pod: &Pod, remotes: &[RemotePort]) -> Box<[Result<u16, Untrusted>]> {
        let port = |remote| found.endpoint(pod, remote).map_err(|error| reason(&error));
        remotes.iter().map(port).collect()
    }
}

impl Routes {
    /// The route for the next connection to the forward's port number `index`; none of those that `refused` it. `turn`
    /// counts connections.
    pub(super) fn pick(&self, turn: usize, index: usize, refused: &[Arc<Route>]) -> Option<&Arc<Route>> {
        let is_new = |place: usize| {
            !refused
                .iter()
                .any(|refused| Arc::ptr_eq(refused, &self.routes[place]))
        };
        let pick = |fits: &dyn Fn(usize) -> bool| {
            let open = |place: usize| self.routes[place].pod.open();
            self.balance.pick(self.routes.len(), turn, fits, open)
        };
        // A pod may lack a port that others have while a rollout renames it.
        let place = pick(&|place| is_new(place) && self.routes[place].ports[index].is_ok());
        place.or_else(|| pick(&is_new)).map(|place| &self.routes[place])
    }
}
