//! The pods of a target that connections go to, and those that they went to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use podline_cluster::{Found, RemotePort};
use podline_wire::Untrusted;

use super::super::Balance;
use super::super::backoff::Backoff;
use super::super::choice::{Candidate, Chosen, Health, Wanted};
use super::super::route::Route;
use super::super::served::ServedPod;
use super::super::sessions::Sessions;

/// The pods of a target that connections go to, and those that they went to.
pub(super) struct Roster {
    wanted: Wanted,
    pub(super) balance: Balance,
    remotes: Vec<RemotePort>,
    found: Found,
    /// By identity.
    entries: BTreeMap<String, Entry>,
    /// The identity of the pod that all connections go to, where they go to one.
    first: Option<String>,
}

/// What happened to pods that connections went to.
pub(super) struct Changes {
    /// They are not the target's any more.
    pub(super) missing: Vec<Arc<ServedPod>>,
    /// A container of them died, and how; they are not being deleted.
    pub(super) hurt: Vec<(Arc<ServedPod>, Untrusted)>,
}

/// One pod that was chosen once.
pub(super) struct Entry {
    pub(super) pod: Arc<ServedPod>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) health: Health,
    /// What speaks against its health.
    pub(super) reason: Option<Untrusted>,
    pub(super) backoff: Backoff,
    /// The way there, if connections take it now.
    route: Option<Arc<Route>>,
    /// Its sessions are not kept ready any more: others are needed before connections go there again.
    is_retired: bool,
}

impl Roster {
    pub(super) fn new(wanted: Wanted, balance: Balance, remotes: Vec<RemotePort>, found: Found) -> Self {
        Self {
            wanted,
            balance,
            remotes,
            found,
            entries: BTreeMap::new(),
            first: None,
        }
    }

    /// The target's pods are these now. Gives what happened to those that connections went to.
    pub(super) fn handle_found(&mut self, found: Found) -> Changes {
        let mut missing: BTreeMap<&str, &Arc<ServedPod>> = self
            .entries
            .iter()
            .map(|(uid, entry)| (uid.as_str(), &entry.pod))
            .collect();
        let mut hurt = Vec::new();
        for pod in &found.pods {
            if let Some(known) = missing.remove(pod.uid.as_str())
                && let Some(death) = known.handle_sight(pod)
                && !pod.deleting
            {
                hurt.push((known.clone(), death));
            }
        }
        let missing: Vec<_> = missing.into_values().cloned().collect();
        for pod in &missing {
            self.forget(pod);
        }
        self.found = found;
        Changes { missing, hurt }
    }

    /// The target has no pods any more.
    pub(super) fn handle_none_found(&mut self) -> Changes {
        let mut none = self.found.clone();
        none.pods.clear();
        self.handle_found(none)
    }

    /// The pod is not among the target's any more. Its connections go on.
    pub(super) fn forget(&mut self, pod: &ServedPod) {
        self.found.pods.retain(|known| known.uid != pod.uid);
        if let Some(entry) = self.entries.remove(&pod.uid) {
            entry.sessions.retire();
        }
    }

