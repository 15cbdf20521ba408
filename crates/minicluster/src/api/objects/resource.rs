//! The resources that the API server knows: names, kinds, scopes and what may be done with them.

/// A kind of object. The order is that of the discovery answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Resource {
    ConfigMaps,
    Events,
    Namespaces,
    Nodes,
    PersistentVolumeClaims,
    Pods,
    ReplicationControllers,
    Secrets,
    ServiceAccounts,
    Services,
    DaemonSets,
    Deployments,
    ReplicaSets,
    StatefulSets,
    CronJobs,
    Jobs,
    EndpointSlices,
}

impl Resource {
    pub(crate) const ALL: [Self; 17] = [
        Self::ConfigMaps,
        Self::Events,
        Self::Namespaces,
        Self::Nodes,
        Self::PersistentVolumeClaims,
        Self::Pods,
        Self::ReplicationControllers,
        Self::Secrets,
        Self::ServiceAccounts,
        Self::Services,
        Self::DaemonSets,
        Self::Deployments,
        Self::ReplicaSets,
        Self::StatefulSets,
        Self::CronJobs,
        Self::Jobs,
        Self::EndpointSlices,
    ];

    /// The resource of a path: its group (empty for the core group), version and plural name.
    pub(crate) fn find(group: &str, version: &str, plural: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resource| {
            let info = resource.info();
            info.group.name == group && info.group.version == version && info.plural == plural
        })
    }

    /// Whether its objects count the changes of their spec in `metadata.generation`.
    pub(crate) fn has_generation(self) -> bool {
        self.info().group != CORE || matches!(self, Self::Pods | Self::ReplicationControllers)
    }

    /// The resource of an object's `apiVersion` and `kind`.
    pub(crate) fn of_kind(api_version: &str, kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resource| {
            let info = resource.info();
            info.kind == kind && info.group.api_version() == api_version
        })
    }

    pub(crate) fn info(self) -> ResourceInfo {
        match self {
            Self::ConfigMaps => info(CORE, "configmaps", "ConfigMap", &["cm"]),
            Self::Events => info(CORE, "events", "Event", &["ev"]),
            Self::Namespaces => ResourceInfo {
                namespaced: false,
                ..info(CORE, "namespaces", "Namespace", &["ns"])
            },
            Self::Nodes => ResourceInfo {
                namespaced: false,
                ..info(CORE, "nodes", "Node", &["no"])
            },
            Self::PersistentVolumeClaims => {
                info(CORE, "persistentvolumeclaims", "PersistentVolumeClaim", &["pvc"])
            }
            Self::Pods => ResourceInfo {
                in_all: true,
                subresources: &[PORT_FORWARD, STATUS],
                ..info(CORE, "pods", "Pod", &["po"])
            },
            Self::ReplicationControllers => ResourceInfo {
                in_all: true,
                subresources: &[SCALE, STATUS],
                ..info(CORE, "replicationcontrollers", "ReplicationController", &["rc"])
            },
            Self::Secrets => info(CORE, "secrets", "Secret", &[]),
            Self::ServiceAccounts => info(CORE, "serviceaccounts", "ServiceAccount", &["sa"]),
            Self::Services => ResourceInfo {
                in_all: true,
                subresources: &[STATUS],
                ..info(CORE, "services", "Service", &["svc"])
            },
            Self::DaemonSets => ResourceInfo {
                in_all: true,
                subresources: &[STATUS],
                ..info(APPS, "daemonsets", "DaemonSet", &["ds"])
            },
            Self::Deployments => ResourceInfo {
                in_all: true,
                subresources: &[SCALE, STATUS],
                ..info(APPS, "deployments", "Deployment", &["deploy"])
            },
            Self::ReplicaSets => ResourceInfo {
                in_all: true,
                subresources: &[SCALE, STATUS],
                ..info(APPS, "replicasets", "ReplicaSet", &["rs"])
            },
            Self::StatefulSets => ResourceInfo {
                in_all: true,
                subresources: &[SCALE, STATUS],
                ..info(APPS, "statefulsets", "StatefulSet", &["sts"])
            },
            Self::CronJobs => ResourceInfo {
                in_all: true,
                ..info(BATCH, "cronjobs", "CronJob", &["cj"])
            },
            Self::Jobs => ResourceInfo {
                in_all: true,
                subresources: &[STATUS],
                ..info(BATCH, "jobs", "Job", &[])
            },
            Self::EndpointSlices => info(DISCOVERY, "endpointslices", "EndpointSlice", &[]),
        }
    }
}

