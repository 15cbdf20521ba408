use serde::Deserialize;

use super::{Metadata, Raw};

/// A service's endpoint slice.
#[derive(Clone, Deserialize)]
pub(crate) struct Slice {
    pub(crate) metadata: Metadata,
    pub(crate) endpoints: Option<Vec<Endpoint>>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Endpoint {
    pub(crate) target_ref: Option<TargetReference>,
    pub(crate) conditions: Option<EndpointConditions>,
}

#[derive(Clone, Deserialize)]
pub(crate) struct TargetReference {
    pub(crate) kind: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) uid: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
pub(crate) struct EndpointConditions {
    pub(crate) ready: Option<bool>,
    pub(crate) serving: Option<bool>,
    pub(crate) terminating: Option<bool>,
}

impl Raw for Slice {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }
}
