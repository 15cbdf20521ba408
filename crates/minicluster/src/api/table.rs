//! `meta.k8s.io/v1` tables: the columns that `kubectl get` shows, made by the server.

mod columns;

use serde_json::{Value, json};

use columns::{Column, columns};

use super::objects::{Object, Phase, Pod, PodSelector, PodSpec, Resource, Service, Timestamp, Version};

/// What a table's rows carry besides their cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RowObject {
    #[default]
    Metadata,
    None,
    Object,
}

impl RowObject {
    /// From the query's `includeObject`.
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "None" => Self::None,
            "Object" => Self::Object,
            _ => Self::Metadata,
        }
    }
}

/// A table of `objects`, with its column definitions if asked.
pub(crate) fn table<'a>(
    resource: Resource,
    objects: impl IntoIterator<Item = &'a Object>,
    version: Version,
    with_columns: bool,
    row_object: RowObject,
    now: Timestamp,
) -> Value {
    let columns = match with_columns {
        true => columns(resource).iter().map(Column::to_json).collect(),
        false => Value::Null,
    };
    let rows = objects
        .into_iter()
        .map(|object| row(object, row_object, now))
        .collect::<Vec<_>>();
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version.to_string()},
        "columnDefinitions": columns,
        "rows": rows,
    })
}

/// `meta.k8s.io/v1` `PartialObjectMetadata` of an object.
pub(crate) fn partial_metadata(object: &Object) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object.meta(),
    })
}

