//! What the cases forward to.

use podline_minicluster::manifest;
use serde_json::{Value, json};

/// The namespace and all that every case may use but none may change.
pub(super) fn all(namespace: &str, image: &str) -> Vec<Value> {
    let mut headless = manifest::service("headless", &[("http", 8080, "http")]);
    headless["spec"]["clusterIP"] = "None".into();
    headless["spec"]["selector"]["app"] = "web".into();
    let mut unnamed = manifest::service("unnamed", &[("web", 8081, "http")]);
    unnamed["spec"]["ports"][0]["targetPort"] = 8080.into();
    unnamed["spec"]["selector"]["app"] = "web".into();
    let mut objects = vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
        manifest::deployment("web", 2, &[("http", 8080, "web"), ("echo", 7, "echo")]),
        manifest::service("web", &[("http", 80, "http"), ("echo", 7, "echo")]),
        manifest::deployment("echo", 1, &[("echo", 7, "echo")]),
        manifest::service("echo", &[("echo", 7, "echo")]),
        headless,
        unnamed,
        manifest::service("nobody", &[("http", 80, "http")]),
        manifest::tools(),
    ];
    for object in &mut objects[1..] {
        place(object, namespace, image);
    }
    objects
}

/// Puts an object into the namespace, with the image of the workload.
pub(super) fn place(object: &mut Value, namespace: &str, image: &str) {
    object["metadata"]["namespace"] = namespace.into();
    let containers = match object["kind"].as_str() {
        Some("Deployment") => &mut object["spec"]["template"]["spec"]["containers"],
        Some("Pod") => &mut object["spec"]["containers"],
        _ => return,
    };
    if containers[0]["image"] == manifest::IMAGE {
        containers[0]["image"] = image.into();
    }
}

/// A pod that cannot run: a real cluster has no such image, the one in this process no such workload.
pub(super) fn never() -> Value {
    let mut pod = manifest::pod("never", &[("http", 8080, "nonsense")]);
    pod["spec"]["containers"][0]["image"] = "local/there-is-no-such-image:1".into();
    pod
}
