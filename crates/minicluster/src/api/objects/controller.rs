//! Deployments, and the five kinds that keep pods: ReplicaSet, StatefulSet, DaemonSet, Job, ReplicationController.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::condition::Condition;
use super::label_selector::LabelSelector;
use super::meta::{Labels, Meta, is_false};
use super::pod::PodTemplate;

/// A deployment.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Deployment {
    pub(crate) metadata: Meta,
    pub(crate) spec: DeploymentSpec,
    pub(crate) status: DeploymentStatus,
}

impl Deployment {
    pub(crate) fn replicas(&self) -> u32 {
        self.spec.replicas.unwrap_or(1)
    }

    /// Whether all pods are there, of the present template and ready, and no others.
    pub(crate) fn is_complete(&self) -> bool {
        let (status, wanted) = (&self.status, self.replicas());
        status.observed_generation == self.metadata.generation
            && [status.replicas, status.updated_replicas, status.ready_replicas] == [wanted; 3]
    }
}

/// A deployment's `spec`; fields without meaning here are kept as they came.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct DeploymentSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) replicas: Option<u32>,
    pub(crate) selector: LabelSelector,
    pub(crate) template: PodTemplate,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) strategy: Option<Strategy>,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) paused: bool,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// How a deployment replaces its pods.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Strategy {
    #[serde(rename = "type", default)]
    pub(crate) kind: StrategyKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rolling_update: Option<RollingUpdate>,
}

impl Default for Strategy {
    fn default() -> Self {
        Self {
            kind: StrategyKind::RollingUpdate,
            rolling_update: Some(RollingUpdate::default()),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum StrategyKind {
    Recreate,
    #[default]
    RollingUpdate,
}

/// How far a rolling update may go above and below the wanted number of pods.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct RollingUpdate {
    pub(crate) max_surge: Amount,
    pub(crate) max_unavailable: Amount,
}

impl Default for RollingUpdate {
    fn default() -> Self {
        let quarter = || Amount::Percent("25%".to_owned());
        Self {
            max_surge: quarter(),
            max_unavailable: quarter(),
        }
    }
}

/// A number of pods, absolute or as a share.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum Amount {
    Number(u32),
    Percent(String),
}

impl Amount {
    /// The number of `total` pods that is meant, rounded up.
    pub(crate) fn rounded_up(&self, total: u32) -> u32 {
        self.hundredths(total).div_ceil(100)
    }

    /// The number of `total` pods that is meant, rounded down.
    pub(crate) fn rounded_down(&self, total: u32) -> u32 {
        self.hundredths(total) / 100
    }

    fn hundredths(&self, total: u32) -> u32 {
        match self {
            Self::Number(number) => number.saturating_mul(100),
            Self::Percent(text) => {
                let percent: u32 = text.trim_end_matches('%').parse().unwrap_or(25);
                total.saturating_mul(percent)
            }
        }
    }
}

/// A deployment's `status`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct DeploymentStatus {
    #[serde(skip_serializing_if = "zero_i64")]
    pub(crate) observed_generation: i64,
    #[serde(skip_serializing_if = "zero_u32")]
    pub(crate) replicas: u32,
    #[serde(skip_serializing_if = "zero_u32")]
    pub(crate) updated_replicas: u32,
    #[serde(skip_serializing_if = "zero_u32")]
    pub(crate) ready_replicas: u32,
    #[serde(skip_serializing_if = "zero_u32")]
    pub(crate) available_replicas: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) terminating_replicas: Option<u32>,
    #[serde(skip_serializing_if = "zero_u32")]
    pub(crate) unavailable_replicas: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) conditions: Vec<Condition>,
}

/// What keeps a number of pods of one template: a ReplicaSet and its like.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct PodSet {
    pub(crate) metadata: Meta,
    pub(crate) spec: PodSetSpec,
    /// Differs from kind to kind; made by the reconciler.
    pub(crate) status: Map<String, Value>,
}

impl PodSet {
    pub(crate) fn status_number(&self, field: &str) -> u32 {
        self.status
            .get(field)
            .and_then(Value::as_u64)
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or(0)
    }
}

/// A pod set's `spec`; fields without meaning here are kept as they came.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PodSetSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) replicas: Option<u32>,
    /// A Job's number of pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parallelism: Option<u32>,
    pub(crate) selector: PodSelector,
    pub(crate) template: PodTemplate,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// A pod set's selector: a plain map in a ReplicationController, a label selector in all others.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum PodSelector {
    Labels(LabelSelector),
    Plain(Labels),
}

impl PodSelector {
    pub(crate) fn query(&self) -> String {
        match self {
            Self::Labels(selector) => selector.query(),
            Self::Plain(labels) => {
                let pairs = labels.iter().map(|(key, value)| format!("{key}={value}"));
                pairs.collect::<Vec<_>>().join(",")
            }
        }
    }
}

impl Default for PodSelector {
    fn default() -> Self {
        Self::Labels(LabelSelector::default())
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's skip_serializing_if passes a reference"
)]
fn zero_u32(value: &u32) -> bool {
    *value == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's skip_serializing_if passes a reference"
)]
fn zero_i64(value: &i64) -> bool {
    *value == 0
}
