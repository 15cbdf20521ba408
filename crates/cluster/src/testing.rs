//! What a cluster would have told, for the tests of crates that use this one.

use serde_json::Value;

use crate::{Found, Pod, Target, raw};

/// What `target` comes to if these are its pods, in the JSON of the Kubernetes API.
///
/// # Panics
/// One of them is no pod.
pub fn found(target: &Target, pods: &[Value]) -> Found {
    let pod = |json: &Value| {
        let pod: raw::Pod = serde_json::from_value(json.clone()).expect("a pod in JSON");
        Pod::new(&pod)
    };
    Found {
        target: target.clone(),
        pods: pods.iter().map(pod).collect(),
        service: None,
    }
}
