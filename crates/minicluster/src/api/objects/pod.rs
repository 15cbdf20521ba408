//! Pods, their templates and containers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::condition::{Condition, set_condition};
use super::meta::{Meta, Timestamp, is_false, null_is_default};

/// The exit code of a process that was ended by SIGKILL.
pub(crate) const KILLED: i32 = 128 + 9;

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Pod {
    pub(crate) metadata: Meta,
    pub(crate) spec: PodSpec,
    pub(crate) status: PodStatus,
}

impl Pod {
    /// A new pod of `template`, not yet named or owned.
    pub(crate) fn from_template(template: &PodTemplate, namespace: &str) -> Self {
        let mut metadata = template.metadata.clone();
        metadata.namespace = namespace.to_owned();
        Self {
            metadata,
            spec: template.spec.clone(),
            status: PodStatus::default(),
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.status.condition("Ready")
    }

    pub(crate) fn is_running(&self) -> bool {
        self.status.phase == Phase::Running
    }

    /// Failed or succeeded: nothing of it runs any more.
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.status.phase, Phase::Failed | Phase::Succeeded)
    }

    /// Neither finished nor being deleted: what a controller counts.
    pub(crate) fn is_active(&self) -> bool {
        !self.is_finished() && !self.metadata.is_deleting()
    }

    /// The number of the container port called `name`, in the containers and then the init containers.
    pub(crate) fn named_port(&self, name: &str) -> Option<u16> {
        (self.spec.containers.iter().chain(&self.spec.init_containers))
            .flat_map(|container| &container.ports)
            .find(|port| port.name == name)
            .map(|port| port.container_port)
    }

    /// Marks the pod and its containers as running, and as ready or not.
    pub(crate) fn set_running(&mut self, ready: bool, now: Timestamp) {
        self.status.phase = Phase::Running;
        self.set_ready(ready, now);
    }

    /// Marks a running pod as ready or not, as a readiness probe would.
    pub(crate) fn set_ready(&mut self, ready: bool, now: Timestamp) {
        for (name, value) in [
            ("PodReadyToStartContainers", true),
            ("Initialized", true),
            ("Ready", ready),
            ("ContainersReady", ready),
            ("PodScheduled", true),
        ] {
            self.status.set_condition(name, value, now);
        }
        let old = std::mem::take(&mut self.status.container_statuses);
        self.status.container_statuses = (self.spec.containers.iter())
            .map(|container| {
                let before = old.iter().find(|status| status.name == container.name);
                let restarts = before.map_or(0, |before| before.restart_count);
                let running = before.filter(|before| before.started || before.has_terminated());
                let mut status = running.cloned().unwrap_or_else(|| ContainerStatus {
                    container_id: format!(
                        "minicluster://{}/{}/{restarts}",
                        self.metadata.uid, container.name
                    ),
                    image_id: format!("minicluster://{}", container.image),
                    last_state: before.map(|before| before.last_state.clone()).unwrap_or_default(),
                    restart_count: restarts,
                    started: true,
                    state: json!({"running": {"startedAt": now}}),
                    ..ContainerStatus::of(container)
                });
                status.ready = ready;
                status
            })
            .collect();
    }

    /// Marks the pod's containers as ended by this exit code: 128 and the signal's number for one that was killed.
    pub(crate) fn set_terminated(&mut self, exit_code: i32, now: Timestamp) {
        self.set_ready(false, now);
        for status in &mut self.status.container_statuses {
            status.started = false;
            status.state = json!({"terminated": {
                "containerID": status.container_id,
                "exitCode": exit_code,
                "finishedAt": now,
                "reason": if exit_code == 0 { "Completed" } else { "Error" },
                "startedAt": status.state["running"]["startedAt"],
            }});
        }
    }

    /// Marks the pod's containers as started again after they ended.
    pub(crate) fn set_restarted(&mut self, now: Timestamp) {
        for status in &mut self.status.container_statuses {
            if let Value::Object(ended) = std::mem::take(&mut status.state) {
                status.last_state = ended;
                status.restart_count += 1;
            }
        }
        self.set_running(true, now);
    }

    /// Marks the pod's containers, which have ended, as waiting to be started again, because they ended too often.
    pub(crate) fn set_crash_looping(&mut self) {
        for status in &mut self.status.container_statuses {
            let waiting = json!({"waiting": {
                "reason": "CrashLoopBackOff",
                "message": "back-off 5m0s restarting failed container",
            }});
            if let Value::Object(ended) = std::mem::replace(&mut status.state, waiting) {
                status.last_state = ended;
                status.restart_count += 1;
            }
        }
    }

    /// Marks the pod as taken away by its node, which needed what it used.
    pub(crate) fn set_evicted(&mut self, now: Timestamp) {
        self.set_terminated(KILLED, now);
        self.status.phase = Phase::Failed;
        "Evicted".clone_into(&mut self.status.reason);
        "The node was low on resource: memory.".clone_into(&mut self.status.message);
    }

    /// Tells why the pod's containers do not start.
    pub(crate) fn set_waiting(&mut self, reason: &str, message: &str) {
        self.status.container_statuses = (self.spec.containers.iter())
            .map(|container| ContainerStatus {
                state: json!({"waiting": {"reason": reason, "message": message}}),
                ..ContainerStatus::of(container)
            })
            .collect();
    }

    /// Why a container does not start, if one does not.
    pub(crate) fn waiting_reason(&self) -> Option<&str> {
        self.status
            .container_statuses
            .iter()
            .find_map(|status| status.state["waiting"]["reason"].as_str())
    }
}

