//! From a target to its pods.

use std::fmt::Debug;
use std::mem::discriminant;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::core::Selector;
use kube::{Client, Resource};
use podline_wire::Untrusted;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::Refusal;
use crate::api::SharedConnectError;
use crate::connection::ConnectError;
use crate::target::{Found, Kind, Phase, Pod, Service, Target, sort};

/// How often is asked again where watching is not allowed.
const POLL: Duration = Duration::from_secs(2);
/// The least time between two looks, whatever a watch says.
const POLL_MIN: Duration = Duration::from_millis(200);
/// How many pods one request asks for.
const PAGE: u32 = 500;
/// How many pods are looked at altogether.
const PODS_MAX: usize = 10_000;

/// Finds pods with the rights that `kubectl port-forward` has.
pub(crate) struct Finder {
    pub(crate) client: Client,
    /// How long one request may take.
    pub(crate) request_timeout: Option<Duration>,
}

/// Which pods belong to a target.
enum Choice {
    Name(String),
    Labels(String),
}

impl Finder {
    /// Asks for the object, then for its pods.
    pub(crate) async fn find(&self, target: &Target, namespace: &str) -> Result<Found, FindError> {
        Ok(self.look(target, namespace).await?.0)
    }

    /// As [`Finder::find`], but waits until there is a running pod.
    pub(crate) async fn find_running(
        &self,
        target: &Target,
        namespace: &str,
        wait: Duration,
    ) -> Result<Found, FindError> {
        let deadline = Instant::now() + wait;
        let mut may_watch = true;
        loop {
            let (found, choice) = self.look(target, namespace).await?;
            if found.pods.iter().any(Pod::is_running) {
                return Ok(found);
            }
            let first = found.pods.first();
            let is_over = target.kind.is_pod() && first.is_some_and(|pod| pod.phase.is_over());
            if is_over || Instant::now() >= deadline {
                return Err(match first {
                    Some(pod) => FindError::NotRunning {
                        pod: Untrusted::new(&*pod.name),
                        phase: pod.phase,
                        waited: wait,
                    },
                    None => FindError::NoPods {
                        target: found.target,
                        waited: wait,
                    },
                });
            }
            let change = async {
                let begun = Instant::now();
                may_watch = may_watch && self.watch_for_change(&choice, namespace).await;
                if !may_watch || begun.elapsed() < POLL_MIN {
                    sleep(if may_watch { POLL_MIN } else { POLL }).await;
                }
            };
            // A wait that runs out is told by the next look.
            let _ = timeout_at(deadline, change).await;
        }
    }

    async fn look(&self, target: &Target, namespace: &str) -> Result<(Found, Choice), FindError> {
        let mut found = Found {
            target: Target {
                namespace: Some(namespace.to_owned()),
                ..target.clone()
            },
            pods: Vec::new(),
            service: None,
        };
        let name = target.name.as_str();
        let labels = match target.kind {
            Kind::Pod => {
                let pod: v1::Pod = self.get(namespace, name).await?;
                found.pods = vec![Pod::new(&pod)];
                return Ok((found, Choice::Name(name.to_owned())));
            }
            Kind::Service => {
                let service: v1::Service = self.get(namespace, name).await?;
                found.service = Some(Service::new(&service));
                plain(service.spec.and_then(|spec| spec.selector))
            }
            Kind::ReplicationController => {
                let controller: v1::ReplicationController = self.get(namespace, name).await?;
                plain(controller.spec.and_then(|spec| spec.selector))
            }
            Kind::DaemonSet => {
                let set: DaemonSet = self.get(namespace, name).await?;
                labels(set.spec.selector)
            }
            Kind::Deployment => {
                let deployment: Deployment = self.get(namespace, name).await?;
                labels(deployment.spec.selector)
            }
            Kind::Job => {
                let job: Job = self.get(namespace, name).await?;
                job.spec.and_then(|spec| labels(spec.selector?))
            }
            Kind::ReplicaSet => {
                let set: ReplicaSet = self.get(namespace, name).await?;
                labels(set.spec.selector)
            }
            Kind::StatefulSet => {
                let set: StatefulSet = self.get(namespace, name).await?;
                labels(set.spec.selector)
            }
        };
        let labels = labels.ok_or_else(|| FindError::NoSelector {
            target: target.clone(),
        })?;
        found.pods = self.list(namespace, &labels).await?;
        if found
            .service
            .as_ref()
            .is_some_and(|service| service.publishes_not_ready)
        {
            for pod in &mut found.pods {
                pod.ready |= pod.is_running() && !pod.deleting;
            }
        }
        sort(&mut found.pods);
        Ok((found, Choice::Labels(labels)))
    }

