//! The three kinds of patch: JSON merge patch (RFC 7396), JSON patch (RFC 6902) and Kubernetes' strategic merge.

use serde_json::{Map, Value};

/// How deep a patched object may nest.
const MAX_DEPTH: usize = 64;

/// How many operations a JSON patch may have.
const MAX_OPERATIONS: usize = 1000;

/// A patch, by its media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PatchKind {
    Json,
    Merge,
    Strategic,
}

impl PatchKind {
    pub(crate) fn of_media_type(media_type: &str) -> Option<Self> {
        match media_type {
            "application/json-patch+json" => Some(Self::Json),
            "application/merge-patch+json" => Some(Self::Merge),
            "application/strategic-merge-patch+json" => Some(Self::Strategic),
            _ => None,
        }
    }

    /// Changes `object` as `patch` says.
    pub(crate) fn apply(self, object: &mut Value, patch: &Value) -> Result<(), PatchError> {
        match self {
            Self::Json => apply_operations(object, patch),
            Self::Merge => merge(object, patch, None, 0),
            Self::Strategic => merge(object, patch, Some(""), 0),
        }
    }
}

/// Why a patch can't be applied.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PatchError {
    #[error("the patch nests deeper than {MAX_DEPTH} levels")]
    Depth,
    #[error("an element of the list {0:?} lacks its key {1:?}")]
    Key(String, &'static str),
    #[error("the patch is not a list of operations with op, path and value")]
    Operations,
    #[error("the path {0:?} does not exist")]
    Path(String),
    #[error("testing the value at {0:?} failed")]
    Test(String),
    #[error("more than {MAX_OPERATIONS} operations")]
    TooMany,
}

/// Merges `patch` into `target`. `field` is the name of the field that `target` is, for a strategic merge.
fn merge(target: &mut Value, patch: &Value, field: Option<&str>, depth: usize) -> Result<(), PatchError> {
    if depth > MAX_DEPTH {
        return Err(PatchError::Depth);
    }
    let strategic = field.is_some();
    match patch {
        Value::Object(patch) => {
            if strategic
                && patch
                    .get("$patch")
                    .is_some_and(|directive| directive == "replace")
            {
                let rest = patch.iter().filter(|(key, _)| *key != "$patch");
                *target = Value::Object(rest.map(|(key, value)| (key.clone(), value.clone())).collect());
                return Ok(());
            }
            if !target.is_object() {
                *target = Value::Object(Map::new());
            }
            let Value::Object(target) = target else {
                return Ok(());
            };
            for (key, value) in patch {
                // Directives about order and retained keys change nothing that matters here.
                if strategic && key.starts_with('$') {
                    continue;
                }
                if value.is_null() {
                    target.remove(key);
                    continue;
                }
                let entry = target.entry(key.clone()).or_insert(Value::Null);
                merge(entry, value, field.map(|_| key.as_str()), depth + 1)?;
            }
            Ok(())
        }
        Value::Array(patch) => match field.and_then(|field| Some((field, merge_key(field, patch)?))) {
            Some((field, key)) => merge_list(target, patch, field, key, depth),
            None => {
                *target = Value::Array(patch.clone());
                Ok(())
            }
        },
        scalar => {
            *target = scalar.clone();
            Ok(())
        }
    }
}

/// The field by which the elements of a list are told apart; `None` for lists that are replaced whole.
fn merge_key(field: &str, patch: &[Value]) -> Option<&'static str> {
    match field {
        "containers" | "initContainers" | "env" | "volumes" | "imagePullSecrets" => Some("name"),
        "volumeMounts" => Some("mountPath"),
        "conditions" => Some("type"),
        "ownerReferences" => Some("uid"),
        // A container's ports and a service's have the same name and other keys.
        "ports" if patch.iter().any(|port| port.get("containerPort").is_some()) => Some("containerPort"),
        "ports" => Some("port"),
        _ => None,
    }
}

