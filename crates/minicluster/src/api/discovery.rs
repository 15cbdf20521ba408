//! Discovery: what groups, versions and resources there are, in the plain and the aggregated form.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::objects::{AUTHENTICATION, AUTHORIZATION, Group, Resource, ResourceInfo};

/// What may be done with the objects of every resource.
const VERBS: [&str; 8] = [
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];

/// Reviews: posted, answered, never stored.
const REVIEWS: [(Group, &str, &str); 3] = [
    (AUTHENTICATION, "selfsubjectreviews", "SelfSubjectReview"),
    (
        AUTHORIZATION,
        "selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
    ),
    (AUTHORIZATION, "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
];

/// The version that the server gives as its own: the one whose behaviour it follows.
pub(crate) fn version() -> Value {
    json!({
        "major": "1",
        "minor": "37",
        "emulationMajor": "1",
        "emulationMinor": "37",
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "36",
        "gitVersion": "v1.37.2+podline",
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}

/// `/api`.
pub(crate) fn core_versions(address: SocketAddr) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address.to_string()}],
    })
}

/// `/apis`.
pub(crate) fn groups() -> Value {
    let groups: Vec<Value> = named_groups().map(group_versions).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/GROUP`.
pub(crate) fn group(name: &str) -> Option<Value> {
    let group = named_groups().find(|group| group.name == name)?;
    let mut answer = json!({"kind": "APIGroup", "apiVersion": "v1"});
    if let (Value::Object(answer), Value::Object(fields)) = (&mut answer, group_versions(group)) {
        answer.extend(fields);
    }
    Some(answer)
}

/// `/api/v1` and `/apis/GROUP/VERSION`.
pub(crate) fn resources(name: &str, version: &str) -> Option<Value> {
    let group = Group::ALL
        .into_iter()
        .find(|group| group.name == name && group.version == version)?;
    let mut list = Vec::new();
    for info in infos(group) {
        let mut resource = json!({
            "name": info.plural,
            "singularName": info.singular(),
            "namespaced": info.namespaced,
            "kind": info.kind,
            "verbs": VERBS,
        });
        add_names(&mut resource, &info);
        list.push(resource);
        for subresource in info.subresources {
            let mut entry = json!({
                "name": format!("{}/{}", info.plural, subresource.name),
                "singularName": "",
                "namespaced": info.namespaced,
                "kind": subresource.kind_in(&info),
                "verbs": subresource.verbs,
            });
            if let Some(group) = subresource.foreign_group() {
                entry["group"] = group.name.into();
                entry["version"] = group.version.into();
            }
            list.push(entry);
        }
    }
    for (_, plural, kind) in REVIEWS.iter().filter(|(of, ..)| *of == group) {
        list.push(json!({
            "name": plural,
            "singularName": kind.to_ascii_lowercase(),
            "namespaced": false,
            "kind": kind,
            "verbs": ["create"],
        }));
    }
    Some(json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group.api_version(),
        "resources": list,
    }))
}

/// `/api` in the aggregated form.
pub(crate) fn aggregated_core() -> Value {
    aggregated(Group::ALL.into_iter().filter(|group| group.name.is_empty()))
}

/// `/apis` in the aggregated form.
pub(crate) fn aggregated_groups() -> Value {
    aggregated(named_groups())
}

fn aggregated(groups: impl Iterator<Item = Group>) -> Value {
    let items: Vec<Value> = groups
        .map(|group| {
            let reviews = REVIEWS.iter().filter(|(of, ..)| *of == group);
            let resources: Vec<Value> = (infos(group).map(aggregated_resource))
                .chain(reviews.map(|(_, plural, kind)| aggregated_review(plural, kind)))
                .collect();
            let metadata = match group.name {
                "" => json!({}),
                name => json!({"name": name}),
            };
            json!({
                "metadata": metadata,
                "versions": [{"version": group.version, "resources": resources, "freshness": "Current"}],
            })
        })
        .collect();
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    })
}

fn aggregated_resource(info: ResourceInfo) -> Value {
    let mut resource = json!({
        "resource": info.plural,
        "responseKind": {"group": "", "version": "", "kind": info.kind},
        "scope": if info.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": info.singular(),
        "verbs": VERBS,
    });
    add_names(&mut resource, &info);
    let subresources: Vec<Value> = (info.subresources.iter())
        .map(|subresource| {
            let group = subresource.foreign_group();
            json!({
                "subresource": subresource.name,
                "responseKind": {
                    "group": group.map_or("", |group| group.name),
                    "version": group.map_or("", |group| group.version),
                    "kind": subresource.kind_in(&info),
                },
                "verbs": subresource.verbs,
            })
        })
        .collect();
    if !subresources.is_empty() {
        resource["subresources"] = subresources.into();
    }
    resource
}

fn aggregated_review(plural: &str, kind: &str) -> Value {
    json!({
        "resource": plural,
        "responseKind": {"group": "", "version": "", "kind": kind},
        "scope": "Cluster",
        "singularResource": kind.to_ascii_lowercase(),
        "verbs": ["create"],
    })
}

fn add_names(resource: &mut Value, info: &ResourceInfo) {
    if !info.short_names.is_empty() {
        resource["shortNames"] = info.short_names.into();
    }
    if info.in_all {
        resource["categories"] = json!(["all"]);
    }
}

fn named_groups() -> impl Iterator<Item = Group> {
    Group::ALL.into_iter().filter(|group| !group.name.is_empty())
}

fn infos(group: Group) -> impl Iterator<Item = ResourceInfo> {
    Resource::ALL
        .into_iter()
        .map(Resource::info)
        .filter(move |info| info.group == group)
}

fn group_versions(group: Group) -> Value {
    let version = json!({"groupVersion": group.api_version(), "version": group.version});
    json!({"name": group.name, "versions": [version], "preferredVersion": version})
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn both_forms_tell_of_the_same_resources() {
        for group in Group::ALL {
            let plain = resources(group.name, group.version).unwrap();
            let plain: Vec<&str> = (plain["resources"].as_array().unwrap().iter())
                .map(|resource| resource["name"].as_str().unwrap())
                .filter(|name| !name.contains('/'))
                .collect();
            let aggregated = aggregated(std::iter::once(group));
            let resources = aggregated["items"][0]["versions"][0]["resources"]
                .as_array()
                .unwrap();
            let aggregated: Vec<&str> = resources
                .iter()
                .map(|resource| resource["resource"].as_str().unwrap())
                .collect();
            assert_eq!(plain, aggregated);
            assert!(!plain.is_empty());
        }
    }

    #[test]
    fn a_scale_names_its_own_group() {
        let apps = resources("apps", "v1").unwrap();
        let scale = apps["resources"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["name"] == "deployments/scale");
        let scale = scale.unwrap();
        assert_eq!(
            (&scale["group"], &scale["version"], &scale["kind"]),
            (&json!("autoscaling"), &json!("v1"), &json!("Scale"))
        );
    }

    #[test]
    fn unknown_groups_have_nothing() {
        assert_eq!(group("example.com"), None);
        assert_eq!(group(""), None);
        assert_eq!(resources("apps", "v2"), None);
    }
}
