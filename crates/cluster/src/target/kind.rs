//! The kinds of objects that stand for pods.

use std::fmt;

/// A kind of object that a connection can be forwarded to.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// `daemonsets.apps`
    DaemonSet,
    /// `deployments.apps`
    Deployment,
    /// `jobs.batch`
    Job,
    /// `pods`
    Pod,
    /// `replicasets.apps`
    ReplicaSet,
    /// `replicationcontrollers`
    ReplicationController,
    /// `services`
    Service,
    /// `statefulsets.apps`
    StatefulSet,
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Self; 8] = [
        Self::DaemonSet,
        Self::Deployment,
        Self::Job,
        Self::Pod,
        Self::ReplicaSet,
        Self::ReplicationController,
        Self::Service,
        Self::StatefulSet,
    ];

    /// Finds a kind by any name that kubectl knows it by: plural, singular, short name or kind, alone or with its
    /// API group (`deployments.apps`) or version and group (`deployments.v1.apps`); case does not matter.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let (resource, qualifier) = name.split_once('.').unwrap_or((name.as_str(), ""));
        let kind = Self::ALL
            .into_iter()
            .find(|kind| kind.names().contains(&resource))?;
        kind.qualifiers().contains(&qualifier).then_some(kind)
    }

    /// The name of the resource in API paths and access rules, such as `deployments`.
    pub fn resource(self) -> &'static str {
        self.names()[0]
    }

    /// The API group that it belongs to; the core group has the empty name.
    pub fn group(self) -> &'static str {
        match self {
            Self::DaemonSet | Self::Deployment | Self::ReplicaSet | Self::StatefulSet => "apps",
            Self::Job => "batch",
            Self::Pod | Self::ReplicationController | Self::Service => "",
        }
    }

    /// Whether this is a pod itself, rather than something that selects pods.
    pub fn is_pod(self) -> bool {
        self == Self::Pod
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::DaemonSet => &["daemonsets", "daemonset", "ds"],
            Self::Deployment => &["deployments", "deployment", "deploy"],
            Self::Job => &["jobs", "job"],
            Self::Pod => &["pods", "pod", "po"],
            Self::ReplicaSet => &["replicasets", "replicaset", "rs"],
            Self::ReplicationController => &["replicationcontrollers", "replicationcontroller", "rc"],
            Self::Service => &["services", "service", "svc"],
            Self::StatefulSet => &["statefulsets", "statefulset", "sts"],
        }
    }

    /// What may follow the first dot of the resource's name; nothing at all is one possibility.
    fn qualifiers(self) -> &'static [&'static str] {
        match self {
            Self::DaemonSet | Self::Deployment | Self::ReplicaSet | Self::StatefulSet => {
                &["", "apps", "v1.apps"]
            }
            Self::Job => &["", "batch", "v1.batch"],
            // The core group has the empty name: `pods.v1.` with a dot at its end is how kubectl writes it.
            Self::Pod | Self::ReplicationController | Self::Service => &["", "v1", "v1."],
        }
    }
}

/// The name that is used in messages and in front of a slash, such as `svc`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::DaemonSet => "daemonset",
            Self::Deployment => "deployment",
            Self::Job => "job",
            Self::Pod => "pod",
            Self::ReplicaSet => "replicaset",
            Self::ReplicationController => "replicationcontroller",
            Self::Service => "svc",
            Self::StatefulSet => "statefulset",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubectls_names_are_known() {
        for (name, kind) in [
            ("po", Kind::Pod),
            ("Pod", Kind::Pod),
            ("pods.v1.", Kind::Pod),
            ("deploy", Kind::Deployment),
            ("deployments.apps", Kind::Deployment),
            ("deployments.v1.apps", Kind::Deployment),
            ("rs", Kind::ReplicaSet),
            ("sts", Kind::StatefulSet),
            ("ds", Kind::DaemonSet),
            ("jobs.batch", Kind::Job),
            ("rc", Kind::ReplicationController),
            ("SVC", Kind::Service),
        ] {
            assert_eq!(Kind::named(name), Some(kind), "{name}");
        }
        for name in [
            "",
            "cm",
            "configmaps",
            "pods.apps",
            "deployments.batch",
            "deployments.extensions",
            ".",
        ] {
            assert_eq!(Kind::named(name), None, "{name}");
        }
    }

    #[test]
    fn what_is_shown_is_understood() {
        for kind in Kind::ALL {
            assert_eq!(Kind::named(&kind.to_string()), Some(kind));
            assert_eq!(Kind::named(kind.resource()), Some(kind));
        }
    }
}