/// What a controller makes its pods from.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct PodTemplate {
    pub(crate) metadata: Meta,
    pub(crate) spec: PodSpec,
}

/// A pod's `spec`; fields without meaning here are kept as they came.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PodSpec {
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub(crate) init_containers: Vec<Container>,
    #[serde(deserialize_with = "null_is_default")]
    pub(crate) containers: Vec<Container>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) restart_policy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) termination_grace_period_seconds: Option<i64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) node_name: String,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

impl PodSpec {
    /// Fills in what the API server defaults.
    pub(crate) fn fill_defaults(&mut self) {
        if self.restart_policy.is_empty() {
            "Always".clone_into(&mut self.restart_policy);
        }
        self.termination_grace_period_seconds.get_or_insert(30);
        for (field, value) in [
            ("dnsPolicy", json!("ClusterFirst")),
            ("schedulerName", json!("default-scheduler")),
            ("securityContext", json!({})),
        ] {
            self.rest.entry(field).or_insert(value);
        }
        for container in self.containers.iter_mut().chain(&mut self.init_containers) {
            container.fill_defaults();
        }
    }

    pub(crate) fn container_names(&self) -> String {
        join(self.containers.iter().map(|container| container.name.as_str()))
    }

    pub(crate) fn images(&self) -> String {
        join(self.containers.iter().map(|container| container.image.as_str()))
    }
}

/// A container of a pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Container {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) image: String,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub(crate) args: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub(crate) ports: Vec<ContainerPort>,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

impl Container {
    fn fill_defaults(&mut self) {
        for (field, value) in [
            ("resources", json!({})),
            ("terminationMessagePath", json!("/dev/termination-log")),
            ("terminationMessagePolicy", json!("File")),
            ("imagePullPolicy", json!("IfNotPresent")),
        ] {
            self.rest.entry(field).or_insert(value);
        }
        for port in &mut self.ports {
            if port.protocol.is_empty() {
                "TCP".clone_into(&mut port.protocol);
            }
        }
    }
}

/// A port that a container declares.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ContainerPort {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    pub(crate) container_port: u16,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) protocol: String,
}

/// A pod's `status`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PodStatus {
    pub(crate) phase: Phase,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) conditions: Vec<Condition>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) reason: String,
    #[serde(rename = "hostIP", skip_serializing_if = "String::is_empty")]
    pub(crate) host_ip: String,
    #[serde(rename = "hostIPs", skip_serializing_if = "Vec::is_empty")]
    pub(crate) host_ips: Vec<Address>,
    #[serde(rename = "podIP", skip_serializing_if = "String::is_empty")]
    pub(crate) pod_ip: String,
    #[serde(rename = "podIPs", skip_serializing_if = "Vec::is_empty")]
    pub(crate) pod_ips: Vec<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) container_statuses: Vec<ContainerStatus>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) qos_class: String,
}

impl PodStatus {
    pub(crate) fn condition(&self, name: &str) -> bool {
        self.conditions
            .iter()
            .any(|condition| condition.name == name && condition.status == "True")
    }

    pub(crate) fn set_condition(&mut self, name: &str, value: bool, now: Timestamp) {
        set_condition(&mut self.conditions, name, value, "", "", now);
    }
}

/// Where a pod is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum Phase {
    Failed,
    #[default]
    Pending,
    Running,
    Succeeded,
    Unknown,
}

impl Phase {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Failed => "Failed",
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Unknown => "Unknown",
        }
    }
}

/// An entry of `podIPs` or `hostIPs`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Address {
    pub(crate) ip: String,
}

/// What became of one container.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ContainerStatus {
    pub(crate) name: String,
    pub(crate) state: Value,
    pub(crate) last_state: Map<String, Value>,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) started: bool,
    pub(crate) ready: bool,
    pub(crate) restart_count: u32,
    pub(crate) image: String,
    #[serde(rename = "imageID")]
    pub(crate) image_id: String,
    #[serde(rename = "containerID", skip_serializing_if = "String::is_empty")]
    pub(crate) container_id: String,
}

impl ContainerStatus {
    fn of(container: &Container) -> Self {
        Self {
            name: container.name.clone(),
            image: container.image.clone(),
            ..Self::default()
        }
    }

    fn has_terminated(&self) -> bool {
        self.state.get("terminated").is_some()
    }
}

fn join<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(",")
}
