//! What matters of a service: which ports it has and how they map to containers.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::raw;

/// What matters of a service.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) ports: Vec<ServicePort>,
    /// `clusterIP: None`: its port numbers are the containers'.
    pub(crate) headless: bool,
    /// `sessionAffinity: ClientIP`: a client is to stay with one pod.
    pub(crate) sticky: bool,
    /// `publishNotReadyAddresses`: pods that are not ready count as ready.
    pub(crate) publishes_not_ready: bool,
}

/// One port of a service.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ServicePort {
    pub(crate) name: Option<String>,
    pub(crate) number: u16,
    pub(crate) protocol: Protocol,
    pub(crate) target: TargetPort,
}

/// Where a service's port leads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum TargetPort {
    /// To the container port of the same number.
    Same,
    Number(u16),
    Name(String),
}

/// The protocol of a port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
    /// SCTP, and whatever is to come: neither offered nor refused.
    Other,
}

impl Service {
    pub(crate) fn new(service: &raw::Service) -> Self {
        let spec = service.spec.as_ref();
        Self {
            name: service.metadata.name.clone().unwrap_or_default(),
            ports: spec
                .and_then(|spec| spec.ports.as_deref())
                .unwrap_or_default()
                .iter()
                .filter_map(ServicePort::new)
                .collect(),
            headless: spec.and_then(|spec| spec.cluster_ip.as_deref()) == Some("None"),
            sticky: spec.and_then(|spec| spec.session_affinity.as_deref()) == Some("ClientIP"),
            publishes_not_ready: spec
                .and_then(|spec| spec.publish_not_ready_addresses)
                .unwrap_or_default(),
        }
    }
}

impl ServicePort {
    /// Leaves out what has a number that no port can have; the API server accepts none such.
    fn new(port: &raw::ServicePort) -> Option<Self> {
        Some(Self {
            name: port.name.clone().filter(|name| !name.is_empty()),
            number: u16::try_from(port.port).ok()?,
            protocol: Protocol::named(port.protocol.as_deref()),
            target: match &port.target_port {
                None | Some(IntOrString::Int(0)) => TargetPort::Same,
                Some(IntOrString::Int(number)) => TargetPort::Number(u16::try_from(*number).ok()?),
                Some(IntOrString::String(name)) if name.is_empty() => TargetPort::Same,
                Some(IntOrString::String(name)) => TargetPort::Name(name.clone()),
            },
        })
    }
}

impl Protocol {
    /// A port without a protocol is a TCP port: the API server's default.
    pub(crate) fn named(name: Option<&str>) -> Self {
        match name {
            None | Some("" | "TCP") => Self::Tcp,
            Some("UDP") => Self::Udp,
            Some(_) => Self::Other,
        }
    }
}
