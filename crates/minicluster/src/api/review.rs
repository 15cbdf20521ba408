//! Reviews: questions about oneself and one's rights.

use serde_json::{Value, json};

use super::identity::Identity;
use super::objects::Timestamp;
use super::request::{Description, RequestInfo, TargetInfo};
use super::rules::Rules;

/// The answer to a posted review of the resource `plural`; `None` if there is no such review.
pub(crate) fn review(plural: &str, body: &Value, identity: &Identity, rules: &Rules) -> Option<Value> {
    Some(match plural {
        "selfsubjectreviews" => json!({
            "kind": "SelfSubjectReview",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"creationTimestamp": Timestamp::now()},
            "status": {"userInfo": user_info(identity)},
        }),
        "selfsubjectaccessreviews" => {
            let allowed = may(&body["spec"], identity, rules);
            json!({
                "kind": "SelfSubjectAccessReview",
                "apiVersion": "authorization.k8s.io/v1",
                "metadata": {},
                "spec": body["spec"],
                "status": {"allowed": allowed},
            })
        }
        "selfsubjectrulesreviews" => json!({
            "kind": "SelfSubjectRulesReview",
            "apiVersion": "authorization.k8s.io/v1",
            "metadata": {},
            "spec": {},
            "status": {
                "resourceRules": rules.review(identity),
                "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/api", "/api/*", "/apis", "/apis/*", "/version"]}],
                "incomplete": false,
            },
        }),
        _ => return None,
    })
}

fn user_info(identity: &Identity) -> Value {
    let mut info = json!({"username": identity.name, "groups": identity.groups});
    if !identity.uid.is_empty() {
        info["uid"] = identity.uid.clone().into();
    }
    info
}

fn may(spec: &Value, identity: &Identity, rules: &Rules) -> bool {
    let text = |attributes: &Value, field: &str| attributes[field].as_str().unwrap_or("").to_owned();
    if let Some(attributes) = spec.get("resourceAttributes") {
        let target = TargetInfo {
            description: Description {
                group: text(attributes, "group"),
                version: text(attributes, "version"),
                plural: text(attributes, "resource"),
            },
            resource: None,
            namespace: text(attributes, "namespace"),
            name: text(attributes, "name"),
            subresource: text(attributes, "subresource"),
        };
        return rules.allow_target(identity, &text(attributes, "verb"), &target);
    }
    let attributes = &spec["nonResourceAttributes"];
    let verb = if text(attributes, "verb") == "get" {
        "get"
    } else {
        "other"
    };
    let request = RequestInfo {
        verb,
        path: text(attributes, "path"),
        target: None,
    };
    rules.allow(identity, &request)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::user::User;

    fn allowed(user: &User, spec: &Value) -> bool {
        let body = json!({"spec": spec});
        let answer = review(
            "selfsubjectaccessreviews",
            &body,
            &Identity::of(user),
            &Rules::new(),
        )
        .unwrap();
        answer["status"]["allowed"].as_bool().unwrap()
    }

    #[test]
    fn an_access_review_answers_as_the_rules_do() {
        let create = json!({"resourceAttributes": {
            "namespace": "default", "verb": "create", "resource": "pods", "subresource": "portforward",
        }});
        assert!(allowed(&User::Forwarder, &create));
        assert!(!allowed(&User::Other("jane".to_owned()), &create));
        let delete = json!({"resourceAttributes": {"verb": "delete", "resource": "pods"}});
        assert!(!allowed(&User::Forwarder, &delete));
        assert!(allowed(&User::Admin, &delete));
        assert!(allowed(
            &User::Forwarder,
            &json!({"nonResourceAttributes": {"verb": "get", "path": "/version"}})
        ));
        assert!(!allowed(&User::Forwarder, &json!({})));
    }

    #[test]
    fn a_self_review_names_the_user() {
        let answer = review(
            "selfsubjectreviews",
            &json!({}),
            &Identity::of(&User::Admin),
            &Rules::new(),
        )
        .unwrap();
        assert_eq!(answer["status"]["userInfo"]["username"], "admin");
        assert_eq!(
            review(
                "tokenreviews",
                &json!({}),
                &Identity::of(&User::Admin),
                &Rules::new()
            ),
            None
        );
    }
}
