//! The scale subresource: the number of replicas of anything that has one.

use serde_json::{Value, json};

use super::objects::{Object, PodSelector};

/// What a scale shows of `object`; `None` if it has no number of replicas.
pub(crate) fn of(object: &Object) -> Option<Value> {
    let (wanted, there, selector) = match object {
        Object::Deployment(deployment) => {
            let selector = PodSelector::Labels(deployment.spec.selector.clone());
            (deployment.replicas(), deployment.status.replicas, selector)
        }
        Object::ReplicaSet(set) | Object::ReplicationController(set) | Object::StatefulSet(set) => (
            set.spec.replicas.unwrap_or(1),
            set.status_number("replicas"),
            set.spec.selector.clone(),
        ),
        _ => return None,
    };
    let meta = object.meta();
    Some(json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": meta.name,
            "namespace": meta.namespace,
            "uid": meta.uid,
            "resourceVersion": meta.resource_version,
            "creationTimestamp": meta.creation_timestamp,
        },
        "spec": {"replicas": wanted},
        "status": {"replicas": there, "selector": selector.query()},
    }))
}

/// Gives `object` the number of replicas of `scale`; tells what is wrong with it otherwise.
pub(crate) fn set(object: &mut Object, scale: &Value) -> Result<(), &'static str> {
    let replicas = &scale["spec"]["replicas"];
    // The API server takes an absent number as zero.
    let replicas = if replicas.is_null() {
        Some(0)
    } else {
        replicas.as_u64()
    };
    let replicas = replicas.and_then(|number| u32::try_from(number).ok());
    let replicas =
        replicas.ok_or("spec.replicas: Invalid value: must be a number greater than or equal to 0")?;
    match object {
        Object::Deployment(deployment) => deployment.spec.replicas = Some(replicas),
        Object::ReplicaSet(set) | Object::ReplicationController(set) | Object::StatefulSet(set) => {
            set.spec.replicas = Some(replicas);
        }
        _ => return Err("the object has no number of replicas"),
    }
    Ok(())
}
