use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Deserialize;

use super::{Metadata, Raw};

/// What selects pods by labels alone: a service, or a replication controller, which has less to say.
#[derive(Clone, Deserialize)]
pub(crate) struct Service {
    pub(crate) metadata: Metadata,
    pub(crate) spec: Option<ServiceSpec>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServiceSpec {
    pub(crate) selector: Option<BTreeMap<String, String>>,
    pub(crate) ports: Option<Vec<ServicePort>>,
    #[serde(rename = "clusterIP")]
    pub(crate) cluster_ip: Option<String>,
    pub(crate) session_affinity: Option<String>,
    pub(crate) publish_not_ready_addresses: Option<bool>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServicePort {
    pub(crate) name: Option<String>,
    pub(crate) port: i32,
    pub(crate) protocol: Option<String>,
    pub(crate) target_port: Option<IntOrString>,
}

impl Raw for Service {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }
}
