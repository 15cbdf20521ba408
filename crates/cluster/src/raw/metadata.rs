use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Deserialize;

/// What every object says of itself.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub(crate) name: Option<String>,
    pub(crate) namespace: Option<String>,
    pub(crate) uid: Option<String>,
    pub(crate) resource_version: Option<String>,
    pub(crate) creation_timestamp: Option<Time>,
    pub(crate) deletion_timestamp: Option<Time>,
    pub(crate) labels: Option<Labels>,
    pub(crate) owner_references: Option<Vec<OwnerReference>>,
}

/// The labels that mean something here.
#[derive(Clone, Deserialize)]
pub(crate) struct Labels {
    #[serde(rename = "pod-template-hash")]
    pub(crate) pod_template_hash: Option<String>,
}

/// What made an object.
#[derive(Clone, Deserialize)]
pub(crate) struct OwnerReference {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) controller: Option<bool>,
}
