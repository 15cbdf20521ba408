//! From a target to its pods.

use std::fmt::Debug;
use std::pin::pin;
use std::time::Duration;

use futures_util::TryStreamExt;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::{Client, Resource};
use podline_wire::Untrusted;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::FindError;
use crate::object::{Object, Selects};
use crate::target::{Found, Kind, Pod, Slice, Target, sort};

/// How often is asked again where watching is not allowed.
const POLL: Duration = Duration::from_secs(2);
/// The least time between two looks, whatever a watch says.
const POLL_MIN: Duration = Duration::from_millis(200);
/// How many pods one request asks for.
const PAGE: u32 = 500;
/// How many pods are looked at altogether.
pub(crate) const PODS_MAX: usize = 10_000;
/// How many endpoint slices are looked at; as many as that many pods have, of both families of addresses.
pub(crate) const SLICES_MAX: usize = 2 * PODS_MAX / 100;

/// Finds pods with the rights that `kubectl port-forward` has.
pub(crate) struct Finder {
    pub(crate) client: Client,
    /// How long one request may take.
    pub(crate) request_timeout: Option<Duration>,
}

/// What was listed, and which version of it this is.
pub(crate) struct Listed<T> {
    pub(crate) items: Vec<T>,
    pub(crate) version: String,
}

/// Which pods belong to a target.
enum Choice {
    Name(String),
    Labels(String),
}

impl Finder {
    /// Asks for the object, then for its pods.
    pub(crate) async fn find(&self, target: &Target, namespace: &str) -> Result<Found, FindError> {
        Ok(self.look(target, namespace).await?.0)
    }

    /// As [`Finder::find`], but waits until there is a running pod.
    pub(crate) async fn find_running(
        &self,
        target: &Target,
        namespace: &str,
        wait: Duration,
    ) -> Result<Found, FindError> {
        let deadline = Instant::now() + wait;
        let mut may_watch = true;
        loop {
            let (found, choice) = self.look(target, namespace).await?;
            if found.pods.iter().any(Pod::is_running) {
                return Ok(found);
            }
            let first = found.pods.first();
            let is_over = target.kind.is_pod() && first.is_some_and(|pod| pod.phase.is_over());
            if is_over || Instant::now() >= deadline {
                return Err(match first {
                    Some(pod) => FindError::NotRunning {
                        pod: Untrusted::new(&*pod.name),
                        phase: pod.phase,
                        waited: wait,
                    },
                    None => FindError::NoPods {
                        target: found.target,
                        waited: wait,
                    },
                });
            }
            let change = async {
                let begun = Instant::now();
                may_watch = may_watch && self.watch_for_change(&choice, namespace).await;
                if !may_watch || begun.elapsed() < POLL_MIN {
                    sleep(if may_watch { POLL_MIN } else { POLL }).await;
                }
            };
            // A wait that runs out is told by the next look.
            let _ = timeout_at(deadline, change).await;
        }
    }

    async fn look(&self, target: &Target, namespace: &str) -> Result<(Found, Choice), FindError> {
        let mut found = Found {
            target: Target {
                namespace: Some(namespace.to_owned()),
                ..target.clone()
            },
            pods: Vec::new(),
            service: None,
        };
        if target.kind.is_pod() {
            let (pod, _) = self.pod(namespace, &target.name).await?;
            found.pods = vec![pod];
            return Ok((found, Choice::Name(target.name.clone())));
        }
        let object = self.object(target, namespace).await?;
        let labels = object.labels.ok_or_else(|| FindError::NoSelector {
            target: target.clone(),
        })?;
        found.service = object.service;
        found.pods = self.list(namespace, &labels).await?.items;
        found.publish_not_ready();
        sort(&mut found.pods);
        Ok((found, Choice::Labels(labels)))
    }

    /// Asks for the object that a target names, which is no pod.
    pub(crate) async fn object(&self, target: &Target, namespace: &str) -> Result<Object, FindError> {
        let name = target.name.as_str();
        match target.kind {
            Kind::DaemonSet => self.object_of::<DaemonSet>(namespace, name).await,
            Kind::Deployment => self.object_of::<Deployment>(namespace, name).await,
            Kind::Job => self.object_of::<Job>(namespace, name).await,
            Kind::ReplicaSet => self.object_of::<ReplicaSet>(namespace, name).await,
            Kind::ReplicationController => self.object_of::<v1::ReplicationController>(namespace, name).await,
            Kind::Service => self.object_of::<v1::Service>(namespace, name).await,
            Kind::StatefulSet => self.object_of::<StatefulSet>(namespace, name).await,
            Kind::Pod => unreachable!("a pod is asked for as such"),
        }
    }