/// A span in kubectl's form: `5s`, `3m20s`, `4d`.
pub(crate) fn human_duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let pair = |large: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large}{unit}"),
        small => format!("{large}{unit}{small}{small_unit}"),
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => pair(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => pair(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => pair(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => pair(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

fn row(object: &Object, row_object: RowObject, now: Timestamp) -> Value {
    let cells = cells(object, now);
    match row_object {
        RowObject::Metadata => json!({"cells": cells, "object": partial_metadata(object)}),
        RowObject::None => json!({"cells": cells}),
        RowObject::Object => json!({"cells": cells, "object": object.to_json()}),
    }
}

fn cells(object: &Object, now: Timestamp) -> Vec<Value> {
    let meta = object.meta();
    let age = meta
        .creation_timestamp
        .map_or_else(unknown, |created| human_duration(now.seconds_since(created)));
    let mut cells: Vec<Value> = vec![meta.name.clone().into()];
    match object {
        Object::DaemonSet(set) => {
            for field in [
                "desiredNumberScheduled",
                "currentNumberScheduled",
                "numberReady",
                "updatedNumberScheduled",
                "numberAvailable",
            ] {
                cells.push(set.status_number(field).into());
            }
            cells.push(age.into());
            cells.extend(template_cells(&set.spec.template.spec, &set.spec.selector));
        }
        Object::Deployment(deployment) => {
            let status = &deployment.status;
            cells.push(format!("{}/{}", status.ready_replicas, deployment.replicas()).into());
            cells.push(status.updated_replicas.into());
            cells.push(status.available_replicas.into());
            cells.push(age.into());
            let selector = PodSelector::Labels(deployment.spec.selector.clone());
            cells.extend(template_cells(&deployment.spec.template.spec, &selector));
        }
        Object::EndpointSlice(slice) => {
            let ports = slice.ports.iter().map(|port| port.port.to_string());
            let addresses = slice
                .endpoints
                .iter()
                .flat_map(|endpoint| endpoint.addresses.clone());
            cells.push(slice.address_type.clone().into());
            cells.push(list_or(ports, "<unset>").into());
            cells.push(list_or(addresses, "<unset>").into());
            cells.push(age.into());
        }
        Object::Job(job) => {
            cells.push("Running".into());
            cells.push(format!("0/{}", job.spec.parallelism.unwrap_or(1)).into());
            cells.push(age.clone().into());
            cells.push(age.into());
            cells.extend(template_cells(&job.spec.template.spec, &job.spec.selector));
        }
        Object::Plain(Resource::Namespaces, namespace) => {
            cells.push(namespace.text("/status/phase").unwrap_or("Active").into());
            cells.push(age.into());
        }
        Object::Plain(Resource::Nodes, node) => {
            let text = |pointer: &str, absent: &str| node.text(pointer).unwrap_or(absent).into();
            let info = |field: &str| text(&format!("/status/nodeInfo/{field}"), "<unknown>");
            cells.extend([
                "Ready".into(),
                "<none>".into(),
                age.into(),
                info("kubeletVersion"),
            ]);
            cells.extend([
                text("/status/addresses/0/address", "<none>"),
                "<none>".into(),
                info("osImage"),
            ]);
            cells.extend([info("kernelVersion"), info("containerRuntimeVersion")]);
        }
        Object::Plain(..) => cells.push(age.into()),
        Object::Pod(pod) => cells.extend(pod_cells(pod, age)),
        Object::ReplicaSet(set) | Object::ReplicationController(set) => {
            cells.push(set.spec.replicas.unwrap_or(1).into());
            cells.push(set.status_number("replicas").into());
            cells.push(set.status_number("readyReplicas").into());
            cells.push(age.into());
            cells.extend(template_cells(&set.spec.template.spec, &set.spec.selector));
        }
        Object::Service(service) => cells.extend(service_cells(service, age)),
        Object::StatefulSet(set) => {
            cells.push(
                format!(
                    "{}/{}",
                    set.status_number("readyReplicas"),
                    set.spec.replicas.unwrap_or(1)
                )
                .into(),
            );
            cells.push(age.into());
            let spec = &set.spec.template.spec;
            cells.extend([spec.container_names().into(), spec.images().into()]);
        }
    }
    cells
}

fn template_cells(spec: &PodSpec, selector: &PodSelector) -> [Value; 3] {
    [
        spec.container_names().into(),
        spec.images().into(),
        or_none(selector.query()).into(),
    ]
}

fn pod_cells(pod: &Pod, age: String) -> Vec<Value> {
    let statuses = &pod.status.container_statuses;
    let ready = statuses.iter().filter(|status| status.ready).count();
    let restarts: u32 = statuses.iter().map(|status| status.restart_count).sum();
    let status = if pod.metadata.is_deleting() {
        "Terminating"
    } else if let Some(reason) = pod.waiting_reason() {
        reason
    } else if !pod.status.reason.is_empty() {
        &pod.status.reason
    } else if pod.status.phase == Phase::Pending && !pod.spec.node_name.is_empty() {
        "ContainerCreating"
    } else {
        pod.status.phase.name()
    };
    vec![
        format!("{ready}/{}", pod.spec.containers.len()).into(),
        status.into(),
        restarts.to_string().into(),
        age.into(),
        or_none(pod.status.pod_ip.clone()).into(),
        or_none(pod.spec.node_name.clone()).into(),
        "<none>".into(),
        "<none>".into(),
    ]
}

fn service_cells(service: &Service, age: String) -> Vec<Value> {
    let ports = service
        .spec
        .ports
        .iter()
        .map(|port| match port.rest.get("nodePort") {
            Some(node_port) => format!("{}:{node_port}/{}", port.port, port.protocol),
            None => format!("{}/{}", port.port, port.protocol),
        });
    let selector = service
        .spec
        .selector
        .iter()
        .map(|(key, value)| format!("{key}={value}"));
    vec![
        service.spec.kind.clone().into(),
        or_none(service.spec.cluster_ip.clone()).into(),
        "<none>".into(),
        list_or(ports, "<none>").into(),
        age.into(),
        list_or(selector, "<none>").into(),
    ]
}

fn list_or(words: impl Iterator<Item = String>, none: &str) -> String {
    let words: Vec<String> = words.collect();
    match words.as_slice() {
        [] => none.to_owned(),
        words => words.join(","),
    }
}

fn or_none(text: String) -> String {
    match text.is_empty() {
        true => "<none>".to_owned(),
        false => text,
    }
}

fn unknown() -> String {
    "<unknown>".to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn every_row_has_a_cell_for_each_column() {
        for resource in Resource::ALL {
            let object = Object::from_json(resource, json!({"metadata": {"name": "x"}})).unwrap();
            let table = table(
                resource,
                [&object],
                Version(1),
                true,
                RowObject::Metadata,
                Timestamp::now(),
            );
            let count = |value: &Value| value.as_array().unwrap().len();
            assert_eq!(
                count(&table["columnDefinitions"]),
                count(&table["rows"][0]["cells"]),
                "{resource:?}"
            );
            assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
        }
    }

    #[test]
    fn durations_read_as_kubectls() {
        for (seconds, text) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (200, "3m20s"),
            (601, "10m"),
            (10_860, "3h1m"),
            (30_000, "8h"),
            (180_000, "2d2h"),
            (864_000, "10d"),
            (63_072_000 + 86_400, "2y1d"),
            (315_360_000, "10y"),
        ] {
            assert_eq!(human_duration(seconds), text);
        }
    }
}
