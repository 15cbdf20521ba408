//! Pods for tests, in the JSON of the Kubernetes API.

use podline_cluster::{Found, Pod, testing};
use serde_json::{Value, json};

use super::served::ServedPod;

/// A pod that runs and is ready, with one container that has run since the beginning.
pub(super) fn running(name: &str) -> Value {
    json!({
        "metadata": {"namespace": "default", "name": name, "uid": format!("uid of {name}")},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [container()],
        },
    })
}

/// A container that runs.
pub(super) fn container() -> Value {
    json!({"name": "app", "restartCount": 0, "image": "", "imageID": "", "ready": true, "state": {"running": {}}})
}

/// A running pod whose container has ended with this status.
pub(super) fn ended(name: &str, exit_code: i32) -> Value {
    let mut pod = running(name);
    let status = &mut pod["status"]["containerStatuses"][0];
    status["state"] = json!({"terminated": {"exitCode": exit_code, "finishedAt": "2026-01-01T00:00:05Z"}});
    pod
}

/// A pod that is being deleted, and runs.
pub(super) fn deleting(name: &str) -> Value {
    let mut pod = running(name);
    pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    pod
}

pub(super) fn found(pods: &[Value]) -> Found {
    testing::found(&"svc/web".parse().expect("a target"), pods)
}

pub(super) fn pod(json: &Value) -> Pod {
    found(std::slice::from_ref(json)).pods.remove(0)
}

pub(super) fn served(json: &Value) -> ServedPod {
    let found = found(std::slice::from_ref(json));
    ServedPod::new(&found, &found.pods[0])
}
