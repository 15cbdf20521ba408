//! What can be done to objects: get, list, watch, create, update, patch, delete and scale.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

use super::accept::Form;
use super::objects::{Object, Resource, Timestamp, Version};
use super::patch::PatchKind;
use super::request::Query;
use super::scale;
use super::status::Status;
use super::store::{Conflict, Selectors, State, Store, admit, fill_defaults, uid};
use super::table::{RowObject, partial_metadata, table};
use super::watch::{WatchOptions, WatchStart};

/// How long a watch lasts that names no time.
const WATCH_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// The longest time that a watch may name.
const MAX_WATCH_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// One object, or one collection, that a request is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) resource: Resource,
    /// Empty for cluster-wide resources and for all namespaces.
    pub(crate) namespace: &'a str,
    /// Empty for a collection.
    pub(crate) name: &'a str,
}

impl Place<'_> {
    pub(crate) fn get(self, state: &State) -> Result<Arc<Object>, Status> {
        let object = state.get(self.resource, self.namespace, self.name);
        object
            .cloned()
            .ok_or_else(|| Status::not_found(self.resource, self.name))
    }

    pub(crate) fn conflict(self, conflict: Conflict) -> Status {
        Status::of_conflict(conflict, self.resource, self.name)
    }

    /// The namespace as `State::list` wants it.
    pub(crate) fn namespaces(&self) -> Option<&str> {
        (!self.namespace.is_empty()).then_some(self.namespace)
    }
}

/// One object in the form that was asked for.
pub(crate) fn render(object: &Object, form: Form, query: &Query) -> Value {
    match form {
        Form::Objects => object.to_json(),
        Form::Metadata => partial_metadata(object),
        Form::Table => {
            let row_object = RowObject::parse(query.get("includeObject"));
            let version = object.meta().resource_version;
            table(
                object.resource(),
                [object],
                version,
                true,
                row_object,
                Timestamp::now(),
            )
        }
    }
}

pub(crate) fn list(store: &Store, place: Place<'_>, query: &Query, form: Form) -> Result<Value, Status> {
    let selectors = selectors(place.resource, query)?;
    let wanted = version(query)?;
    let (objects, version) = {
        let state = store.read();
        if let Some(wanted) = wanted.filter(|wanted| *wanted > state.version()) {
            return Err(Status::too_large_version(wanted, state.version()));
        }
        let objects = state.list(place.resource, place.namespaces());
        let objects: Vec<Arc<Object>> = objects
            .filter(|object| selectors.matches(object))
            .cloned()
            .collect();
        (objects, state.version())
    };
    let info = place.resource.info();
    let metadata = json!({"resourceVersion": version.to_string()});
    Ok(match form {
        Form::Objects => {
            // The items of a list don't repeat their kind.
            let items: Vec<Value> = (objects.iter())
                .map(|object| {
                    let mut item = object.to_json();
                    if let Value::Object(fields) = &mut item {
                        fields.remove("kind");
                        fields.remove("apiVersion");
                    }
                    item
                })
                .collect();
            json!({
                "kind": format!("{}List", info.kind),
                "apiVersion": info.group.api_version(),
                "metadata": metadata,
                "items": items,
            })
        }
        Form::Metadata => {
            let items: Vec<Value> = objects.iter().map(|object| partial_metadata(object)).collect();
            json!({
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
                "items": items,
            })
        }
        Form::Table => {
            let row_object = RowObject::parse(query.get("includeObject"));
            let objects = objects.iter().map(Arc::as_ref);
            table(
                place.resource,
                objects,
                version,
                true,
                row_object,
                Timestamp::now(),
            )
        }
    })
}

pub(crate) fn watch_options(place: Place<'_>, query: &Query, form: Form) -> Result<WatchOptions, Status> {
    let start = match version(query)? {
        _ if query.flag("sendInitialEvents") => WatchStart::NowWithBookmark,
        None => WatchStart::Now,
        Some(version) => WatchStart::After(version),
    };
    let timeout = query.number("timeoutSeconds")?.filter(|seconds| *seconds > 0);
    Ok(WatchOptions {
        resource: place.resource,
        namespace: place.namespaces().map(str::to_owned),
        selectors: selectors(place.resource, query)?,
        form,
        row_object: RowObject::parse(query.get("includeObject")),
        start,
        bookmarks: query.flag("allowWatchBookmarks"),
        timeout: timeout
            .map_or(WATCH_TIMEOUT, Duration::from_secs)
            .min(MAX_WATCH_TIMEOUT),
    })
}

pub(crate) fn create(
    store: &Store,
    place: Place<'_>,
    body: &Value,
    dry_run: bool,
) -> Result<Arc<Object>, Status> {
    let object = parse(place.resource, body)?;
    let mut random = Rng::new();
    store.write(|state| {
        let name = object.meta().name.clone();
        let object = admit(object, place.namespace, state, &mut random)
            .map_err(|inadmissible| Status::of_inadmissible(&inadmissible, place.resource, &name))?;
        let name = object.meta().name.clone();
        if dry_run {
            return match state.get(place.resource, place.namespace, &name) {
                Some(_) => Err(Status::already_exists(place.resource, &name)),
                None => Ok(Arc::new(object)),
            };
        }
        state
            .create(object, uid(&mut random), Timestamp::now())
            .map_err(|conflict| Status::of_conflict(conflict, place.resource, &name))
    })
}

pub(crate) fn update(
    store: &Store,
    place: Place<'_>,
    body: &Value,
    dry_run: bool,
) -> Result<Arc<Object>, Status> {
    store.write(|state| {
        let current = place.get(state)?;
        replace(state, place, &current, body.clone(), dry_run)
    })
}