fn merge_list(
    target: &mut Value,
    patch: &[Value],
    field: &str,
    key: &'static str,
    depth: usize,
) -> Result<(), PatchError> {
    if !target.is_array() {
        *target = Value::Array(Vec::new());
    }
    let Value::Array(target) = target else {
        return Ok(());
    };
    if patch.iter().any(|element| element["$patch"] == "replace") {
        target.clear();
    }
    for element in patch {
        if element["$patch"] == "replace" {
            continue;
        }
        let wanted = element
            .get(key)
            .ok_or_else(|| PatchError::Key(field.to_owned(), key))?;
        let index = target.iter().position(|known| known.get(key) == Some(wanted));
        if element["$patch"] == "delete" {
            if let Some(index) = index {
                target.remove(index);
            }
            continue;
        }
        let index = index.unwrap_or_else(|| {
            target.push(Value::Object(Map::new()));
            target.len() - 1
        });
        merge(&mut target[index], element, Some(""), depth + 1)?;
    }
    Ok(())
}

fn apply_operations(object: &mut Value, patch: &Value) -> Result<(), PatchError> {
    let operations = patch.as_array().ok_or(PatchError::Operations)?;
    if operations.len() > MAX_OPERATIONS {
        return Err(PatchError::TooMany);
    }
    for operation in operations {
        let text = |field: &str| operation[field].as_str().ok_or(PatchError::Operations);
        let value = || operation.get("value").cloned().ok_or(PatchError::Operations);
        let path = text("path")?;
        match text("op")? {
            "add" => add(object, path, value()?)?,
            "remove" => drop(remove(object, path)?),
            "replace" => *find(object, path)? = value()?,
            "test" => {
                if *find(object, path)? != value()? {
                    return Err(PatchError::Test(path.to_owned()));
                }
            }
            "copy" => {
                let value = find(object, text("from")?)?.clone();
                add(object, path, value)?;
            }
            "move" => {
                let value = remove(object, text("from")?)?;
                add(object, path, value)?;
            }
            _ => return Err(PatchError::Operations),
        }
    }
    Ok(())
}

fn find<'a>(object: &'a mut Value, path: &str) -> Result<&'a mut Value, PatchError> {
    object
        .pointer_mut(path)
        .ok_or_else(|| PatchError::Path(path.to_owned()))
}

fn add(object: &mut Value, path: &str, value: Value) -> Result<(), PatchError> {
    if path.is_empty() {
        *object = value;
        return Ok(());
    }
    let missing = || PatchError::Path(path.to_owned());
    let (parent, last) = parent_and_last(object, path)?;
    match parent {
        Value::Object(map) => {
            map.insert(last, value);
        }
        Value::Array(list) if last == "-" => list.push(value),
        Value::Array(list) => {
            let index: usize = last.parse().map_err(|_| missing())?;
            if index > list.len() {
                return Err(missing());
            }
            list.insert(index, value);
        }
        _ => return Err(missing()),
    }
    Ok(())
}

fn remove(object: &mut Value, path: &str) -> Result<Value, PatchError> {
    let missing = || PatchError::Path(path.to_owned());
    let (parent, last) = parent_and_last(object, path)?;
    match parent {
        Value::Object(map) => map.remove(&last).ok_or_else(missing),
        Value::Array(list) => {
            let index: usize = last.parse().map_err(|_| missing())?;
            if index >= list.len() {
                return Err(missing());
            }
            Ok(list.remove(index))
        }
        _ => Err(missing()),
    }
}