    async fn object_of<K: Selects>(&self, namespace: &str, name: &str) -> Result<Object, FindError> {
        let api = kube::Api::<K>::namespaced(self.client.clone(), namespace);
        Ok(Object::new(&self.within_timeout(api.get(name)).await?))
    }

    /// Asks for one pod; gives its version too.
    pub(crate) async fn pod(&self, namespace: &str, name: &str) -> Result<(Pod, String), FindError> {
        let api = kube::Api::<v1::Pod>::namespaced(self.client.clone(), namespace);
        let pod = self.within_timeout(api.get(name)).await?;
        let version = pod.metadata.resource_version.clone().unwrap_or_default();
        Ok((Pod::new(&pod), version))
    }

    /// Asks for the pods that have some labels.
    pub(crate) async fn list(&self, namespace: &str, labels: &str) -> Result<Listed<Pod>, FindError> {
        self.list_of(namespace, labels, PODS_MAX, Pod::new).await
    }

    /// Asks for the endpoint slices of a service.
    pub(crate) async fn slices(&self, namespace: &str, service: &str) -> Result<Listed<Slice>, FindError> {
        let labels = slice_labels(service);
        self.list_of(namespace, &labels, SLICES_MAX, Slice::new).await
    }

    async fn list_of<K, T>(
        &self,
        namespace: &str,
        labels: &str,
        most: usize,
        show: fn(&K) -> T,
    ) -> Result<Listed<T>, FindError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        let api = kube::Api::<K>::namespaced(self.client.clone(), namespace);
        let mut parameters = ListParams::default().labels(labels).limit(PAGE);
        let mut items = Vec::new();
        loop {
            let page = self.within_timeout(api.list(&parameters)).await?;
            items.extend(page.items.iter().map(show));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) if items.len() < most => parameters = parameters.continue_token(&token),
                _ => {
                    let version = page.metadata.resource_version.unwrap_or_default();
                    return Ok(Listed { items, version });
                }
            }
        }
    }

    /// Waits until one of the pods runs or is over, or the watch ends; says whether watching is worth another try.
    async fn watch_for_change(&self, choice: &Choice, namespace: &str) -> bool {
        let (parameters, is_pod) = match choice {
            Choice::Name(name) => (
                WatchParams::default().fields(&format!("metadata.name={name}")),
                true,
            ),
            Choice::Labels(labels) => (WatchParams::default().labels(labels), false),
        };
        let api = kube::Api::<v1::Pod>::namespaced(self.client.clone(), namespace);
        // Without a version the watch begins with all that there is, so nothing is missed.
        let events = match api.watch(&parameters, "").await {
            Ok(events) => events,
            Err(error) => {
                tracing::debug!(%error, "no watch of pods, asking every 2 s instead");
                return false;
            }
        };
        let mut events = pin!(events);
        let mut is_empty = true;
        loop {
            match events.try_next().await {
                Ok(Some(WatchEvent::Added(pod) | WatchEvent::Modified(pod))) => {
                    is_empty = false;
                    let pod = Pod::new(&pod);
                    if pod.is_running() || (is_pod && pod.phase.is_over()) {
                        return true;
                    }
                }
                Ok(Some(WatchEvent::Deleted(_))) => return true,
                Ok(Some(WatchEvent::Bookmark(_))) => is_empty = false,
                Ok(Some(WatchEvent::Error(_))) | Err(_) => return false,
                Ok(None) => return !is_empty,
            }
        }
    }

    pub(crate) async fn within_timeout<T>(
        &self,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, FindError> {
        let result = match self.request_timeout {
            Some(most) => timeout(most, request)
                .await
                .map_err(|_| FindError::Timeout { after: most })?,
            None => request.await,
        };
        result.map_err(FindError::new)
    }
}

/// What the endpoint slices of a service are found by.
pub(crate) fn slice_labels(service: &str) -> String {
    format!("kubernetes.io/service-name={service}")
}