    /// What is known of `pod`, if it is still one of the target's.
    pub(super) fn entry(&mut self, pod: &Arc<ServedPod>) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(&pod.uid)?;
        Arc::ptr_eq(&entry.pod, pod).then_some(entry)
    }

    /// Whether the pod was being deleted when it was seen last.
    pub(super) fn is_leaving(&self, pod: &ServedPod) -> bool {
        let mut pods = self.found.pods.iter();
        pods.any(|known| known.uid == pod.uid && known.deleting)
    }

    /// Whether the pod was there when the target was seen last, and not being deleted.
    pub(super) fn is_staying(&self, pod: &ServedPod) -> bool {
        let mut pods = self.found.pods.iter();
        pods.any(|known| known.uid == pod.uid && !known.deleting)
    }

    /// Where connections may go now, and whether that only makes do.
    pub(super) fn choose(&mut self) -> (Vec<Arc<Route>>, bool) {
        let Chosen {
            mut places,
            is_makeshift,
        } = self.wanted.choose(&self.candidates(&self.found, &[]));
        if self.balance == Balance::First {
            let pods = &self.found.pods;
            places.sort_by_key(|&place| self.first.as_ref() != Some(&pods[place].uid));
            self.first = places.first().map(|&place| pods[place].uid.clone());
        }
        let mut chosen = BTreeSet::new();
        let mut routes = Vec::with_capacity(places.len());
        for place in places {
            let route = self.route(place);
            chosen.insert(route.pod.uid.clone());
            routes.push(route);
        }
        for (uid, entry) in &mut self.entries {
            if !chosen.contains(uid) && entry.route.take().is_some() && entry.health == Health::Fine {
                entry.retire();
            }
        }
        (routes, is_makeshift)
    }

    /// Whether all that connections should go to, by what was `found`, are among the `refused`, and also which of those are
    /// on their way out.
    pub(super) fn is_refused(&self, found: Option<&Found>, refused: &[String]) -> bool {
        let found = found.unwrap_or(&self.found);
        let chosen = self.wanted.choose(&self.candidates(found, refused));
        let mut places = chosen.places.iter();
        !chosen.places.is_empty() && places.all(|&place| refused.contains(&found.pods[place].uid))
    }

    /// Pods that `refused` connections and are being deleted, by what was `found`: they will not take another one.
    pub(super) fn leaving(&self, found: &Found, refused: &[String]) -> Vec<Arc<ServedPod>> {
        let pods = found.pods.iter();
        pods.filter(|pod| pod.deleting && refused.contains(&pod.uid))
            .filter_map(|pod| Some(self.entries.get(&pod.uid)?.pod.clone()))
            .collect()
    }

    /// Why there is nowhere to go.
    pub(super) fn reason(&self) -> Untrusted {
        let mut reasons = self.entries.values();
        let is_unreachable = |entry: &&Entry| entry.health == Health::Unreachable;
        let unreachable = reasons
            .find(is_unreachable)
            .and_then(|entry| entry.reason.clone());
        unreachable.unwrap_or_else(|| {
            let target = &self.found.target;
            let runs = self
                .found
                .pods
                .iter()
                .any(|pod| pod.is_running() && !pod.deleting);
            let what = if runs { "ready" } else { "running" };
            if self.wanted.by_name && self.found.pods.is_empty() {
                Untrusted::new(format!("{target} does not exist"))
            } else if self.wanted.by_name {
                Untrusted::new(format!("{target} is not {what}"))
            } else {
                Untrusted::new(format!("no pod of {target} is {what}"))
            }
        })
    }

    /// Gives every pod new sessions; connections on the old ones go on.
    pub(super) fn renew_sessions(&mut self) {
        for entry in self.entries.values_mut().filter(|entry| !entry.is_retired) {
            entry.retire();
            entry.renew();
        }
    }

    fn candidates(&self, found: &Found, refused: &[String]) -> Vec<Candidate> {
        let candidate = |pod: &podline_cluster::Pod| {
            let entry = self.entries.get(&pod.uid);
            let health = if pod.deleting && refused.contains(&pod.uid) {
                Health::Gone
            } else {
                entry.map_or(Health::Fine, |entry| entry.health)
            };
            Candidate::of(pod, health, entry.is_some_and(|entry| entry.route.is_some()))
        };
        found.pods.iter().map(candidate).collect()
    }

    /// The way to the pod at `place`.
    fn route(&mut self, place: usize) -> Arc<Route> {
        let pod = &self.found.pods[place];
        let ports = Route::ports(&self.found, pod, &self.remotes);
        let entry = self.entries.entry(pod.uid.clone()).or_insert_with(|| {
            let pod = Arc::new(ServedPod::new(&self.found, pod));
            Entry {
                sessions: Arc::new(Sessions::new(pod.clone())),
                pod,
                health: Health::Fine,
                reason: None,
                backoff: Backoff::new(),
                route: None,
                is_retired: false,
            }
        });
        entry.renew();
        let is_right =
            |route: &&Arc<Route>| route.ports == ports && Arc::ptr_eq(&route.sessions, &entry.sessions);
        if let Some(route) = entry.route.as_ref().filter(is_right) {
            return route.clone();
        }
        let route = Arc::new(Route {
            pod: entry.pod.clone(),
            ports,
            sessions: entry.sessions.clone(),
        });
        entry.route = Some(route.clone());
        route
    }
}

impl Entry {
    /// The pod does not take connections now.
    pub(super) fn handle_trouble(&mut self, health: Health, reason: Untrusted) {
        self.health = health;
        self.reason = Some(reason);
        self.route = None;
        if health == Health::Gone {
            self.retire();
        }
    }

    /// The pod can be connected to.
    pub(super) fn handle_way(&mut self) {
        self.health = Health::Fine;
        self.reason = None;
        self.backoff = Backoff::new();
    }

    /// Makes sure that its sessions are kept ready.
    pub(super) fn renew(&mut self) {
        if self.is_retired {
            self.sessions = Arc::new(Sessions::new(self.pod.clone()));
            self.is_retired = false;
        }
    }

    fn retire(&mut self) {
        self.sessions.retire();
        self.is_retired = true;
    }
}
