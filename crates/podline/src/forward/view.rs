use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use podline_cluster::Target;
use podline_tunnel::{PodAddress, Transport, TransportChoice};
use podline_wire::Untrusted;

use super::route::Standing;
use super::served::ServedPod;
use super::shared::Shared;

/// A look at a forward, for as long as it lives. Keeps nothing alive.
#[derive(Clone)]
pub struct ForwardView {
    shared: Weak<Shared>,
}

/// One pod behind a forward, as it is now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PodView {
    /// Its namespace and name.
    pub address: PodAddress,
    /// Its address in the cluster, if it is known.
    pub ip: Option<IpAddr>,
    /// Connections that are open.
    pub connections: usize,
    /// Sessions that are ready, those included that connections use.
    pub sessions: usize,
    /// How it is.
    pub state: PodState,
}

/// How a pod behind a forward is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PodState {
    /// It does not exist any more.
    Gone,
    /// It gets no new connections; those that it has go on.
    Leaving,
    /// It gets connections, though it is not ready.
    NotReady,
    /// It gets connections.
    Ready,
}

impl PodState {
    /// In a word or two, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Leaving => "leaving",
            Self::NotReady => "not ready",
            Self::Ready => "ready",
        }
    }
}

impl ForwardView {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::downgrade(shared),
        }
    }

    /// What it forwards to; `None` when it is no more.
    pub fn target(&self) -> Option<Target> {
        Some(self.shared.upgrade()?.target.clone())
    }

    /// The pods that connections go to, and those that still have some, by name.
    pub fn pods(&self) -> Vec<PodView> {
        let Some(shared) = self.shared.upgrade() else {
            return Vec::new();
        };
        let mut pods = BTreeMap::new();
        if let Standing::Serving(routes) = &*shared.standing.borrow() {
            for route in &routes.routes {
                enter(&mut pods, &route.pod, true);
            }
        }
        for sessions in shared.sessions() {
            let pool = sessions.made();
            let ready = pool.map_or(0, podline_tunnel::Pool::sessions);
            if let Some(view) = enter(&mut pods, sessions.pod(), false) {
                view.sessions += ready;
            }
        }
        let mut pods: Vec<PodView> = pods.into_values().collect();
        pods.sort_by(|one, other| one.address.name.cmp(&other.address.name));
        pods
    }

    /// How sessions are made: as was asked for, or by what was fallen back to; `None` when it is no more.
    pub fn transport(&self) -> Option<Transport> {
        let shared = self.shared.upgrade()?;
        Some(match shared.settings.transport {
            TransportChoice::Auto if !shared.fell_back.load(Ordering::Relaxed) => Transport::Websocket,
            TransportChoice::Websocket => Transport::Websocket,
            TransportChoice::Auto | TransportChoice::Spdy => Transport::Spdy,
        })
    }

    /// How many connections are open, those included that are held.
    pub fn connections(&self) -> usize {
        self.shared.upgrade().map_or(0, |shared| shared.register.open())
    }

    /// How many connections are held, for there is no pod to go to.
    pub fn held(&self) -> usize {
        self.shared.upgrade().map_or(0, |shared| *shared.held.borrow())
    }

    /// Why connections are held, if they are.
    pub fn waiting(&self) -> Option<Untrusted> {
        self.shared.upgrade()?.lost_reason()
    }

    /// Ends connection `id`: the app's connection is reset, as is the pod's. Says whether it was open.
    pub fn end_connection(&self, id: u64) -> bool {
        self.shared
            .upgrade()
            .is_some_and(|shared| shared.register.end(id))
    }
}

impl fmt::Debug for ForwardView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForwardView").finish_non_exhaustive()
    }
}

/// The view of `pod`, made if there is none. One that connections do not go to any more is there only while it has some.
fn enter<'a>(
    pods: &'a mut BTreeMap<String, PodView>,
    pod: &ServedPod,
    is_served: bool,
) -> Option<&'a mut PodView> {
    let connections = pod.open();
    if !is_served && connections == 0 && !pods.contains_key(&pod.uid) {
        return None;
    }
    Some(pods.entry(pod.uid.clone()).or_insert_with(|| PodView {
        address: pod.address.clone(),
        ip: pod.ip,
        connections,
        sessions: 0,
        state: state(pod, is_served),
    }))
}

fn state(pod: &ServedPod, is_served: bool) -> PodState {
    let life = pod.life.borrow();
    if life.is_gone() {
        PodState::Gone
    } else if !is_served {
        PodState::Leaving
    } else if life.is_failing {
        PodState::NotReady
    } else {
        PodState::Ready
    }
}
