//! Who may do what.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::identity::Identity;
use super::request::{RequestInfo, TargetInfo};
use crate::user::User;

/// Members of this group may do everything.
pub(crate) const MASTERS: &str = "system:masters";

/// The resources that `kubectl port-forward` may have to look at, by what its target is.
const TARGETS: &str =
    "pods services deployments replicasets statefulsets daemonsets jobs replicationcontrollers";

/// Something that is allowed: verbs on resources, everywhere or in one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    verbs: Vec<String>,
    resources: Vec<String>,
    namespace: Option<String>,
}

impl Rule {
    /// Allows `verbs` on `resources`, both separated by spaces: `Rule::new("get list", "pods")`,
    /// `Rule::new("create", "pods/portforward")`. `*` is all of them.
    #[must_use]
    pub fn new(verbs: &str, resources: &str) -> Self {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        Self {
            verbs: words(verbs),
            resources: words(resources),
            namespace: None,
        }
    }

    /// The same in one namespace only.
    #[must_use]
    pub fn in_namespace(mut self, namespace: &str) -> Self {
        self.namespace = Some(namespace.to_owned());
        self
    }

    /// What `kubectl port-forward` needs, and no more: to look at what is named and its pods, and to create
    /// port-forwards. WebSockets need [`Rule::websocket`] too.
    #[must_use]
    pub fn port_forward() -> Vec<Self> {
        vec![
            Self::new("get list", TARGETS),
            Self::new("create", "pods/portforward"),
        ]
    }

    /// What a port-forward over WebSockets needs besides `create`.
    #[must_use]
    pub fn websocket() -> Self {
        Self::new("get", "pods/portforward")
    }

    fn allows(&self, verb: &str, target: &TargetInfo) -> bool {
        let resource = target.resource_and_subresource();
        let has = |words: &[String], word: &str| words.iter().any(|known| known == "*" || known == word);
        has(&self.verbs, verb)
            && has(&self.resources, &resource)
            && self
                .namespace
                .as_ref()
                .is_none_or(|namespace| *namespace == target.namespace)
    }
}

/// The rules of all users. A clone is a handle to the same rules.
#[derive(Clone, Debug)]
pub struct Rules {
    by_user: Arc<RwLock<BTreeMap<String, Vec<Rule>>>>,
    websocket_needs_create: Arc<AtomicBool>,
}

impl Rules {
    /// [`User::Forwarder`] has the rights of `kubectl port-forward`, all others but the administrator have none.
    pub(crate) fn new() -> Self {
        let forwarder = (User::Forwarder.name().to_owned(), Rule::port_forward());
        Self {
            by_user: Arc::new(RwLock::new(BTreeMap::from([forwarder]))),
            websocket_needs_create: Arc::new(AtomicBool::new(true)),
        }
    }

    /// Whether a port-forward over WebSockets needs the verb `create` besides `get`: so since Kubernetes 1.35, and
    /// so here by default.
    pub fn set_websocket_needs_create(&self, needed: bool) {
        self.websocket_needs_create.store(needed, Ordering::Relaxed);
    }

    pub(crate) fn websocket_needs_create(&self) -> bool {
        self.websocket_needs_create.load(Ordering::Relaxed)
    }

    /// Gives `user` these rights and no others. The administrator keeps all of his.
    pub fn set(&self, user: &User, rules: Vec<Rule>) {
        let mut by_user = self.by_user.write().unwrap_or_else(PoisonError::into_inner);
        by_user.insert(user.name().to_owned(), rules);
    }

    /// Whether `identity` may do what `request` asks.
    pub(crate) fn allow(&self, identity: &Identity, request: &RequestInfo) -> bool {
        if identity.groups.iter().any(|group| group == MASTERS) {
            return true;
        }
        match &request.target {
            Some(target) => self.allow_target(identity, request.verb, target),
            None => request.verb == "get" && is_open_to_all_users(&request.path),
        }
    }

