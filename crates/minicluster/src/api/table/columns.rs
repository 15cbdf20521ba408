//! The columns of each resource, as kubectl shows them.

use serde_json::{Value, json};

use crate::api::objects::Resource;

/// One column of a table.
pub(super) struct Column {
    name: &'static str,
    kind: &'static str,
    format: &'static str,
    /// 0 is always shown, 1 with `-o wide`.
    priority: u8,
}

impl Column {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "type": self.kind,
            "format": self.format,
            "description": format!("{} of the object.", self.name),
            "priority": self.priority,
        })
    }
}

const fn text(name: &'static str) -> Column {
    Column {
        name,
        kind: "string",
        format: "",
        priority: 0,
    }
}

const fn number(name: &'static str) -> Column {
    Column {
        name,
        kind: "integer",
        format: "",
        priority: 0,
    }
}

const fn wide(name: &'static str) -> Column {
    Column {
        name,
        kind: "string",
        format: "",
        priority: 1,
    }
}

const NAME: Column = Column {
    name: "Name",
    kind: "string",
    format: "name",
    priority: 0,
};

/// The columns of a resource, in the order of its cells.
pub(super) fn columns(resource: Resource) -> Vec<Column> {
    match resource {
        Resource::DaemonSets => vec![
            NAME,
            number("Desired"),
            number("Current"),
            number("Ready"),
            number("Up-to-date"),
            number("Available"),
            text("Age"),
            wide("Containers"),
            wide("Images"),
            wide("Selector"),
        ],
        Resource::Deployments => vec![
            NAME,
            text("Ready"),
            number("Up-to-date"),
            number("Available"),
            text("Age"),
            wide("Containers"),
            wide("Images"),
            wide("Selector"),
        ],
        Resource::EndpointSlices => vec![
            NAME,
            text("AddressType"),
            text("Ports"),
            text("Endpoints"),
            text("Age"),
        ],
        Resource::Jobs => vec![
            NAME,
            text("Status"),
            text("Completions"),
            text("Duration"),
            text("Age"),
            wide("Containers"),
            wide("Images"),
            wide("Selector"),
        ],
        Resource::Namespaces => vec![NAME, text("Status"), text("Age")],
        Resource::Nodes => vec![
            NAME,
            text("Status"),
            text("Roles"),
            text("Age"),
            text("Version"),
            wide("Internal-IP"),
            wide("External-IP"),
            wide("OS-Image"),
            wide("Kernel-Version"),
            wide("Container-Runtime"),
        ],
        Resource::Pods => vec![
            NAME,
            text("Ready"),
            text("Status"),
            text("Restarts"),
            text("Age"),
            wide("IP"),
            wide("Node"),
            wide("Nominated Node"),
            wide("Readiness Gates"),
        ],
        Resource::ReplicaSets | Resource::ReplicationControllers => vec![
            NAME,
            number("Desired"),
            number("Current"),
            number("Ready"),
            text("Age"),
            wide("Containers"),
            wide("Images"),
            wide("Selector"),
        ],
        Resource::Services => vec![
            NAME,
            text("Type"),
            text("Cluster-IP"),
            text("External-IP"),
            text("Port(s)"),
            text("Age"),
            wide("Selector"),
        ],
        Resource::StatefulSets => vec![
            NAME,
            text("Ready"),
            text("Age"),
            wide("Containers"),
            wide("Images"),
        ],
        _ => vec![NAME, text("Age")],
    }
}