pub(crate) fn patch(
    store: &Store,
    place: Place<'_>,
    kind: PatchKind,
    patch: &Value,
    dry_run: bool,
) -> Result<Arc<Object>, Status> {
    store.write(|state| {
        let current = place.get(state)?;
        let mut json = current.to_json();
        apply(kind, &mut json, patch, place)?;
        replace(state, place, &current, json, dry_run)
    })
}

/// Changes an object's status and nothing else of it. For pods that is lasting; of what has a controller it makes
/// the status anew.
pub(crate) fn change_status(
    store: &Store,
    place: Place<'_>,
    change: impl Fn(&mut Value) -> Result<(), Status>,
    dry_run: bool,
) -> Result<Arc<Object>, Status> {
    store.write(|state| {
        let current = place.get(state)?;
        let mut wanted = current.to_json();
        change(&mut wanted)?;
        let mut json = current.to_json();
        json["status"] = wanted["status"].clone();
        let mut object = parse(place.resource, &json)?;
        if let Object::Pod(pod) = &mut object
            && pod.is_running()
        {
            // The containers are as ready as their pod.
            pod.set_ready(pod.is_ready(), Timestamp::now());
        }
        match dry_run {
            true => Ok(Arc::new(object)),
            false => state.update(object).map_err(|conflict| place.conflict(conflict)),
        }
    })
}

pub(crate) fn get_scale(store: &Store, place: Place<'_>) -> Result<Value, Status> {
    scale::of(&*place.get(&store.read())?).ok_or_else(Status::no_such_resource)
}

/// Sets the number of replicas by PUT or by PATCH of the scale.
pub(crate) fn change_scale(
    store: &Store,
    place: Place<'_>,
    change: impl Fn(&mut Value) -> Result<(), Status>,
    dry_run: bool,
) -> Result<Value, Status> {
    store.write(|state| {
        let current = place.get(state)?;
        let mut wanted = scale::of(&current).ok_or_else(Status::no_such_resource)?;
        change(&mut wanted)?;
        let mut object = Object::clone(&current);
        scale::set(&mut object, &wanted)
            .map_err(|cause| Status::invalid(place.resource, place.name, cause))?;
        let expected = wanted["metadata"]["resourceVersion"].as_str().unwrap_or("");
        if !expected.is_empty() && *expected != current.meta().resource_version.to_string() {
            return Err(Status::conflict(place.resource, place.name));
        }
        let object = match dry_run {
            true => Arc::new(object),
            false => state
                .update(object)
                .map_err(|conflict| place.conflict(conflict))?,
        };
        scale::of(&object).ok_or_else(Status::no_such_resource)
    })
}

/// Applies `patch` to an object's JSON form.
pub(crate) fn apply(
    kind: PatchKind,
    json: &mut Value,
    patch: &Value,
    place: Place<'_>,
) -> Result<(), Status> {
    kind.apply(json, patch)
        .map_err(|error| Status::invalid(place.resource, place.name, &format!("the patch failed: {error}")))
}

fn replace(
    state: &mut State,
    place: Place<'_>,
    current: &Object,
    mut json: Value,
    dry_run: bool,
) -> Result<Arc<Object>, Status> {
    // The status is the cluster's to make, whatever the client sends.
    let before = current.to_json();
    if let Some(status) = before.get("status") {
        json["status"] = status.clone();
    }
    let mut object = parse(place.resource, &json)?;
    let meta = object.meta_mut();
    if meta.name != place.name || (!meta.namespace.is_empty() && meta.namespace != place.namespace) {
        return Err(Status::bad_request(
            "the name of the object does not match the name on the URL",
        ));
    }
    place.namespace.clone_into(&mut meta.namespace);
    meta.deletion_timestamp = current.meta().deletion_timestamp;
    meta.deletion_grace_period_seconds = current.meta().deletion_grace_period_seconds;
    fill_defaults(&mut object);
    if place.resource == Resource::Pods && object.to_json()["spec"] != before["spec"] {
        let cause = "spec: Forbidden: pod updates may not change fields here";
        return Err(Status::invalid(place.resource, place.name, cause));
    }
    if dry_run {
        return Ok(Arc::new(object));
    }
    state.update(object).map_err(|conflict| place.conflict(conflict))
}

fn parse(resource: Resource, json: &Value) -> Result<Object, Status> {
    let info = resource.info();
    for (field, expected) in [
        ("kind", info.kind.to_owned()),
        ("apiVersion", info.group.api_version()),
    ] {
        let found = json[field].as_str().unwrap_or("");
        if !found.is_empty() && found != expected {
            let message =
                format!("the {field} in the data ({found}) does not match the expected one ({expected})");
            return Err(Status::bad_request(message));
        }
    }
    Object::from_json(resource, json.clone()).map_err(|error| {
        Status::bad_request(format!(
            "{} in version {:?} cannot be handled: {error}",
            info.kind, info.group.version
        ))
    })
}

pub(crate) fn selectors(resource: Resource, query: &Query) -> Result<Selectors, Status> {
    Ok(Selectors::parse(
        resource,
        query.get("labelSelector"),
        query.get("fieldSelector"),
    )?)
}

/// The version of the query; `None` for none and for 0, which both mean "any".
fn version(query: &Query) -> Result<Option<Version>, Status> {
    Ok(query
        .number("resourceVersion")?
        .filter(|version| *version > 0)
        .map(Version))
}
