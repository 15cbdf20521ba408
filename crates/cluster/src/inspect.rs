//! What can be asked of a cluster to find out why it cannot be used. Nothing here changes anything in it: reviews are
//! answered and not kept.

mod configuration;
mod identity;
mod right;

use std::collections::BTreeMap;
use std::time::SystemTime;

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::PostParams;
use podline_wire::Untrusted;

pub use configuration::Configuration;
pub use identity::Identity;
pub use right::{Need, Right};

pub(crate) use configuration::Entries;

use crate::connection::Trace;
use crate::credentials::CredentialsSort;
use crate::{Cluster, FindError, Target};

/// The endpoints of a service, as its endpoint slices list them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Endpoints {
    /// Pods that are listed.
    pub pods: usize,
    /// Those that may be given connections.
    pub ready: usize,
}

impl Cluster {
    /// What the configuration says, secrets left out.
    pub fn configuration(&self) -> Configuration {
        Configuration::of(self)
    }

    /// What proves who asks, and when it expires, as far as that is known.
    pub fn credentials(&self) -> (CredentialsSort, Option<SystemTime>) {
        let credentials = &self.access().credentials;
        (credentials.sort().clone(), credentials.expiry())
    }

    /// Makes a connection to the API server only to see which steps that takes.
    pub async fn trace(&self) -> Trace {
        self.access().connector.trace().await
    }

    /// The API server's version, such as `v1.37.2`.
    pub async fn version(&self) -> Result<Untrusted, FindError> {
        let finder = self.finder();
        let version = finder.within_timeout(finder.client.apiserver_version()).await?;
        Ok(Untrusted::new(version.git_version))
    }

    /// Who the API server takes the user for.
    pub async fn identity(&self) -> Result<Identity, FindError> {
        let finder = self.finder();
        let api = kube::Api::<SelfSubjectReview>::all(finder.client.clone());
        let (parameters, question) = (PostParams::default(), SelfSubjectReview::default());
        let review = finder.within_timeout(api.create(&parameters, &question)).await?;
        Ok(Identity::of(&review))
    }

    /// The rights that forwarding to `target` makes use of.
    pub fn rights(&self, target: &Target) -> Vec<Right> {
        Right::all_for(target)
    }

    /// Whether the user has a right in the target's namespace.
    pub async fn has_right(&self, right: &Right, target: &Target) -> Result<bool, FindError> {
        let finder = self.finder();
        let api = kube::Api::all(finder.client.clone());
        let (parameters, question) = (PostParams::default(), right.review(self.namespace_of(target)));
        let review = finder.within_timeout(api.create(&parameters, &question)).await?;
        Ok(review.status.is_some_and(|status| status.allowed))
    }

    /// The endpoints of the service that `target` names.
    pub async fn endpoints(&self, target: &Target) -> Result<Endpoints, FindError> {
        let listed = self
            .finder()
            .slices(self.namespace_of(target), &target.name)
            .await?;
        // A pod of two families of addresses is in two slices.
        let mut pods = BTreeMap::new();
        for endpoint in listed.items.iter().flat_map(|slice| &slice.endpoints) {
            *pods.entry(endpoint.pod()).or_default() |= endpoint.conditions().is_ready();
        }
        Ok(Endpoints {
            pods: pods.len(),
            ready: pods.into_values().filter(|ready| *ready).count(),
        })
    }
}
