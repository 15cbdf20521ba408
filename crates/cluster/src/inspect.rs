//! What can be asked of a cluster to find out why it cannot be used. Nothing here changes anything in it: reviews are
//! answered and not kept.

mod configuration;
mod identity;
mod right;

use std::collections::BTreeMap;
use std::time::SystemTime;

use kube::api::PostParams;
use kube::core::Request;
use podline_wire::Untrusted;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub use configuration::Configuration;
pub use identity::Identity;
pub use right::{Need, Right};

pub(crate) use configuration::Entries;

use right::Verdict;

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
        let review = self.review("authentication.k8s.io", "SelfSubjectReview", None);
        Ok(Identity::of(review.await?))
    }

    /// The rights that forwarding to `target` makes use of.
    pub fn rights(&self, target: &Target) -> Vec<Right> {
        Right::all_for(target)
    }

    /// Whether the user has a right in the target's namespace.
    pub async fn has_right(&self, right: &Right, target: &Target) -> Result<bool, FindError> {
        let question = right.question(self.namespace_of(target));
        let verdict = self.review("authorization.k8s.io", "SelfSubjectAccessReview", Some(question));
        Ok(Verdict::is_allowed(&verdict.await?))
    }

    /// Has the API server answer a review, which is made for its answer alone.
    async fn review<T: DeserializeOwned>(
        &self,
        group: &str,
        kind: &str,
        question: Option<Value>,
    ) -> Result<T, FindError> {
        let version = format!("{group}/v1");
        let mut review = json!({"apiVersion": version, "kind": kind, "metadata": {}});
        if let Some(question) = question {
            review["spec"] = question;
        }
        let requests = Request::new(format!("/apis/{version}/{}s", kind.to_lowercase()));
        let request = requests.create(&PostParams::default(), review.to_string().into());
        self.finder().ask(request).await
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
