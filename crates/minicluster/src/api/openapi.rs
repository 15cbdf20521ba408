//! As much OpenAPI as kubectl needs to apply a manifest: that a change takes the parameters `dryRun` and
//! `fieldValidation`. Without it kubectl refuses, since it would have to validate by schemas that are not here.

use serde_json::{Map, Value, json};

use super::objects::{Group, Resource};

/// `/openapi/v3`: where the document of each group is.
pub(crate) fn index() -> Value {
    let paths: Map<String, Value> = (Group::ALL.into_iter())
        .map(|group| {
            let path = path_of(group);
            let document = json!({"serverRelativeURL": format!("/openapi/v3/{path}")});
            (path, document)
        })
        .collect();
    json!({"paths": paths})
}

/// `/openapi/v3/api/v1` and `/openapi/v3/apis/GROUP/VERSION`, by what follows `/openapi/v3/`.
pub(crate) fn document(path: &str) -> Option<Value> {
    let group = Group::ALL.into_iter().find(|group| path_of(*group) == path)?;
    let resources = Resource::ALL
        .into_iter()
        .map(Resource::info)
        .filter(|info| info.group == group);
    let paths: Map<String, Value> = resources
        .map(|info| {
            let scope = if info.namespaced {
                "namespaces/{namespace}/"
            } else {
                ""
            };
            let path = format!("/{path}/{scope}{}/{{name}}", info.plural);
            let kind = json!({"group": group.name, "version": group.version, "kind": info.kind});
            let parameters: Vec<Value> = (["dryRun", "fieldValidation"].iter())
                .map(|name| json!({"name": name, "in": "query", "schema": {"type": "string"}}))
                .collect();
            let patch = json!({
                "parameters": parameters,
                "responses": {"200": {"description": "OK"}},
                "x-kubernetes-action": "patch",
                "x-kubernetes-group-version-kind": kind,
            });
            (path, json!({"patch": patch}))
        })
        .collect();
    Some(json!({
        "openapi": "3.0.0",
        "info": {"title": "podline minicluster", "version": "v1.37.2"},
        "paths": paths,
        "components": {"schemas": {}},
    }))
}

fn path_of(group: Group) -> String {
    match group.name {
        "" => format!("api/{}", group.version),
        name => format!("apis/{name}/{}", group.version),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn every_document_of_the_index_is_there() {
        let index = index();
        for path in index["paths"].as_object().unwrap().keys() {
            assert!(document(path).is_some(), "{path}");
        }
        let apps = document("apis/apps/v1").unwrap();
        let patch = &apps["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
        assert_eq!(patch["x-kubernetes-group-version-kind"]["kind"], "Deployment");
        assert_eq!(document("apis/apps/v2"), None);
    }
}
