use std::fmt;

use podline_wire::Untrusted;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Kind, Target};

/// A right that forwarding makes use of.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Right {
    /// The verb, such as `create`.
    pub verb: &'static str,
    /// The resource, such as `pods/portforward`.
    pub resource: &'static str,
    /// Whether forwarding works without it.
    pub need: Need,
    group: &'static str,
    /// The object, where it is about one alone: a role may name it.
    name: Option<String>,
}

/// Whether forwarding works without a right.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Need {
    /// It does not.
    Needed,
    /// It does; what is lost without it.
    Useful(&'static str),
}

/// What the API server answers, as far as it is read.
#[derive(Deserialize)]
pub(super) struct Verdict {
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Status {
    allowed: bool,
}

/// The subresource that all is about.
const PORT_FORWARD: &str = "pods/portforward";

impl Right {
    /// What is asked of the API server for `target`, from the object to the session.
    pub(super) fn all_for(target: &Target) -> Vec<Self> {
        let kind = target.kind;
        let name = Some(target.name.clone());
        let pod = name.clone().filter(|_| kind.is_pod());
        let right = |verb, resource, need, name| Self {
            verb,
            resource,
            need,
            group: group(kind, resource),
            name,
        };
        let needed = |verb, resource, name| right(verb, resource, Need::Needed, name);
        let useful = |verb, resource, what, name| right(verb, resource, Need::Useful(what), name);
        let news = "changes are noticed later, by asking every 2 to 15 s";
        let mut rights = vec![needed("get", kind.resource(), name.clone())];
        if kind.is_pod() {
            rights.push(useful("list", "pods", news, None));
        } else {
            rights.push(needed("list", "pods", None));
        }
        rights.push(useful("watch", "pods", news, None));
        if !kind.is_pod() {
            rights.push(useful("watch", kind.resource(), news, name));
        }
        if kind == Kind::Service {
            let what = "the pods' own readiness is used instead of the service's endpoints";
            for verb in ["list", "watch"] {
                rights.push(useful(verb, "endpointslices", what, None));
            }
        }
        rights.push(needed("create", PORT_FORWARD, pod.clone()));
        let what = "WebSockets are refused, and SPDY is used";
        rights.push(useful("get", PORT_FORWARD, what, pod));
        rights
    }

    /// Whether forwarding does not work without it.
    pub fn is_needed(&self) -> bool {
        self.need == Need::Needed
    }

    /// What is asked of the API server: whether the user has it.
    pub(super) fn question(&self, namespace: &str) -> Value {
        let (resource, subresource) = match self.resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource)),
            None => (self.resource, None),
        };
        json!({"resourceAttributes": {
            "namespace": namespace,
            "verb": self.verb,
            "group": self.group,
            "resource": resource,
            "subresource": subresource,
            "name": self.name,
        }})
    }
}

impl Verdict {
    pub(super) fn is_allowed(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.allowed)
    }
}

/// The API group of a resource, which is that of `kind` or one that all kinds need.
fn group(kind: Kind, resource: &str) -> &'static str {
    match resource {
        "endpointslices" => "discovery.k8s.io",
        _ if resource == kind.resource() => kind.group(),
        _ => "",
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        match &self.name {
            Some(name) => write!(f, " {}", Untrusted::new(name.as_str())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn all(target: &str, needed: bool) -> Vec<String> {
        let rights = Right::all_for(&target.parse().unwrap());
        let rights = rights.into_iter().filter(|right| right.is_needed() == needed);
        rights.map(|right| right.to_string()).collect()
    }

    #[test]
    fn what_is_needed_is_what_kubectl_needs() {
        assert_eq!(
            all("web-1", true),
            ["get pods web-1", "create pods/portforward web-1"]
        );
        assert_eq!(
            all("deploy/web", true),
            ["get deployments web", "list pods", "create pods/portforward"]
        );
    }

    #[test]
    fn what_is_useful_depends_on_the_target() {
        assert_eq!(
            all("web-1", false),
            ["list pods", "watch pods", "get pods/portforward web-1"]
        );
        assert_eq!(
            all("svc/web", false),
            [
                "watch pods",
                "watch services web",
                "list endpointslices",
                "watch endpointslices",
                "get pods/portforward"
            ]
        );
    }

    #[test]
    fn a_review_asks_for_the_group_and_the_subresource() {
        let rights = Right::all_for(&"sts/db".parse().unwrap());
        let asked: Vec<_> = rights
            .iter()
            .map(|right| {
                let question = right.question("shop");
                let attributes = &question["resourceAttributes"];
                assert_eq!(attributes["namespace"], "shop");
                ["group", "resource", "subresource"].map(|field| attributes[field].clone())
            })
            .collect();
        assert_eq!(asked[0], [json!("apps"), json!("statefulsets"), json!(null)]);
        assert!(asked.contains(&[json!(""), json!("pods"), json!("portforward")]));
    }
}
