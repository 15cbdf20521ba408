//! What matters of a pod's containers: whether one of them ended, and how.

use std::time::SystemTime;

use podline_wire::Untrusted;

use crate::raw;

/// A container of a pod, or a sidecar.
#[derive(Clone, Debug, PartialEq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Whether it is an init container that goes on running.
    pub sidecar: bool,
    /// How many times it was started again.
    pub restarts: u32,
    /// What keeps it from running, in one word such as `CrashLoopBackOff`, if it waits.
    pub waiting: Option<Untrusted>,
    /// How it ended last, if it ever did: now, or before it was started again.
    pub last_end: Option<Termination>,
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Termination {
    /// The status of its process; 128 and more where a signal ended it and the runtime says so in this way.
    pub exit_code: i32,
    /// The signal that ended it, where the runtime tells.
    pub signal: Option<i32>,
    /// In one word, such as `Completed`, `Error` or `OOMKilled`.
    pub reason: Untrusted,
    /// When, by the clock of the node, to the second.
    pub finished: Option<SystemTime>,
}

impl Container {
    fn new(status: &raw::ContainerStatus, sidecar: bool) -> Self {
        let end = |state: &Option<raw::ContainerState>| state.as_ref()?.terminated.clone();
        let last_end = end(&status.state).or_else(|| end(&status.last_state));
        Self {
            name: status.name.clone(),
            sidecar,
            restarts: u32::try_from(status.restart_count).unwrap_or_default(),
            waiting: status
                .state
                .as_ref()
                .and_then(|state| state.waiting.as_ref())
                .map(|waiting| Untrusted::new(waiting.reason.as_deref().unwrap_or_default())),
            last_end: last_end.map(|end| Termination::new(&end)),
        }
    }
}

impl Termination {
    fn new(end: &raw::Terminated) -> Self {
        Self {
            exit_code: end.exit_code,
            signal: end.signal.filter(|signal| *signal != 0),
            reason: Untrusted::new(end.reason.as_deref().unwrap_or_default()),
            finished: end.finished_at.as_ref().map(|time| SystemTime::from(time.0)),
        }
    }

    /// Whether it ended by itself and well, as opposed to a failure or a signal.
    pub fn is_clean(&self) -> bool {
        self.exit_code == 0 && self.signal.is_none()
    }
}

/// The containers of a pod and its sidecars, as far as they have a status. Init containers that end before the pod runs
/// are left out.
pub(super) fn containers(pod: &raw::Pod) -> Vec<Container> {
    let Some(status) = &pod.status else {
        return Vec::new();
    };
    let init = pod.spec.as_ref().and_then(|spec| spec.init_containers.as_ref());
    let is_sidecar = |status: &&raw::ContainerStatus| {
        let mut init = init.into_iter().flatten();
        init.any(|container| container.name == status.name && is_sidecar(container))
    };
    let containers = status.container_statuses.iter().flatten();
    let sidecars = status.init_container_statuses.iter().flatten();
    let sidecars = sidecars.filter(is_sidecar);
    containers
        .map(|status| Container::new(status, false))
        .chain(sidecars.map(|status| Container::new(status, true)))
        .collect()
}

pub(super) fn is_sidecar(container: &raw::Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::target::Pod;

    #[test]
    fn the_last_end_of_each_container_is_known() {
        let pod: raw::Pod = serde_json::from_value(json!({
            "metadata": {"name": "web"},
            "spec": {"containers": [], "initContainers": [
                {"name": "proxy", "restartPolicy": "Always"},
                {"name": "setup"},
            ]},
            "status": {
                "containerStatuses": [
                    {"name": "app", "restartCount": 2, "image": "", "imageID": "", "ready": true,
                     "state": {"running": {}},
                     "lastState": {"terminated": {"exitCode": 137, "signal": 9, "reason": "OOMKilled", "finishedAt": "2026-01-01T00:00:05Z"}}},
                    {"name": "done", "restartCount": 0, "image": "", "imageID": "", "ready": false,
                     "state": {"terminated": {"exitCode": 0, "signal": 0, "reason": "Completed"}},
                     "lastState": {"terminated": {"exitCode": 1}}},
                    {"name": "new", "restartCount": 0, "image": "", "imageID": "", "ready": true},
                ],
                "initContainerStatuses": [
                    {"name": "proxy", "restartCount": 3, "image": "", "imageID": "", "ready": true},
                    {"name": "setup", "restartCount": 9, "image": "", "imageID": "", "ready": true,
                     "state": {"terminated": {"exitCode": 0}}},
                ],
            },
        }))
        .unwrap();
        let pod = Pod::new(&pod);
        let ends: Vec<(&str, bool, u32, Option<bool>)> = pod
            .containers
            .iter()
            .map(|container| {
                let end = container.last_end.as_ref().map(Termination::is_clean);
                (&*container.name, container.sidecar, container.restarts, end)
            })
            .collect();
        assert_eq!(
            ends,
            [
                ("app", false, 2, Some(false)),
                ("done", false, 0, Some(true)),
                ("new", false, 0, None),
                ("proxy", true, 3, None),
            ]
        );
        assert_eq!(pod.restarts(), (2, 3));
        let end = pod.containers[0].last_end.as_ref().unwrap();
        assert_eq!((end.exit_code, end.signal), (137, Some(9)));
        assert_eq!(end.reason.to_string(), "OOMKilled");
        let new_year = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_605);
        assert_eq!(end.finished, Some(new_year));
    }
}
