//! From a target to its pods.

use std::fmt::Debug;
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1;
use kube::api::ListParams;
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::FindError;
use crate::object::{Object, Selects};
use crate::target::{Found, Kind, Pod, Slice, Target, sort};

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

impl Finder {
    /// Asks for the object, then for its pods.
    pub(crate) async fn find(&self, target: &Target, namespace: &str) -> Result<Found, FindError> {
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
            return Ok(found);
        }
        let object = self.object(target, namespace).await?;
        let labels = object.labels.ok_or_else(|| FindError::NoSelector {
            target: target.clone(),
        })?;
        found.service = object.service;
        found.pods = self.list(namespace, &labels).await?.items;
        found.publish_not_ready();
        sort(&mut found.pods);
        Ok(found)
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
