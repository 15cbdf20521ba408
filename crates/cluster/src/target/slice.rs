//! What matters of a service's endpoint slices: which pods the service takes for ready.

use super::Pod;
use crate::raw;

/// One slice of a service's endpoints.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Slice {
    pub(crate) name: String,
    pub(crate) endpoints: Vec<SliceEndpoint>,
}

/// What a slice says of one pod.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SliceEndpoint {
    /// The pod's identity; empty where whoever wrote the slice did not say.
    uid: String,
    pod: String,
    conditions: Conditions,
}

/// How a pod stands as an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Conditions {
    /// May be given connections; never while it is being deleted.
    ready: bool,
    /// Passes its readiness checks, which it may do while it is being deleted.
    serving: bool,
    terminating: bool,
}

impl Slice {
    pub(crate) fn new(slice: &raw::Slice) -> Self {
        Self {
            name: slice.metadata.name.clone().unwrap_or_default(),
            endpoints: slice
                .endpoints
                .iter()
                .flatten()
                .filter_map(SliceEndpoint::new)
                .collect(),
        }
    }
}

impl SliceEndpoint {
    /// Leaves out what is no pod.
    fn new(endpoint: &raw::Endpoint) -> Option<Self> {
        let pod = endpoint.target_ref.as_ref()?;
        if pod.kind.as_deref() != Some("Pod") {
            return None;
        }
        let conditions = endpoint.conditions.clone().unwrap_or_default();
        // What is not said counts as ready, and as serving if it is ready (the API's documentation of the fields).
        let ready = conditions.ready.unwrap_or(true);
        Some(Self {
            uid: pod.uid.clone().unwrap_or_default(),
            pod: pod.name.clone()?,
            conditions: Conditions {
                ready,
                serving: conditions.serving.unwrap_or(ready),
                terminating: conditions.terminating.unwrap_or(false),
            },
        })
    }

    pub(crate) fn uid(&self) -> &str {
        &self.uid
    }

    pub(crate) fn pod(&self) -> &str {
        &self.pod
    }

    pub(crate) fn conditions(&self) -> Conditions {
        self.conditions
    }
}

impl Conditions {
    /// Whether the pod may be given connections.
    pub(crate) fn is_ready(self) -> bool {
        self.ready
    }

    /// Both together: a pod has an endpoint in one slice for each family of its addresses.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            ready: self.ready || other.ready,
            serving: self.serving || other.serving,
            terminating: self.terminating || other.terminating,
        }
    }

    /// Has `pod` stand as the service sees it.
    pub(crate) fn apply_to(self, pod: &mut Pod) {
        pod.ready = self.ready || (self.terminating && self.serving);
        pod.deleting |= self.terminating;
    }
}
