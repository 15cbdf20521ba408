//! Services and the endpoint slices made from them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::meta::{Labels, Meta, is_false, null_is_default};
use super::pod::Pod;

/// A service.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Service {
    pub(crate) metadata: Meta,
    pub(crate) spec: ServiceSpec,
    pub(crate) status: ServiceStatus,
}

/// A service's `spec`; fields without meaning here are kept as they came.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ServiceSpec {
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub(crate) ports: Vec<ServicePort>,
    #[serde(
        skip_serializing_if = "Labels::is_empty",
        deserialize_with = "null_is_default"
    )]
    pub(crate) selector: Labels,
    #[serde(rename = "clusterIP", skip_serializing_if = "String::is_empty")]
    pub(crate) cluster_ip: String,
    #[serde(
        rename = "clusterIPs",
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_is_default"
    )]
    pub(crate) cluster_ips: Vec<String>,
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub(crate) kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) session_affinity: String,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) publish_not_ready_addresses: bool,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// One port of a service.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ServicePort {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) protocol: String,
    pub(crate) port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target_port: Option<TargetPort>,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

impl ServicePort {
    /// The container port behind this port on `pod`; `None` if the pod has no port of the name.
    pub(crate) fn on(&self, pod: &Pod) -> Option<u16> {
        match &self.target_port {
            None | Some(TargetPort::Number(0)) => Some(self.port),
            Some(TargetPort::Number(number)) => Some(*number),
            Some(TargetPort::Name(name)) => pod.named_port(name),
        }
    }
}

/// A service's `targetPort`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum TargetPort {
    Number(u16),
    Name(String),
}

/// A service's `status`: no load balancer ever.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ServiceStatus {
    pub(crate) load_balancer: Map<String, Value>,
}

/// The addresses behind a service.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct EndpointSlice {
    pub(crate) metadata: Meta,
    pub(crate) address_type: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) endpoints: Vec<Endpoint>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) ports: Vec<EndpointPort>,
}

/// One address of a slice.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Endpoint {
    pub(crate) addresses: Vec<String>,
    pub(crate) conditions: EndpointConditions,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) node_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target_ref: Option<TargetRef>,
}

/// Whether an address may be used.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct EndpointConditions {
    pub(crate) ready: bool,
    pub(crate) serving: bool,
    pub(crate) terminating: bool,
}

/// The pod that an address belongs to.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct TargetRef {
    pub(crate) kind: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
}

/// One port of a slice.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct EndpointPort {
    pub(crate) name: String,
    pub(crate) port: u16,
    pub(crate) protocol: String,
}
