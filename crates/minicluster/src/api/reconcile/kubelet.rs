//! The kubelet: gives pods to the node, tells how they are, and takes them away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::api::objects::{Address, Object, Pod, Resource, Timestamp};
use crate::api::store::{State, Store};
use crate::node::{Node, Sandbox};
use crate::workload::{FIXED_PORTS, Workload};

/// The name of the only node.
pub(crate) const NODE_NAME: &str = "podline";

/// The node's address, as its pods' status has it. Nothing is reached by it.
const NODE_ADDRESS: &str = "10.200.0.2";

/// How many pods may have an address, and so run: those of 10.244.0.0/16 but for a few.
const MAX_ADDRESSES: u16 = 65_000;

/// How long to wait until a pod that could not be started is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// Runs the pods of the store on the node.
pub(crate) struct Kubelet {
    store: Store,
    node: Arc<Node>,
    /// What is known of each pod by its uid.
    pods: BTreeMap<String, Life>,
    tasks: JoinSet<Done>,
    /// When pods that could not be started are tried again.
    retry_at: Option<Instant>,
    /// The last address given; the next free one follows, so that a new pod seldom has an old one's.
    last_address: u16,
}

/// How far a pod is on the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// Could not be started.
    Failed,
    Running,
    Starting,
    Stopping,
}

enum Task {
    Forget(String),
    Start(Box<Pod>),
    Stop(String),
}

enum Done {
    Started { uid: String, error: Option<String> },
    Stopped { uid: String },
}

impl Kubelet {
    pub(crate) fn new(store: Store, node: Arc<Node>) -> Self {
        Self {
            store,
            node,
            pods: BTreeMap::new(),
            tasks: JoinSet::new(),
            retry_at: None,
            last_address: 1,
        }
    }

