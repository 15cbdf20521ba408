//! The object that a target names, where that is no pod: which pods it selects.

use std::collections::BTreeMap;
use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ReplicationController, Service as ServiceObject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::Resource;
use kube::core::Selector;
use serde::de::DeserializeOwned;

use crate::target::Service;

/// What matters of the object that a target names.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) uid: String,
    /// The selector of its pods; `None` if it selects none.
    pub(crate) labels: Option<String>,
    /// Its ports, if it is a service.
    pub(crate) service: Option<Service>,
}

impl Object {
    pub(crate) fn new<K: Selects>(object: &K) -> Self {
        let metadata = object.meta();
        Self {
            uid: metadata.uid.clone().unwrap_or_default(),
            labels: object.labels(),
            service: object.service(),
        }
    }

    /// Whether another version of it comes to the same pods and ports.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.uid == other.uid && self.labels == other.labels && self.service == other.service
    }
}

/// A kind of object that selects pods.
pub(crate) trait Selects:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug + Send + 'static
{
    /// The text of its selector; `None` if there is none.
    fn labels(&self) -> Option<String>;

    fn service(&self) -> Option<Service> {
        None
    }
}

impl Selects for DaemonSet {
    fn labels(&self) -> Option<String> {
        labels(self.spec.selector.clone())
    }
}

impl Selects for Deployment {
    fn labels(&self) -> Option<String> {
        labels(self.spec.selector.clone())
    }
}

impl Selects for Job {
    fn labels(&self) -> Option<String> {
        labels(self.spec.as_ref()?.selector.clone()?)
    }
}

impl Selects for ReplicaSet {
    fn labels(&self) -> Option<String> {
        labels(self.spec.selector.clone())
    }
}

impl Selects for ReplicationController {
    fn labels(&self) -> Option<String> {
        plain(self.spec.as_ref()?.selector.clone())
    }
}

impl Selects for ServiceObject {
    fn labels(&self) -> Option<String> {
        plain(self.spec.as_ref()?.selector.clone())
    }

    fn service(&self) -> Option<Service> {
        Some(Service::new(self))
    }
}

impl Selects for StatefulSet {
    fn labels(&self) -> Option<String> {
        labels(self.spec.selector.clone())
    }
}

/// The text of a selector that is a plain map of labels; an empty one selects nothing.
fn plain(labels: Option<BTreeMap<String, String>>) -> Option<String> {
    let labels = labels.filter(|labels| !labels.is_empty())?;
    Some(Selector::from_iter(labels).to_string())
}

fn labels(selector: LabelSelector) -> Option<String> {
    let selector = Selector::try_from(selector).ok()?.to_string();
    (!selector.is_empty()).then_some(selector)
}