    async fn get<K>(&self, namespace: &str, name: &str) -> Result<K, FindError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        let api = kube::Api::<K>::namespaced(self.client.clone(), namespace);
        self.within_timeout(api.get(name)).await
    }

    async fn list(&self, namespace: &str, labels: &str) -> Result<Vec<Pod>, FindError> {
        let api = kube::Api::<v1::Pod>::namespaced(self.client.clone(), namespace);
        let mut parameters = ListParams::default().labels(labels).limit(PAGE);
        let mut pods = Vec::new();
        loop {
            let page = self.within_timeout(api.list(&parameters)).await?;
            pods.extend(page.items.iter().map(Pod::new));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) if pods.len() < PODS_MAX => parameters = parameters.continue_token(&token),
                _ => return Ok(pods),
            }
        }
    }

    /// Waits until one of the pods runs or is over, or the watch ends; says whether watching is worth another try.
    async fn watch_for_change(&self, choice: &Choice, namespace: &str) -> bool {
        let (parameters, is_pod) = match choice {
            Choice::Name(name) => (
                WatchParams::default().fields(&format!("metadata.name={name}")),
                true,
            ),
            Choice::Labels(labels) => (WatchParams::default().labels(labels), false),
        };
        let api = kube::Api::<v1::Pod>::namespaced(self.client.clone(), namespace);
        // Without a version the watch begins with all that there is, so nothing is missed.
        let events = match api.watch(&parameters, "").await {
            Ok(events) => events,
            Err(error) => {
                tracing::debug!(%error, "no watch of pods, asking every 2 s instead");
                return false;
            }
        };
        let mut events = pin!(events);
        let mut is_empty = true;
        loop {
            match events.try_next().await {
                Ok(Some(WatchEvent::Added(pod) | WatchEvent::Modified(pod))) => {
                    is_empty = false;
                    let pod = Pod::new(&pod);
                    if pod.is_running() || (is_pod && pod.phase.is_over()) {
                        return true;
                    }
                }
                Ok(Some(WatchEvent::Deleted(_))) => return true,
                Ok(Some(WatchEvent::Bookmark(_))) => is_empty = false,
                Ok(Some(WatchEvent::Error(_))) | Err(_) => return false,
                Ok(None) => return !is_empty,
            }
        }
    }

    async fn within_timeout<T>(
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

/// The text of a selector that is a plain map of labels; an empty one selects nothing.
fn plain(labels: Option<std::collections::BTreeMap<String, String>>) -> Option<String> {
    let labels = labels.filter(|labels| !labels.is_empty())?;
    Some(Selector::from_iter(labels).to_string())
}

fn labels(selector: LabelSelector) -> Option<String> {
    let selector = Selector::try_from(selector).ok()?.to_string();
    (!selector.is_empty()).then_some(selector)
}

/// Why a target comes to no pods.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum FindError {
    /// The API server's answer cannot be understood.
    #[error("the API server's answer cannot be understood: {problem}")]
    Answer {
        /// What is wrong with it.
        problem: Untrusted,
    },
    /// The API server cannot be reached.
    #[error(transparent)]
    Connect(Arc<ConnectError>),
    /// Nothing belongs to the target.
    #[error("{target} has no pods{}", after(waited))]
    NoPods {
        /// The target.
        target: Target,
        /// How long one was waited for.
        waited: Duration,
    },
    /// The target selects no pods at all.
    #[error("{target} has no selector, so no pods belong to it")]
    NoSelector {
        /// The target.
        target: Target,
    },
    /// The text in front of the first colon is kubectl's.
    #[error(
        "unable to forward port because pod is not running. Current status={phase}: pod {pod}{}",
        after(waited)
    )]
    NotRunning {
        /// The best of the target's pods.
        pod: Untrusted,
        /// What it does instead.
        phase: Phase,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The API server refuses.
    #[error(transparent)]
    Refused(Refusal),
    /// The API server takes too long.
    #[error("the API server did not answer within {} s", after.as_secs_f32())]
    Timeout {
        /// How long it was waited for.
        after: Duration,
    },
}

impl FindError {
    /// What can be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Connect(error) => error.hint(),
            Self::NoPods { target, .. } => Some(format!(
                "is {target} scaled to zero, or does its selector match no pods?"
            )),
            Self::NotRunning {
                phase: Phase::Pending,
                ..
            } => Some(
                "see what keeps it from starting with kubectl describe; --pod-running-timeout waits longer"
                    .to_owned(),
            ),
            Self::NotRunning { phase, .. } if phase.is_over() => {
                Some("a pod that ended never runs again; forward to what makes it".to_owned())
            }
            Self::Refused(refusal) => refusal.hint(),
            Self::Timeout { .. } => Some("--request-timeout gives it more time".to_owned()),
            Self::Answer { .. } | Self::NoSelector { .. } | Self::NotRunning { .. } => None,
        }
    }

    /// Whether the target does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is_not_found())
    }

    /// Whether the user may not ask for it.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is_forbidden())
    }

    /// Whether the user has to log in: the credentials are not taken any more and cannot be renewed unasked.
    pub fn needs_login(&self) -> bool {
        match self {
            Self::Connect(error) => error.needs_login(),
            Self::Refused(refusal) => refusal.is_unauthorized(),
            _ => false,
        }
    }

    /// Whether there is no way to the API server now, or no answer from it.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Connect(error) => error.is_unreachable(),
            Self::Timeout { .. } => true,
            _ => false,
        }
    }

    /// Whether it stays so until somebody does something about it.
    pub(crate) fn lasts(&self) -> bool {
        self.is_forbidden() || self.needs_login() || matches!(self, Self::NoSelector { .. })
    }

    /// Whether another one says nothing new.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Connect(a), Self::Connect(b)) => a.is_like(b),
            (Self::Refused(a), Self::Refused(b)) => a.code == b.code,
            _ if self.is_unreachable() && other.is_unreachable() => true,
            _ => discriminant(self) == discriminant(other),
        }
    }

    fn new(error: kube::Error) -> Self {
        if let Some(error) = SharedConnectError::in_chain(&error) {
            return Self::Connect(error);
        }
        match error {
            kube::Error::Api(status) => Self::Refused(Refusal::of_request(&status)),
            kube::Error::Service(error) => {
                let server = Untrusted::new("the API server");
                Self::Connect(Arc::new(ConnectError::of_exchange(server, error)))
            }
            error => Self::Answer {
                problem: Untrusted::new(error.to_string()),
            },
        }
    }
}

fn after(waited: &Duration) -> String {
    if waited.is_zero() {
        String::new()
    } else {
        // To a tenth of a second: nobody waits for less.
        format!(" after {} s", (waited.as_secs_f32() * 10.0).round() / 10.0)
    }
}
