use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Deserialize;

use super::{Metadata, Raw};

/// What selects pods by a whole selector: a deployment, a job and their like.
#[derive(Clone, Deserialize)]
pub(crate) struct Selecting {
    pub(crate) metadata: Metadata,
    pub(crate) spec: Option<SelectingSpec>,
}

#[derive(Clone, Deserialize)]
pub(crate) struct SelectingSpec {
    pub(crate) selector: Option<LabelSelector>,
}

impl Raw for Selecting {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }
}
