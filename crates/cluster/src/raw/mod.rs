//! Objects as the API gives them, as far as they are read. The whole types would cost more than a MiB of program, and each
//! list the time to take in what nobody looks at.

mod list;
mod metadata;
mod pod;
mod selecting;
mod service;
mod slice;

pub(crate) use list::List;
pub(crate) use metadata::Metadata;
pub(crate) use pod::{Container, ContainerPort, ContainerState, ContainerStatus, Pod, PodSpec, Terminated};
pub(crate) use selecting::Selecting;
pub(crate) use service::{Service, ServicePort};
pub(crate) use slice::{Endpoint, Slice};

use serde::de::DeserializeOwned;

/// An object of the API. What may be missing may also be `null`.
pub(crate) trait Raw: Clone + DeserializeOwned + Send + 'static {
    fn metadata(&self) -> &Metadata;

    /// The version that this is of; empty where it says none.
    fn version(&self) -> String {
        self.metadata().resource_version.clone().unwrap_or_default()
    }
}
