//! What is told of pods outside the API.

use std::collections::BTreeMap;

use crate::api::objects::Pod;

/// What a test wants to know of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PodSummary {
    /// The pod's name.
    pub name: String,
    /// Its uid: another one for each pod that ever was.
    pub uid: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether its phase is `Running`.
    pub running: bool,
    /// Whether its `Ready` condition holds.
    pub ready: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
}

impl PodSummary {
    pub(super) fn of(pod: &Pod) -> Self {
        Self {
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
            labels: pod.metadata.labels.clone(),
            running: pod.is_running(),
            ready: pod.is_ready(),
            deleting: pod.metadata.is_deleting(),
        }
    }
}
