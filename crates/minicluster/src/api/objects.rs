//! The objects of the cluster, typed: each knows its JSON form.

mod condition;
mod controller;
mod label_selector;
mod meta;
mod pod;
mod resource;
mod service;

pub(crate) use condition::set_condition;
pub(crate) use controller::{Deployment, DeploymentStatus, PodSelector, PodSet, Strategy, StrategyKind};
pub(crate) use label_selector::{LabelSelector, MatchExpression};
pub(crate) use meta::{Meta, OwnerReference, Timestamp, Version};
pub(crate) use pod::{Address, Container, KILLED, Phase, Pod, PodSpec, PodTemplate};
pub(crate) use resource::{AUTHENTICATION, AUTHORIZATION, Group, Resource, ResourceInfo};
pub(crate) use service::{
    Endpoint, EndpointConditions, EndpointPort, EndpointSlice, Service, TargetPort, TargetRef,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Any object of the cluster.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Object {
    DaemonSet(PodSet),
    Deployment(Deployment),
    EndpointSlice(EndpointSlice),
    Job(PodSet),
    /// An object that is kept and shown, and does nothing.
    Plain(Resource, Plain),
    Pod(Pod),
    ReplicaSet(PodSet),
    ReplicationController(PodSet),
    Service(Service),
    StatefulSet(PodSet),
}

impl Object {
    /// Reads an object of `resource` from its JSON form. Unknown fields are kept or dropped, never an error.
    pub(crate) fn from_json(resource: Resource, json: Value) -> Result<Self, serde_json::Error> {
        Ok(match resource {
            Resource::DaemonSets => Self::DaemonSet(serde_json::from_value(json)?),
            Resource::Deployments => Self::Deployment(serde_json::from_value(json)?),
            Resource::EndpointSlices => Self::EndpointSlice(serde_json::from_value(json)?),
            Resource::Jobs => Self::Job(serde_json::from_value(json)?),
            Resource::Pods => Self::Pod(serde_json::from_value(json)?),
            Resource::ReplicaSets => Self::ReplicaSet(serde_json::from_value(json)?),
            Resource::ReplicationControllers => Self::ReplicationController(serde_json::from_value(json)?),
            Resource::Services => Self::Service(serde_json::from_value(json)?),
            Resource::StatefulSets => Self::StatefulSet(serde_json::from_value(json)?),
            Resource::ConfigMaps
            | Resource::CronJobs
            | Resource::Events
            | Resource::Namespaces
            | Resource::Nodes
            | Resource::PersistentVolumeClaims
            | Resource::Secrets
            | Resource::ServiceAccounts => {
                let mut plain: Plain = serde_json::from_value(json)?;
                for field in ["apiVersion", "kind"] {
                    plain.rest.remove(field);
                }
                Self::Plain(resource, plain)
            }
        })
    }

    /// The object's JSON form, `apiVersion` and `kind` included.
    pub(crate) fn to_json(&self) -> Value {
        let fields = match self {
            Self::DaemonSet(set)
            | Self::Job(set)
            | Self::ReplicaSet(set)
            | Self::ReplicationController(set)
            | Self::StatefulSet(set) => serde_json::to_value(set),
            Self::Deployment(deployment) => serde_json::to_value(deployment),
            Self::EndpointSlice(slice) => serde_json::to_value(slice),
            Self::Plain(_, plain) => serde_json::to_value(plain),
            Self::Pod(pod) => serde_json::to_value(pod),
            Self::Service(service) => serde_json::to_value(service),
        };
        let info = self.resource().info();
        let mut json = Map::new();
        json.insert("kind".to_owned(), info.kind.into());
        json.insert("apiVersion".to_owned(), info.group.api_version().into());
        if let Value::Object(fields) = fields.expect("string keys only, so it has a JSON form") {
            json.extend(fields);
        }
        Value::Object(json)
    }

    pub(crate) fn resource(&self) -> Resource {
        match self {
            Self::DaemonSet(_) => Resource::DaemonSets,
            Self::Deployment(_) => Resource::Deployments,
            Self::EndpointSlice(_) => Resource::EndpointSlices,
            Self::Job(_) => Resource::Jobs,
            Self::Plain(resource, _) => *resource,
            Self::Pod(_) => Resource::Pods,
            Self::ReplicaSet(_) => Resource::ReplicaSets,
            Self::ReplicationController(_) => Resource::ReplicationControllers,
            Self::Service(_) => Resource::Services,
            Self::StatefulSet(_) => Resource::StatefulSets,
        }
    }

    pub(crate) fn meta(&self) -> &Meta {
        match self {
            Self::DaemonSet(set)
            | Self::Job(set)
            | Self::ReplicaSet(set)
            | Self::ReplicationController(set)
            | Self::StatefulSet(set) => &set.metadata,
            Self::Deployment(deployment) => &deployment.metadata,
            Self::EndpointSlice(slice) => &slice.metadata,
            Self::Plain(_, plain) => &plain.metadata,
            Self::Pod(pod) => &pod.metadata,
            Self::Service(service) => &service.metadata,
        }
    }

    pub(crate) fn meta_mut(&mut self) -> &mut Meta {
        match self {
            Self::DaemonSet(set)
            | Self::Job(set)
            | Self::ReplicaSet(set)
            | Self::ReplicationController(set)
            | Self::StatefulSet(set) => &mut set.metadata,
            Self::Deployment(deployment) => &mut deployment.metadata,
            Self::EndpointSlice(slice) => &mut slice.metadata,
            Self::Plain(_, plain) => &mut plain.metadata,
            Self::Pod(pod) => &mut pod.metadata,
            Self::Service(service) => &mut service.metadata,
        }
    }

    pub(crate) fn as_pod(&self) -> Option<&Pod> {
        match self {
            Self::Pod(pod) => Some(pod),
            _ => None,
        }
    }

    /// The kind's own pod set, if it is one.
    pub(crate) fn as_pod_set(&self) -> Option<&PodSet> {
        match self {
            Self::DaemonSet(set)
            | Self::Job(set)
            | Self::ReplicaSet(set)
            | Self::ReplicationController(set)
            | Self::StatefulSet(set) => Some(set),
            _ => None,
        }
    }

    pub(crate) fn as_pod_set_mut(&mut self) -> Option<&mut PodSet> {
        match self {
            Self::DaemonSet(set)
            | Self::Job(set)
            | Self::ReplicaSet(set)
            | Self::ReplicationController(set)
            | Self::StatefulSet(set) => Some(set),
            _ => None,
        }
    }
}

/// An object without behaviour: its metadata, and all else as it came.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Plain {
    pub(crate) metadata: Meta,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

impl Plain {
    /// The text at a JSON pointer outside the metadata.
    pub(crate) fn text(&self, pointer: &str) -> Option<&str> {
        let (field, rest) = pointer.strip_prefix('/')?.split_once('/')?;
        self.rest.get(field)?.pointer(&format!("/{rest}"))?.as_str()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::*;

    #[test]
    fn fields_that_mean_nothing_here_survive() {
        let pod = json!({
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {"name": "x"},
            "spec": {
                "containers": [{"name": "main", "image": "i", "env": [{"name": "A", "value": "b"}]}],
                "nodeSelector": {"disk": "ssd"},
            },
            "status": {"phase": "Pending"},
        });
        assert_eq!(
            Object::from_json(Resource::Pods, pod.clone()).unwrap().to_json(),
            pod
        );
        let map =
            json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "x"}, "data": {"k": "v"}});
        assert_eq!(
            Object::from_json(Resource::ConfigMaps, map.clone())
                .unwrap()
                .to_json(),
            map
        );
    }

    #[test]
    fn a_replication_controllers_selector_is_a_plain_map() {
        let set = |selector: Value| {
            let json = json!({"metadata": {"name": "x"}, "spec": {"selector": selector}});
            serde_json::from_value::<PodSet>(json).unwrap().spec.selector
        };
        assert!(matches!(set(json!({"app": "x"})), PodSelector::Plain(_)));
        assert!(matches!(
            set(json!({"matchLabels": {"app": "x"}})),
            PodSelector::Labels(_)
        ));
    }
}