    /// Works until `shutdown`, then ends all pods.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut versions = self.store.versions();
        loop {
            versions.mark_unchanged();
            self.sync();
            tokio::select! {
                changed = versions.changed() => if changed.is_err() { break },
                Some(done) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    self.take(done);
                    // Many pods that start at once are looked at once.
                    while let Some(done) = self.tasks.try_join_next() {
                        self.take(done);
                    }
                }
                () = sleep_until(self.retry_at.unwrap_or_else(Instant::now)), if self.retry_at.is_some() => {
                    self.retry_at = None;
                    self.pods.retain(|_, life| *life != Life::Failed);
                }
                () = shutdown.cancelled() => break,
            }
        }
        self.tasks.shutdown().await;
        for uid in self.pods.keys() {
            self.node.stop_pod(uid).await;
        }
    }

    fn sync(&mut self) {
        for task in self.tasks_to_do() {
            match task {
                Task::Forget(uid) => {
                    self.pods.remove(&uid);
                    self.remove(&uid);
                }
                Task::Start(pod) => self.start(&pod),
                Task::Stop(uid) => self.stop(uid),
            }
        }
    }

    /// What the objects ask for, as far as it is not under way.
    fn tasks_to_do(&self) -> Vec<Task> {
        let state = self.store.read();
        let mut gone: BTreeSet<&String> = self.pods.keys().collect();
        let mut tasks = Vec::new();
        for object in state.list(Resource::Pods, None) {
            let Some(pod) = object.as_pod() else { continue };
            let uid = &pod.metadata.uid;
            gone.remove(uid);
            match self.pods.get(uid) {
                None | Some(Life::Failed) if pod.metadata.is_deleting() => {
                    tasks.push(Task::Forget(uid.clone()));
                }
                None if !pod.is_finished() && !self.store.holds_pods() => {
                    tasks.push(Task::Start(Box::new(pod.clone())));
                }
                Some(Life::Running) if pod.metadata.is_deleting() => tasks.push(Task::Stop(uid.clone())),
                _ => {}
            }
        }
        tasks.extend(gone.into_iter().map(|uid| Task::Stop(uid.clone())));
        tasks
    }

    fn start(&mut self, pod: &Pod) {
        let uid = pod.metadata.uid.clone();
        let Some(address) = self.free_address() else {
            return;
        };
        let now = Timestamp::now();
        self.change(&uid, |pod| {
            // One that could not be started before keeps its address.
            if !pod.status.pod_ip.is_empty() {
                return;
            }
            NODE_NAME.clone_into(&mut pod.spec.node_name);
            let status = &mut pod.status;
            status.set_condition("PodScheduled", true, now);
            status.start_time = Some(now);
            status.qos_class = "BestEffort".to_owned();
            status.host_ip = NODE_ADDRESS.to_owned();
            status.host_ips = vec![Address {
                ip: NODE_ADDRESS.to_owned(),
            }];
            status.pod_ips = vec![Address { ip: address.clone() }];
            status.pod_ip = address;
        });
        let ports = match served_ports(pod) {
            Ok(ports) => ports,
            Err(error) => {
                self.fail(uid, &error);
                return;
            }
        };
        let sandbox = Sandbox {
            namespace: pod.metadata.namespace.clone(),
            name: pod.metadata.name.clone(),
            uid: uid.clone(),
            ports,
        };
        self.pods.insert(uid.clone(), Life::Starting);
        let node = Arc::clone(&self.node);
        self.tasks.spawn(async move {
            let started = node.start_pod(sandbox).await;
            Done::Started {
                uid,
                error: started.err().map(|error| error.to_string()),
            }
        });
    }

    fn stop(&mut self, uid: String) {
        match self.pods.get_mut(&uid) {
            Some(life @ Life::Running) => *life = Life::Stopping,
            Some(Life::Failed) => {
                self.pods.remove(&uid);
                return;
            }
            // A pod that is starting is stopped when it has started.
            Some(Life::Starting | Life::Stopping) | None => return,
        }
        let node = Arc::clone(&self.node);
        self.tasks.spawn(async move {
            node.stop_pod(&uid).await;
            Done::Stopped { uid }
        });
    }

    fn take(&mut self, done: Result<Done, JoinError>) {
        let done = match done {
            Ok(done) => done,
            Err(error) => {
                tracing::error!(%error, "a pod's task failed");
                return;
            }
        };
        match done {
            Done::Started { uid, error: None } => {
                self.pods.insert(uid.clone(), Life::Running);
                let now = Timestamp::now();
                self.change(&uid, |pod| {
                    if !pod.metadata.is_deleting() {
                        pod.set_running(true, now);
                    }
                });
            }
            Done::Started {
                uid,
                error: Some(error),
            } => {
                self.fail(uid, &error);
            }
            Done::Stopped { uid } => {
                self.pods.remove(&uid);
                self.remove(&uid);
            }
        }
    }

    /// The pod stays pending, so that its owner makes no other in its place, and is tried again.
    fn fail(&mut self, uid: String, error: &str) {
        self.retry_at.get_or_insert_with(|| Instant::now() + RETRY_PAUSE);
        self.change(&uid, |pod| pod.set_waiting("CreateContainerError", error));
        self.pods.insert(uid, Life::Failed);
    }

    /// Changes the pod of the uid, if it is still there.
    fn change(&self, uid: &str, change: impl FnOnce(&mut Pod)) {
        self.store.write(|state| {
            if let Some(mut pod) = find(state, uid) {
                change(&mut pod);
                // Read under the same lock, so it is there and unchanged.
                let _ = state.update(Object::Pod(pod));
            }
        });
    }

    fn remove(&self, uid: &str) {
        self.store.write(|state| {
            if let Some(pod) = find(state, uid) {
                state.remove(Resource::Pods, &pod.metadata.namespace, &pod.metadata.name);
            }
        });
    }

    fn free_address(&mut self) -> Option<String> {
        let taken: BTreeSet<String> = {
            let state = self.store.read();
            let pods = state
                .list(Resource::Pods, None)
                .filter_map(|object| object.as_pod());
            pods.map(|pod| pod.status.pod_ip.clone()).collect()
        };
        for _ in 0..MAX_ADDRESSES {
            self.last_address = if self.last_address >= MAX_ADDRESSES {
                2
            } else {
                self.last_address + 1
            };
            let address = format!("10.244.{}.{}", self.last_address >> 8, self.last_address & 0xff);
            if !taken.contains(&address) {
                return Some(address);
            }
        }
        None
    }
}

fn find(state: &State, uid: &str) -> Option<Pod> {
    let mut pods = state
        .list(Resource::Pods, None)
        .filter_map(|object| object.as_pod());
    pods.find(|pod| pod.metadata.uid == uid).cloned()
}

/// What the pod's containers serve. Their arguments are those of `podline-workload`: `echo=7`, or `--all` for the
/// fixed ports.
fn served_ports(pod: &Pod) -> Result<Vec<(u16, Workload)>, String> {
    let mut ports = Vec::new();
    for argument in pod.spec.containers.iter().flat_map(|container| &container.args) {
        if argument == "--all" {
            ports.extend(FIXED_PORTS);
            continue;
        }
        let wrong = || format!("the argument {argument:?} is not like echo=7");
        let (workload, port) = argument.split_once('=').ok_or_else(wrong)?;
        ports.push((
            port.parse().map_err(|_| wrong())?,
            workload.parse().map_err(|_| wrong())?,
        ));
    }
    Ok(ports)
}