/// A group and the one version of it that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// Empty for the core group.
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
}

impl Group {
    /// All groups with objects or reviews, the core group first.
    pub(crate) const ALL: [Self; 6] = [CORE, APPS, AUTHENTICATION, AUTHORIZATION, BATCH, DISCOVERY];

    /// As in an object's `apiVersion`: `v1`, `apps/v1`.
    pub(crate) fn api_version(self) -> String {
        match self.name {
            "" => self.version.to_owned(),
            name => format!("{name}/{}", self.version),
        }
    }
}

pub(crate) const CORE: Group = Group {
    name: "",
    version: "v1",
};
pub(crate) const APPS: Group = Group {
    name: "apps",
    version: "v1",
};
pub(crate) const AUTHENTICATION: Group = Group {
    name: "authentication.k8s.io",
    version: "v1",
};
pub(crate) const AUTHORIZATION: Group = Group {
    name: "authorization.k8s.io",
    version: "v1",
};
pub(crate) const BATCH: Group = Group {
    name: "batch",
    version: "v1",
};
pub(crate) const DISCOVERY: Group = Group {
    name: "discovery.k8s.io",
    version: "v1",
};

/// What there is to say of a resource.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResourceInfo {
    pub(crate) group: Group,
    pub(crate) plural: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) short_names: &'static [&'static str],
    pub(crate) namespaced: bool,
    /// Whether `kubectl get all` shows it.
    pub(crate) in_all: bool,
    pub(crate) subresources: &'static [Subresource],
}

impl ResourceInfo {
    pub(crate) fn singular(&self) -> String {
        self.kind.to_ascii_lowercase()
    }

    /// `pods`, or `deployments.apps`: as error messages name it.
    pub(crate) fn qualified(&self) -> String {
        match self.group.name {
            "" => self.plural.to_owned(),
            group => format!("{}.{group}", self.plural),
        }
    }
}

/// A part of an object with a path of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subresource {
    pub(crate) name: &'static str,
    pub(crate) verbs: &'static [&'static str],
    /// What it is read and written as, if not as the object itself, and the group of that kind, if it is not
    /// that of the object.
    form: Option<(&'static str, Option<Group>)>,
}

impl Subresource {
    pub(crate) fn kind_in(&self, info: &ResourceInfo) -> &'static str {
        self.form.map_or(info.kind, |(kind, _)| kind)
    }

    pub(crate) fn foreign_group(&self) -> Option<Group> {
        self.form.and_then(|(_, group)| group)
    }
}

const AUTOSCALING: Group = Group {
    name: "autoscaling",
    version: "v1",
};
const PORT_FORWARD: Subresource = Subresource {
    name: "portforward",
    verbs: &["create", "get"],
    form: Some(("PodPortForwardOptions", None)),
};
const SCALE: Subresource = Subresource {
    name: "scale",
    verbs: &["get", "patch", "update"],
    form: Some(("Scale", Some(AUTOSCALING))),
};
const STATUS: Subresource = Subresource {
    name: "status",
    verbs: &["get", "patch", "update"],
    form: None,
};

fn info(
    group: Group,
    plural: &'static str,
    kind: &'static str,
    short_names: &'static [&'static str],
) -> ResourceInfo {
    ResourceInfo {
        group,
        plural,
        kind,
        short_names,
        namespaced: true,
        in_all: false,
        subresources: &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resource_is_found_by_its_path_and_by_its_kind() {
        for resource in Resource::ALL {
            let info = resource.info();
            assert_eq!(
                Resource::find(info.group.name, info.group.version, info.plural),
                Some(resource)
            );
            assert_eq!(
                Resource::of_kind(&info.group.api_version(), info.kind),
                Some(resource)
            );
        }
    }

    #[test]
    fn a_resource_of_another_group_is_not_found() {
        assert_eq!(Resource::find("", "v1", "deployments"), None);
        assert_eq!(Resource::find("apps", "v1beta1", "deployments"), None);
    }
}
