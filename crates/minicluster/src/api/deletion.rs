//! Deleting objects: pods in their time, all else at once.

use serde_json::Value;

use super::accept::Form;
use super::objects::{Object, Resource, Timestamp};
use super::operations::{Place, list, selectors};
use super::request::Query;
use super::status::{Status, success};
use super::store::{State, Store, mark_deleted};

/// The namespaces that can't be deleted.
const LASTING_NAMESPACES: [&str; 3] = ["default", "kube-public", "kube-system"];

/// Deletes one object. A pod is marked, and the node takes it away when its processes have ended.
pub(crate) fn delete(
    store: &Store,
    place: Place<'_>,
    query: &Query,
    body: &Value,
    dry_run: bool,
) -> Result<Value, Status> {
    let grace = match body["gracePeriodSeconds"].as_i64() {
        Some(seconds) => Some(seconds),
        None => query
            .number("gracePeriodSeconds")?
            .and_then(|seconds| i64::try_from(seconds).ok()),
    };
    let orphan = body["propagationPolicy"] == "Orphan" || query.get("propagationPolicy") == "Orphan";
    store.write(|state| {
        let current = place.get(state)?;
        check_preconditions(place, &current, &body["preconditions"])?;
        if place.resource == Resource::Namespaces && LASTING_NAMESPACES.contains(&place.name) {
            return Err(Status::lasting_namespace(place.name));
        }
        if let Object::Pod(pod) = &*current {
            let mut pod = pod.clone();
            mark_deleted(&mut pod, grace, Timestamp::now());
            let runs_on_a_node = !pod.spec.node_name.is_empty();
            if dry_run {
                return Ok(Object::Pod(pod).to_json());
            }
            if runs_on_a_node && grace != Some(0) {
                let marked = state
                    .update(Object::Pod(pod))
                    .map_err(|conflict| place.conflict(conflict))?;
                return Ok(marked.to_json());
            }
            return match state.remove(place.resource, place.namespace, place.name) {
                Some(last) => Ok(last.to_json()),
                None => Err(Status::not_found(place.resource, place.name)),
            };
        }
        if !dry_run {
            if orphan {
                disown(state, &current.meta().uid);
            }
            remove_with_contents(state, place);
        }
        Ok(success(place.resource, place.name, &current.meta().uid))
    })
}

/// Deletes all objects of a collection that the query selects.
pub(crate) fn delete_collection(
    store: &Store,
    place: Place<'_>,
    query: &Query,
    body: &Value,
    dry_run: bool,
) -> Result<Value, Status> {
    let selectors = selectors(place.resource, query)?;
    let places: Vec<(String, String)> = {
        let state = store.read();
        let objects = state.list(place.resource, place.namespaces());
        let selected = objects
            .filter(|object| selectors.matches(object))
            .map(|object| object.meta());
        selected
            .map(|meta| (meta.namespace.clone(), meta.name.clone()))
            .collect()
    };
    for (namespace, name) in &places {
        let place = Place {
            resource: place.resource,
            namespace,
            name,
        };
        // One that is gone already is as wanted.
        match delete(store, place, query, body, dry_run) {
            Ok(_) => {}
            Err(status) if status.is_not_found() => {}
            Err(status) => return Err(status),
        }
    }
    list(store, place, query, Form::Objects)
}

fn check_preconditions(place: Place<'_>, current: &Object, preconditions: &Value) -> Result<(), Status> {
    let differs = |field: &str, current: &str| {
        preconditions[field]
            .as_str()
            .is_some_and(|wanted| wanted != current)
    };
    let meta = current.meta();
    if differs("uid", &meta.uid) || differs("resourceVersion", &meta.resource_version.to_string()) {
        return Err(Status::conflict(place.resource, place.name));
    }
    Ok(())
}

/// Takes away an object, and all that is in it if it is a namespace.
fn remove_with_contents(state: &mut State, place: Place<'_>) {
    if place.resource == Resource::Namespaces {
        let contents: Vec<(Resource, String)> = (state.all())
            .filter(|object| object.meta().namespace == place.name)
            .map(|object| (object.resource(), object.meta().name.clone()))
            .collect();
        for (resource, name) in contents {
            state.remove(resource, place.name, &name);
        }
    }
    state.remove(place.resource, place.namespace, place.name);
}

/// Makes the objects of an owner nobody's.
fn disown(state: &mut State, owner: &str) {
    let owned: Vec<Object> = (state.all())
        .filter(|object| {
            object
                .meta()
                .owner_references
                .iter()
                .any(|reference| reference.uid == owner)
        })
        .map(|object| Object::clone(object))
        .collect();
    for mut object in owned {
        object
            .meta_mut()
            .owner_references
            .retain(|reference| reference.uid != owner);
        // It was read under the same lock, so it is still there and unchanged.
        let _ = state.update(object);
    }
}
