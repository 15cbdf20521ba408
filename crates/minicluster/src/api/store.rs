//! The objects behind a lock, with a bell for whoever waits for a change.

mod admission;
mod error;
mod pod_summary;
mod selectors;
mod state;

pub(crate) use admission::{Inadmissible, admit, fill_defaults, random_suffix, uid};
pub use error::StoreError;
pub use pod_summary::PodSummary;
pub(crate) use selectors::{SelectorError, Selectors};
pub(crate) use state::{Change, ChangeKind, Conflict, State};

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::api::objects::{Deployment, Object, Pod, Resource, Timestamp, Version};

/// How long the waiting methods wait for the cluster to settle.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The cluster's objects: what the API serves, and what a test or a demo changes from behind.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    version: watch::Sender<Version>,
    holds_pods: AtomicBool,
}

impl Store {
    pub(crate) fn new() -> Self {
        let (version, _) = watch::channel(Version(0));
        Self {
            inner: Arc::new(Inner {
                state: Mutex::default(),
                version,
                holds_pods: AtomicBool::new(false),
            }),
        }
    }

    /// Creates the objects of a manifest in JSON: one object, or a `v1` `List` of them. An object without a
    /// namespace goes to `default`.
    ///
    /// # Errors
    ///
    /// The first object that can't be created; those before it are.
    pub fn create(&self, manifest: &Value) -> Result<(), StoreError> {
        if manifest["kind"] == "List" {
            let items = manifest["items"].as_array().ok_or(StoreError::UnknownKind)?;
            return items.iter().try_for_each(|item| self.create(item));
        }
        let text = |field: &str| manifest[field].as_str().ok_or(StoreError::UnknownKind);
        let resource =
            Resource::of_kind(text("apiVersion")?, text("kind")?).ok_or(StoreError::UnknownKind)?;
        let object = Object::from_json(resource, manifest.clone()).map_err(StoreError::Malformed)?;
        let namespace = match object.meta().namespace.as_str() {
            "" => "default",
            namespace => namespace,
        }
        .to_owned();
        let mut random = Rng::new();
        self.write(|state| {
            let object = admit(object, &namespace, state, &mut random)?;
            state
                .create(object, uid(&mut random), Timestamp::now())
                .map_err(StoreError::from)
        })
        .map(drop)
    }

    /// The pods of a namespace, by name.
    #[must_use]
    pub fn pods(&self, namespace: &str) -> Vec<PodSummary> {
        let state = self.read();
        let pods = state
            .list(Resource::Pods, Some(namespace))
            .filter_map(|object| object.as_pod());
        pods.map(PodSummary::of).collect()
    }

