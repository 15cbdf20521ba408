//! From a target to its pods.

use std::time::Duration;

use kube::Client;
use kube::api::{GetParams, ListParams};
use kube::core::Request;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::FindError;
use crate::object::Object;
use crate::raw::{self, List, Raw};
use crate::target::{Found, Kind, Pod, Slice, Target, sort};

/// How many pods one request asks for.
const PAGE: u32 = 500;
/// How many pods are looked at altogether.
pub(crate) const PODS_MAX: usize = 10_000;
/// How many endpoint slices are looked at; as many as that many pods have, of both families of addresses.
pub(crate) const SLICES_MAX: usize = 2 * PODS_MAX / 100;

/// Finds pods with the rights that `kubectl port-forward` has.
pub(crate) struct Finder {
    pub(crate) client: Client,
    /// How long one request may take.
    pub(crate) request_timeout: Option<Duration>,
}

/// What was listed, and which version of it this is.
pub(crate) struct Listed<T> {
    pub(crate) items: Vec<T>,
    pub(crate) version: String,
}

impl Finder {
    /// Asks for the object, then for its pods.
    pub(crate) async fn find(&self, target: &Target, namespace: &str) -> Result<Found, FindError> {
        let mut found = Found {
            target: Target {
                namespace: Some(namespace.to_owned()),
                ..target.clone()
            },
            pods: Vec::new(),
            service: None,
        };
        if target.kind.is_pod() {
            let (pod, _) = self.pod(namespace, &target.name).await?;
            found.pods = vec![pod];
            return Ok(found);
        }
        let object = self.object(target, namespace).await?;
        let labels = object.labels.ok_or_else(|| FindError::NoSelector {
            target: target.clone(),
        })?;
        found.service = object.service;
        found.pods = self.list(namespace, &labels).await?.items;
        found.publish_not_ready();
        sort(&mut found.pods);
        Ok(found)
    }

    /// Asks for the object that a target names, which is no pod.
    pub(crate) async fn object(&self, target: &Target, namespace: &str) -> Result<Object, FindError> {
        let requests = requests(target.kind, namespace);
        let name = target.name.as_str();
        Ok(match target.kind {
            Kind::DaemonSet | Kind::Deployment | Kind::Job | Kind::ReplicaSet | Kind::StatefulSet => {
                Object::of_selecting(&self.get(&requests, name).await?)
            }
            Kind::ReplicationController => {
                Object::of_replication_controller(&self.get(&requests, name).await?)
            }
            Kind::Service => Object::of_service(&self.get(&requests, name).await?),
            Kind::Pod => unreachable!("a pod is asked for as such"),
        })
    }

    /// Asks for one pod; gives its version too.
    pub(crate) async fn pod(&self, namespace: &str, name: &str) -> Result<(Pod, String), FindError> {
        let pod: raw::Pod = self.get(&requests(Kind::Pod, namespace), name).await?;
        Ok((Pod::new(&pod), pod.version()))
    }

    async fn get<R: Raw>(&self, requests: &Request, name: &str) -> Result<R, FindError> {
        let request = requests.get(name, &GetParams::default());
        self.ask(request).await
    }

    /// Asks for the pods that have some labels.
    pub(crate) async fn list(&self, namespace: &str, labels: &str) -> Result<Listed<Pod>, FindError> {
        let requests = requests(Kind::Pod, namespace);
        self.list_of(&requests, labels, PODS_MAX, Pod::new).await
    }

    /// Asks for the endpoint slices of a service.
    pub(crate) async fn slices(&self, namespace: &str, service: &str) -> Result<Listed<Slice>, FindError> {
        let labels = slice_labels(service);
        let requests = slice_requests(namespace);
        self.list_of(&requests, &labels, SLICES_MAX, Slice::new).await
    }

    async fn list_of<R: Raw, T>(
        &self,
        requests: &Request,
        labels: &str,
        most: usize,
        show: fn(&R) -> T,
    ) -> Result<Listed<T>, FindError> {
        let mut parameters = ListParams::default().labels(labels).limit(PAGE);
        let mut items = Vec::new();
        loop {
            let page: List<R> = self.ask(requests.list(&parameters)).await?;
            items.extend(page.items.iter().flatten().map(show));
            match page.next() {
                Some(token) if items.len() < most => parameters = parameters.continue_token(token),
                _ => {
                    let version = page.version().to_owned();
                    return Ok(Listed { items, version });
                }
            }
        }
    }

    /// Sends a request, and understands the answer.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<T, FindError> {
        let answer = async {
            self.client
                .request(request.map_err(kube::Error::BuildRequest)?)
                .await
        };
        self.within_timeout(answer).await
    }

    pub(crate) async fn within_timeout<T>(
        &self,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, FindError> {
        let result = match self.request_timeout {
            Some(most) => timeout(most, request)
                .await
                .map_err(|_| FindError::Timeout { after: most })?,
            None => request.await,
        };
        result.map_err(FindError::new)
    }
}

/// The requests for objects of a kind.
pub(crate) fn requests(kind: Kind, namespace: &str) -> Request {
    requests_for(kind.group(), namespace, kind.resource())
}

/// The requests for endpoint slices.
pub(crate) fn slice_requests(namespace: &str) -> Request {
    requests_for("discovery.k8s.io", namespace, "endpointslices")
}

/// All that is asked for is in the first version of its group.
fn requests_for(group: &str, namespace: &str, resource: &str) -> Request {
    let root = match group {
        "" => "/api".to_owned(),
        group => format!("/apis/{group}"),
    };
    Request::new(format!("{root}/v1/namespaces/{namespace}/{resource}"))
}

/// What the endpoint slices of a service are found by.
pub(crate) fn slice_labels(service: &str) -> String {
    format!("kubernetes.io/service-name={service}")
}