    /// Whether `identity` may do `verb` to `target`.
    pub(crate) fn allow_target(&self, identity: &Identity, verb: &str, target: &TargetInfo) -> bool {
        if identity.groups.iter().any(|group| group == MASTERS) {
            return true;
        }
        let reviews_self = verb == "create"
            && matches!(
                target.description.group.as_str(),
                "authentication.k8s.io" | "authorization.k8s.io"
            )
            && target.description.plural.starts_with("selfsubject");
        reviews_self
            || self
                .of(&identity.name)
                .iter()
                .any(|rule| rule.allows(verb, target))
    }

    /// The rules of a user, as a `SelfSubjectRulesReview` gives them.
    pub(crate) fn review(&self, identity: &Identity) -> Vec<serde_json::Value> {
        let all = Rule::new("*", "*");
        let rules = match identity.groups.iter().any(|group| group == MASTERS) {
            true => vec![all],
            false => self.of(&identity.name),
        };
        (rules.iter())
            .map(|rule| {
                serde_json::json!({"verbs": rule.verbs, "apiGroups": ["*"], "resources": rule.resources})
            })
            .collect()
    }

    fn of(&self, name: &str) -> Vec<Rule> {
        let by_user = self.by_user.read().unwrap_or_else(PoisonError::into_inner);
        by_user.get(name).cloned().unwrap_or_default()
    }
}

/// Discovery, the version and the health of the server, which every user may see.
fn is_open_to_all_users(path: &str) -> bool {
    let roots = [
        "/api", "/apis", "/openapi", "/healthz", "/livez", "/readyz", "/version",
    ];
    roots
        .iter()
        .any(|root| path == *root || path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/')))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn allowed(rules: &Rules, user: &User, method: &str, path: &str) -> bool {
        let request = RequestInfo::parse(&method.parse().unwrap(), &path.parse().unwrap());
        rules.allow(&Identity::of(user), &request)
    }

    #[test]
    fn the_administrator_may_do_everything() {
        let rules = Rules::new();
        rules.set(&User::Admin, Vec::new());
        assert!(allowed(
            &rules,
            &User::Admin,
            "DELETE",
            "/api/v1/namespaces/default/pods/x"
        ));
        assert!(allowed(&rules, &User::Admin, "GET", "/metrics"));
    }

    #[test]
    fn the_forwarder_may_forward_and_little_more() {
        let rules = Rules::new();
        let may = |method, path| allowed(&rules, &User::Forwarder, method, path);
        assert!(may("GET", "/api/v1/namespaces/default/pods/x"));
        assert!(may("POST", "/api/v1/namespaces/default/pods/x/portforward"));
        assert!(may("GET", "/apis/apps/v1/namespaces/default/deployments/x"));
        assert!(may("GET", "/version") && may("GET", "/apis/apps/v1"));
        assert!(may(
            "POST",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        ));
        assert!(!may("GET", "/api/v1/namespaces/default/pods/x/portforward"));
        assert!(!may("GET", "/api/v1/namespaces/default/pods?watch=1"));
        assert!(!may("DELETE", "/api/v1/namespaces/default/pods/x"));
        assert!(!may("GET", "/metrics") && !may("GET", "/apisomething"));
    }

    #[test]
    fn rules_are_by_verb_resource_and_namespace() {
        let rules = Rules::new();
        let jane = User::Other("jane".to_owned());
        assert!(!allowed(&rules, &jane, "GET", "/api/v1/namespaces/a/pods/x"));
        rules.set(&jane, vec![Rule::new("get", "pods").in_namespace("a")]);
        assert!(allowed(&rules, &jane, "GET", "/api/v1/namespaces/a/pods/x"));
        assert!(!allowed(&rules, &jane, "GET", "/api/v1/namespaces/b/pods/x"));
        assert!(!allowed(&rules, &jane, "GET", "/api/v1/pods"));
        assert!(!allowed(
            &rules,
            &jane,
            "GET",
            "/api/v1/namespaces/a/pods/x/portforward"
        ));
    }
}