    /// Asks for the end of a pod, as `kubectl delete pod --wait=false` does.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    pub fn start_deleting_pod(&self, namespace: &str, name: &str) -> Result<(), StoreError> {
        self.change_pod(namespace, name, |pod, now| {
            mark_deleted(pod, None, now);
        })
    }

    /// Deletes a pod and waits until it is gone.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`], or [`StoreError::Timeout`] after 30 s.
    pub async fn delete_pod(&self, namespace: &str, name: &str) -> Result<(), StoreError> {
        let uid = self.pod(namespace, name)?.metadata.uid;
        self.start_deleting_pod(namespace, name)?;
        self.wait_for(|state| pod_in(state, namespace, name).is_none_or(|pod| pod.metadata.uid != uid))
            .await
    }

    /// Deletes a pod and waits until its successor runs: one of its name if nothing owns it, otherwise one of
    /// its owner's making. Gives the successor's name.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`], or [`StoreError::Timeout`] after 30 s.
    pub async fn replace_pod(&self, namespace: &str, name: &str) -> Result<String, StoreError> {
        let old = self.pod(namespace, name)?;
        let owner = old.metadata.controller().map(|owner| owner.uid.clone());
        let before: Vec<String> = self.pods(namespace).into_iter().map(|pod| pod.uid).collect();
        self.delete_pod(namespace, name).await?;
        if owner.is_none() {
            let successor = json!({
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": name,
                    "namespace": namespace,
                    "labels": old.metadata.labels,
                    "annotations": old.metadata.annotations,
                },
                "spec": old.spec,
            });
            self.create(&successor)?;
        }
        let successor = |state: &State| {
            let pods = state
                .list(Resource::Pods, Some(namespace))
                .filter_map(|object| object.as_pod());
            pods.filter(|pod| pod.is_running() && pod.is_ready())
                .filter(|pod| pod.metadata.controller().map(|owner| &owner.uid) == owner.as_ref())
                .filter(|pod| owner.is_some() || pod.metadata.name == name)
                .find(|pod| !before.contains(&pod.metadata.uid))
                .map(|pod| pod.metadata.name.clone())
        };
        self.wait_for(|state| successor(state).is_some()).await?;
        let found = successor(&self.read());
        found.ok_or(StoreError::NotFound)
    }

    /// Makes a running pod ready or unready, as its readiness probe would.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    pub fn set_ready(&self, namespace: &str, name: &str, ready: bool) -> Result<(), StoreError> {
        self.change_pod(namespace, name, |pod, now| pod.set_ready(ready, now))
    }

    /// While `held`, new pods stay pending, as where no node has room for them.
    pub fn hold_pods(&self, held: bool) {
        self.inner.holds_pods.store(held, Ordering::Relaxed);
        // Nothing of the objects changes, but the node has to look at them again.
        self.inner.version.send_modify(|_| {});
    }

    pub(crate) fn holds_pods(&self) -> bool {
        self.inner.holds_pods.load(Ordering::Relaxed)
    }

    /// Sets a deployment's number of pods; returns before they are there.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    pub fn scale(&self, namespace: &str, deployment: &str, replicas: u32) -> Result<(), StoreError> {
        self.change_deployment(namespace, deployment, |deployment| {
            deployment.spec.replicas = Some(replicas);
        })
    }

    /// Replaces all pods of a deployment one after the other, as `kubectl rollout restart` does; returns before
    /// that is done.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    pub fn restart(&self, namespace: &str, deployment: &str) -> Result<(), StoreError> {
        let mark = uid(&mut Rng::new());
        self.change_deployment(namespace, deployment, |deployment| {
            let annotations = &mut deployment.spec.template.metadata.annotations;
            annotations.insert("kubectl.kubernetes.io/restartedAt".to_owned(), mark);
        })
    }

    /// Does the same for the deployment whose pods have the label `app=NAME`, and waits until it is done.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`], or [`StoreError::Timeout`] after 30 s.
    pub async fn roll_out(&self, namespace: &str, deployment: &str) -> Result<(), StoreError> {
        let of_it = |pod: &PodSummary| pod.labels.get("app").is_some_and(|label| label == deployment);
        let pods = || self.pods(namespace).into_iter().filter(of_it);
        let before: Vec<String> = pods().map(|pod| pod.uid).collect();
        self.restart(namespace, deployment)?;
        self.wait_for(|state| {
            let uids = before.iter();
            let mut left = uids.filter(|uid| {
                let mut all = state.list(Resource::Pods, Some(namespace));
                all.any(|object| object.as_pod().is_some_and(|pod| pod.metadata.uid == **uid))
            });
            left.next().is_none()
        })
        .await?;
        self.wait_for_pods(namespace, deployment, before.len()).await
    }

    /// Waits until exactly `number` pods of the label `app=NAME` are there besides those that have ended, all running and
    /// ready.
    ///
    /// # Errors
    ///
    /// [`StoreError::Timeout`] after 30 s.
    pub async fn wait_for_pods(&self, namespace: &str, app: &str, number: usize) -> Result<(), StoreError> {
        self.wait_for(|state| {
            let objects = state.list(Resource::Pods, Some(namespace));
            let pods: Vec<&Pod> = objects
                .filter_map(|object| object.as_pod())
                .filter(|pod| pod.metadata.labels.get("app").is_some_and(|label| label == app))
                .filter(|pod| !pod.is_finished())
                .collect();
            pods.len() == number && pods.iter().all(|pod| pod.is_ready() && pod.is_active())
        })
        .await
    }

    /// Waits until every pod that is wanted runs and is ready.
    ///
    /// # Errors
    ///
    /// [`StoreError::Timeout`] after 30 s.
    pub async fn wait_until_settled(&self) -> Result<(), StoreError> {
        self.wait_for(|state| {
            let pods_ready = (state.list(Resource::Pods, None))
                .filter_map(|object| object.as_pod())
                .filter(|pod| !pod.is_finished())
                .all(|pod| pod.is_ready() && !pod.metadata.is_deleting());
            let deployments_done = state
                .list(Resource::Deployments, None)
                .all(|object| match &**object {
                    Object::Deployment(deployment) => deployment.is_complete(),
                    _ => true,
                });
            pods_ready && deployments_done
        })
        .await
    }

    /// Forgets all past changes: every watch ends with 410 Gone, and its client has to list again.
    pub fn compact(&self) {
        self.write(State::compact);
    }

    /// Looks at the objects as they are now.
    pub(crate) fn read(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held leaves whole objects behind: every change is one insertion.
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes objects, and rings the bell if something changed.
    pub(crate) fn write<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.read();
        let answer = change(&mut state);
        let version = state.version();
        drop(state);
        self.inner.version.send_if_modified(|known| {
            // Writers may come here in another order than through the lock.
            let newer = version > *known;
            *known = version.max(*known);
            newer
        });
        answer
    }

    /// Tells of every version that comes.
    pub(crate) fn versions(&self) -> watch::Receiver<Version> {
        self.inner.version.subscribe()
    }

    /// Waits until `settled` holds.
    pub(crate) async fn wait_for(&self, settled: impl Fn(&State) -> bool) -> Result<(), StoreError> {
        let mut versions = self.versions();
        let settling = async {
            loop {
                versions.mark_unchanged();
                if settled(&self.read()) {
                    return;
                }
                if versions.changed().await.is_err() {
                    return;
                }
            }
        };
        timeout(SETTLE_TIMEOUT, settling)
            .await
            .map_err(|_| StoreError::Timeout)
    }

    fn pod(&self, namespace: &str, name: &str) -> Result<Pod, StoreError> {
        pod_in(&self.read(), namespace, name)
            .cloned()
            .ok_or(StoreError::NotFound)
    }

    /// Changes a pod as it is now.
    pub(crate) fn change_pod(
        &self,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Pod, Timestamp),
    ) -> Result<(), StoreError> {
        self.write(|state| {
            let mut pod = pod_in(state, namespace, name)
                .cloned()
                .ok_or(StoreError::NotFound)?;
            change(&mut pod, Timestamp::now());
            state.update(Object::Pod(pod)).map(drop).map_err(StoreError::from)
        })
    }

    fn change_deployment(
        &self,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Deployment),
    ) -> Result<(), StoreError> {
        self.write(|state| {
            let object = state.get(Resource::Deployments, namespace, name);
            let Some(Object::Deployment(deployment)) = object.map(Arc::as_ref) else {
                return Err(StoreError::NotFound);
            };
            let mut deployment = deployment.clone();
            change(&mut deployment);
            state
                .update(Object::Deployment(deployment))
                .map(drop)
                .map_err(StoreError::from)
        })
    }
}

/// Asks for the end of a pod: the node sees the mark, ends the pod and takes it away.
pub(crate) fn mark_deleted(pod: &mut Pod, grace_seconds: Option<i64>, now: Timestamp) {
    if pod.metadata.is_deleting() {
        return;
    }
    let grace = grace_seconds
        .or(pod.spec.termination_grace_period_seconds)
        .unwrap_or(30)
        .max(0);
    pod.metadata.deletion_timestamp = Some(now.plus_seconds(grace));
    pod.metadata.deletion_grace_period_seconds = Some(grace);
}

fn pod_in<'a>(state: &'a State, namespace: &str, name: &str) -> Option<&'a Pod> {
    state
        .get(Resource::Pods, namespace, name)
        .and_then(|object| object.as_pod())
}
