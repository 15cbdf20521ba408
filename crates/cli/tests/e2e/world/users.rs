//! Those who may do less than everything: the same names and rights on every cluster.

use serde_json::{Value, json};

/// Who has the rights of `kubectl port-forward` over SPDY and no others.
pub(crate) const FORWARDER: &str = "podline-e2e-forwarder";

/// Who may also watch pods and look at endpoints, which kubectl never asks for.
pub(crate) const WATCHER: &str = "podline-e2e-watcher";

/// Who may look at pods, and nothing else.
pub(crate) const LOOKER: &str = "podline-e2e-looker";

/// Who may get pods by name and forward to them, but not list them.
pub(crate) const NAMER: &str = "podline-e2e-namer";

/// Who has the rights of `kubectl port-forward` over WebSockets.
pub(crate) const WEBSOCKET_FORWARDER: &str = "podline-e2e-websocket-forwarder";

/// Verbs on resources.
type Right = (&'static str, &'static str);

const LOOK: Right = ("get list", "pods services deployments replicasets");

/// All of them, with their rights.
pub(super) const ALL: [(&str, &[Right]); 5] = [
    (FORWARDER, &[LOOK, ("create", "pods/portforward")]),
    (LOOKER, &[("get list", "pods")]),
    (NAMER, &[("get", "pods"), ("create", "pods/portforward")]),
    (
        WATCHER,
        &[
            (
                "get list watch",
                "pods services deployments replicasets endpointslices",
            ),
            ("create get", "pods/portforward"),
        ],
    ),
    (WEBSOCKET_FORWARDER, &[LOOK, ("create get", "pods/portforward")]),
];

/// What gives them their rights on a real cluster: a role each, for a service account and for a user of that name.
pub(super) fn roles(namespace: &str) -> Vec<Value> {
    let objects = ALL.iter().flat_map(|(name, rights)| {
        let metadata = json!({"name": name, "namespace": namespace});
        let rules: Vec<Value> = (rights.iter())
            .map(|(verbs, resources)| {
                let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
                json!({"apiGroups": ["", "apps", "discovery.k8s.io"], "resources": words(resources), "verbs": words(verbs)})
            })
            .collect();
        [
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}),
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "Role",
                "metadata": metadata,
                "rules": rules,
            }),
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": metadata,
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
                "subjects": [
                    {"kind": "ServiceAccount", "name": name, "namespace": namespace},
                    {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name},
                ],
            }),
        ]
    });
    objects.collect()
}
