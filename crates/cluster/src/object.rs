//! The object that a target names, where that is no pod: which pods it selects.

use kube::core::Selector;

use crate::raw::{self, Metadata};
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
    pub(crate) fn of_selecting(object: &raw::Selecting) -> Self {
        let selector = object.spec.as_ref().and_then(|spec| spec.selector.clone());
        let selector = selector.and_then(|selector| Selector::try_from(selector).ok());
        Self::new(&object.metadata, selector)
    }

    pub(crate) fn of_service(service: &raw::Service) -> Self {
        Self {
            service: Some(Service::new(service)),
            ..Self::of_replication_controller(service)
        }
    }

    pub(crate) fn of_replication_controller(controller: &raw::Service) -> Self {
        let labels = controller.spec.as_ref().and_then(|spec| spec.selector.clone());
        Self::new(&controller.metadata, labels.map(Selector::from_iter))
    }

    /// A selector that says nothing selects nothing.
    fn new(metadata: &Metadata, selector: Option<Selector>) -> Self {
        let labels = selector.map(|selector| selector.to_string());
        Self {
            uid: metadata.uid.clone().unwrap_or_default(),
            labels: labels.filter(|labels| !labels.is_empty()),
            service: None,
        }
    }

    /// Whether another version of it comes to the same pods and ports.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.uid == other.uid && self.labels == other.labels && self.service == other.service
    }
}
