//! What matters of a pod.

use std::fmt;
use std::net::IpAddr;

use k8s_openapi::jiff::Timestamp;
use podline_wire::Untrusted;

use super::container::{Container, containers, is_sidecar};
use super::service::Protocol;
use super::{Kind, Target};
use crate::raw;

/// One pod as the API server told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its identity: a successor of the same name has another one.
    pub uid: String,
    /// Its address in the cluster, once it has one.
    pub ip: Option<IpAddr>,
    /// Whether it may be given connections: its condition `Ready`, or a service that publishes it without.
    pub ready: bool,
    /// Where it is in its life.
    pub phase: Phase,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// What made it and would replace it.
    pub owner: Option<Owner>,
    /// Its containers and sidecars, and how each of them ended last.
    pub containers: Vec<Container>,
    pub(crate) scheduled: bool,
    pub(crate) created: Option<Timestamp>,
    pub(crate) deleted: Option<Timestamp>,
    pub(crate) ready_since: Option<Timestamp>,
    pub(crate) ports: Vec<ContainerPort>,
}

/// One declared port of a container.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ContainerPort {
    pub(crate) name: Option<String>,
    pub(crate) number: u16,
    pub(crate) protocol: Protocol,
    pub(crate) place: Place,
}

/// The sort of container that declares a port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    Container,
    /// An init container that ends before the pod runs.
    Init,
    /// An init container that goes on running.
    Sidecar,
}

impl Pod {
    pub(crate) fn new(pod: &raw::Pod) -> Self {
        let metadata = &pod.metadata;
        let status = pod.status.as_ref();
        let ready = status
            .and_then(|status| status.conditions.as_deref())
            .unwrap_or_default()
            .iter()
            .find(|condition| condition.r#type == "Ready" && condition.status == "True");
        Self {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
            uid: metadata.uid.clone().unwrap_or_default(),
            ip: status
                .and_then(|status| status.pod_ip.as_deref())
                .and_then(|ip| ip.parse().ok()),
            ready: ready.is_some(),
            phase: Phase::named(status.and_then(|status| status.phase.as_deref())),
            deleting: metadata.deletion_timestamp.is_some(),
            owner: Owner::of(pod),
            containers: containers(pod),
            scheduled: pod
                .spec
                .as_ref()
                .and_then(|spec| spec.node_name.as_ref())
                .is_some_and(|name| !name.is_empty()),
            created: metadata.creation_timestamp.as_ref().map(|time| time.0),
            deleted: metadata.deletion_timestamp.as_ref().map(|time| time.0),
            ready_since: ready
                .and_then(|condition| condition.last_transition_time.as_ref())
                .map(|time| time.0),
            ports: pod.spec.as_ref().map(ports).unwrap_or_default(),
        }
    }

    /// Whether it runs, ready or not.
    pub fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    /// The TCP ports that its containers and sidecars declare: numbers, and their names where they have one.
    pub fn declared_ports(&self) -> Vec<(u16, Option<Untrusted>)> {
        let running = self.ports.iter().filter(|port| port.place != Place::Init);
        running
            .filter(|port| port.protocol == Protocol::Tcp)
            .map(|port| (port.number, port.name.as_deref().map(Untrusted::new)))
            .collect()
    }

    /// The highest number of restarts of a container, and of a sidecar.
    pub(crate) fn restarts(&self) -> (u32, u32) {
        let most = |sidecar| {
            let containers = self
                .containers
                .iter()
                .filter(|container| container.sidecar == sidecar);
            containers.map(|container| container.restarts).max().unwrap_or(0)
        };
        (most(false), most(true))
    }
}

fn ports(spec: &raw::PodSpec) -> Vec<ContainerPort> {
    let containers = spec.containers.iter().flatten();
    let containers = containers.map(|container| (container, Place::Container));
    let init = spec.init_containers.iter().flatten();
    let init = init.map(|container| {
        (
            container,
            if is_sidecar(container) {
                Place::Sidecar
            } else {
                Place::Init
            },
        )
    });
    containers
        .chain(init)
        .flat_map(|(container, place)| {
            let ports = container.ports.iter().flatten();
            ports.filter_map(move |port| ContainerPort::new(port, place))
        })
        .collect()
}

impl ContainerPort {
    /// Leaves out what has a number that no port can have; the API server accepts none such.
    fn new(port: &raw::ContainerPort, place: Place) -> Option<Self> {
        Some(Self {
            name: port.name.clone().filter(|name| !name.is_empty()),
            number: u16::try_from(port.container_port).ok()?,
            protocol: Protocol::named(port.protocol.as_deref()),
            place,
        })
    }
}

/// Where a pod is in its life.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Phase {
    /// All containers ended, and at least one of them badly.
    Failed,
    /// Accepted, but not all of its containers have been started.
    Pending,
    /// At least one container runs, starts or restarts.
    Running,
    /// All containers ended well.
    Succeeded,
    /// Its node does not answer.
    Unknown,
}

impl Phase {
    fn named(name: Option<&str>) -> Self {
        match name {
            Some("Failed") => Self::Failed,
            Some("Running") => Self::Running,
            Some("Succeeded") => Self::Succeeded,
            Some("Unknown") => Self::Unknown,
            _ => Self::Pending,
        }
    }

    /// Whether the pod ran and never will again.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Failed | Self::Succeeded)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Failed => "Failed",
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Unknown => "Unknown",
        })
    }
}

/// What made a pod and would replace it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Owner {
    /// What a connection should be forwarded to so that it outlives the pod; for a pod of a deployment that is the
    /// deployment.
    pub target: Target,
}

impl Owner {
    fn of(pod: &raw::Pod) -> Option<Self> {
        let owners = pod.metadata.owner_references.as_deref()?;
        let owner = owners.iter().find(|owner| owner.controller == Some(true))?;
        let kind = Kind::named(&owner.kind)?;
        let labels = pod.metadata.labels.as_ref();
        let hash = labels.and_then(|labels| labels.pod_template_hash.as_ref());
        // A deployment names its replica sets NAME-HASH.
        let deployment = hash
            .filter(|_| kind == Kind::ReplicaSet)
            .and_then(|hash| owner.name.strip_suffix(hash.as_str())?.strip_suffix('-'));
        let (kind, name) = deployment.map_or((kind, owner.name.as_str()), |name| (Kind::Deployment, name));
        let target = Target {
            namespace: pod.metadata.namespace.clone(),
            kind,
            name: name.to_owned(),
        };
        Some(Self { target })
    }
}