fn parent_and_last<'a>(object: &'a mut Value, path: &str) -> Result<(&'a mut Value, String), PatchError> {
    let (parent, last) = path
        .rsplit_once('/')
        .ok_or_else(|| PatchError::Path(path.to_owned()))?;
    let last = last.replace("~1", "/").replace("~0", "~");
    Ok((find(object, parent)?, last))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::*;

    fn patched(kind: PatchKind, object: &Value, patch: &Value) -> Result<Value, PatchError> {
        let mut object = object.clone();
        kind.apply(&mut object, patch).map(|()| object)
    }

    #[test]
    fn a_merge_patch_replaces_lists_and_removes_by_null() {
        let object = json!({"a": {"b": 1, "c": 2}, "l": [1, 2]});
        let patch = json!({"a": {"b": null, "d": 3}, "l": [9]});
        assert_eq!(
            patched(PatchKind::Merge, &object, &patch),
            Ok(json!({"a": {"c": 2, "d": 3}, "l": [9]}))
        );
    }

    #[test]
    fn a_strategic_patch_merges_lists_by_their_keys() {
        let object = json!({"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]});
        let patch = json!({
            "$setElementOrder/containers": [{"name": "a"}],
            "containers": [
                {"name": "a", "image": "2", "ports": [{"containerPort": 80}]},
                {"name": "b", "$patch": "delete"},
                {"name": "c"},
            ],
        });
        let expected = json!({"containers": [
            {"name": "a", "image": "2", "ports": [{"containerPort": 80}]},
            {"name": "c"},
        ]});
        assert_eq!(patched(PatchKind::Strategic, &object, &patch), Ok(expected));
        let keyless = json!({"containers": [{"image": "2"}]});
        assert_eq!(
            patched(PatchKind::Strategic, &object, &keyless),
            Err(PatchError::Key("containers".to_owned(), "name"))
        );
    }

    #[test]
    fn a_strategic_patch_may_replace_a_map() {
        let patch = json!({"strategy": {"$patch": "replace", "type": "Recreate"}});
        let object = json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": {}}});
        assert_eq!(
            patched(PatchKind::Strategic, &object, &patch),
            Ok(json!({"strategy": {"type": "Recreate"}}))
        );
    }

    #[test]
    fn a_json_patch_does_its_operations_in_order() {
        let object = json!({"a": [1, 3], "b/c": 1});
        let patch = json!([
            {"op": "test", "path": "/a/0", "value": 1},
            {"op": "add", "path": "/a/1", "value": 2},
            {"op": "add", "path": "/a/-", "value": 4},
            {"op": "remove", "path": "/b~1c"},
            {"op": "add", "path": "/d", "value": {}},
            {"op": "replace", "path": "/d", "value": 5},
            {"op": "copy", "from": "/d", "path": "/e"},
            {"op": "move", "from": "/d", "path": "/f"},
        ]);
        assert_eq!(
            patched(PatchKind::Json, &object, &patch),
            Ok(json!({"a": [1, 2, 3, 4], "e": 5, "f": 5}))
        );
    }

    #[test]
    fn a_json_patch_that_does_not_fit_is_refused() {
        let path = |path: &str| Err(PatchError::Path(path.to_owned()));
        for (patch, expected) in [
            (json!({}), Err(PatchError::Operations)),
            (json!([{"op": "add", "path": "/a"}]), Err(PatchError::Operations)),
            (json!([{"op": "jump", "path": "/a"}]), Err(PatchError::Operations)),
            (json!([{"op": "remove", "path": "/x"}]), path("/x")),
            (json!([{"op": "replace", "path": "/x", "value": 1}]), path("/x")),
            (json!([{"op": "add", "path": "/l/5", "value": 1}]), path("/l/5")),
            (json!([{"op": "add", "path": "x", "value": 1}]), path("x")),
            (
                json!([{"op": "test", "path": "/a", "value": 2}]),
                Err(PatchError::Test("/a".to_owned())),
            ),
        ] {
            assert_eq!(
                patched(PatchKind::Json, &json!({"a": 1, "l": []}), &patch),
                expected,
                "{patch}"
            );
        }
    }

    #[test]
    fn a_patch_has_a_depth_limit() {
        let deep = (0..MAX_DEPTH + 2).fold(json!(1), |inner, _| json!({"a": inner}));
        assert_eq!(
            patched(PatchKind::Merge, &json!({}), &deep),
            Err(PatchError::Depth)
        );
    }
}
