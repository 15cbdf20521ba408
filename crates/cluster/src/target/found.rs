//! What a target comes to: its pods now, and where its ports lead.

use podline_wire::Untrusted;

use super::pod::{ContainerPort, Place};
use super::service::Protocol;
use super::{Pod, PortError, RemotePort, Service, Target, TargetPort};

/// A target's pods, and where its ports lead.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The target, always with its namespace.
    pub target: Target,
    /// Its pods, the best one first; there may be none.
    pub pods: Vec<Pod>,
    pub(crate) service: Option<Service>,
}

impl Found {
    /// The port inside `pod` that a remote port means.
    ///
    /// A service's ports are translated by its `targetPort`s, a headless one's are taken as they are; names of a
    /// pod's ports are looked up in its containers, then in its init containers; numbers are not checked.
    pub fn endpoint(&self, pod: &Pod, port: &RemotePort) -> Result<u16, PortError> {
        self.refuse_udp(Some(pod), port)?;
        match &self.service {
            None => container_port(pod, port),
            Some(service) => {
                let number = service_port(service, port)?;
                let declared = service.ports.iter().find(|declared| declared.number == number);
                let declared = declared.ok_or_else(|| PortError::NotInService {
                    service: Untrusted::new(&*service.name),
                    port: number,
                })?;
                match &declared.target {
                    _ if service.headless => Ok(number),
                    TargetPort::Same => Ok(number),
                    TargetPort::Number(number) => Ok(*number),
                    TargetPort::Name(name) => named_container_port(pod, name),
                }
            }
        }
    }

    /// The local port that is meant where only a remote one is given: the same number, for a service that of the
    /// service, for a name the number that it stands for.
    pub fn local_port(&self, port: &RemotePort) -> Result<u16, PortError> {
        match (&self.service, port) {
            (_, RemotePort::Number(number)) => Ok(*number),
            (Some(service), RemotePort::Name(_)) => service_port(service, port),
            (None, RemotePort::Name(name)) => match self.pods.first() {
                Some(pod) => named_container_port(pod, name),
                None => Err(PortError::NoPod {
                    target: self.target.clone(),
                }),
            },
        }
    }

    /// Every TCP port that is declared, by number: a service's own ports, else those of the containers and sidecars
    /// of the first pod.
    pub fn declared_tcp_ports(&self) -> Vec<RemotePort> {
        let mut ports = Vec::new();
        let mut add = |number: u16| {
            let port = RemotePort::Number(number);
            if !ports.contains(&port) {
                ports.push(port);
            }
        };
        if let Some(service) = &self.service {
            service
                .ports
                .iter()
                .filter(|port| port.protocol == Protocol::Tcp)
                .for_each(|port| add(port.number));
        } else if let Some(pod) = self.pods.first() {
            let running = pod.ports.iter().filter(|port| port.place != Place::Init);
            running
                .filter(|port| port.protocol == Protocol::Tcp)
                .for_each(|port| add(port.number));
        }
        ports
    }

    /// Whether the target is a service that keeps a client with one pod (`sessionAffinity: ClientIP`).
    pub fn is_sticky(&self) -> bool {
        self.service.as_ref().is_some_and(|service| service.sticky)
    }

    /// Has pods that run count as ready where the service publishes them without asking.
    pub(crate) fn publish_not_ready(&mut self) {
        if self
            .service
            .as_ref()
            .is_some_and(|service| service.publishes_not_ready)
        {
            for pod in &mut self.pods {
                pod.ready |= pod.is_running() && !pod.deleting;
            }
        }
    }

    /// kubectl's check: a port that is only declared for UDP is refused, one declared for nothing is not.
    fn refuse_udp(&self, pod: Option<&Pod>, port: &RemotePort) -> Result<(), PortError> {
        let declared: Vec<(u16, Protocol)>;
        let number = match (&self.service, pod) {
            (Some(service), _) => {
                declared = service
                    .ports
                    .iter()
                    .map(|port| (port.number, port.protocol))
                    .collect();
                service_port(service, port)?
            }
            (None, Some(pod)) => {
                let containers = pod.ports.iter().filter(|port| port.place == Place::Container);
                declared = containers.map(|port| (port.number, port.protocol)).collect();
                container_port(pod, port)?
            }
            (None, None) => return Ok(()),
        };
        let has = |protocol| declared.contains(&(number, protocol));
        if has(Protocol::Udp) && !has(Protocol::Tcp) {
            return Err(PortError::Udp { port: port.clone() });
        }
        Ok(())
    }
}

fn service_port(service: &Service, port: &RemotePort) -> Result<u16, PortError> {
    match port {
        RemotePort::Number(number) => Ok(*number),
        RemotePort::Name(name) => {
            let declared = service
                .ports
                .iter()
                .find(|declared| declared.name.as_deref() == Some(name));
            declared
                .map(|declared| declared.number)
                .ok_or_else(|| PortError::NoServicePortName {
                    service: Untrusted::new(&*service.name),
                    port: Untrusted::new(&**name),
                    known: names(service.ports.iter().map(|port| port.name.as_deref())),
                })
        }
    }
}

fn container_port(pod: &Pod, port: &RemotePort) -> Result<u16, PortError> {
    match port {
        RemotePort::Number(number) => Ok(*number),
        RemotePort::Name(name) => named_container_port(pod, name),
    }
}

fn named_container_port(pod: &Pod, name: &str) -> Result<u16, PortError> {
    let is_meant = |port: &&ContainerPort| port.name.as_deref() == Some(name);
    pod.ports
        .iter()
        .find(is_meant)
        .map(|port| port.number)
        .ok_or_else(|| PortError::NoContainerPortName {
            pod: Untrusted::new(&*pod.name),
            port: Untrusted::new(name),
            known: names(pod.ports.iter().map(|port| port.name.as_deref())),
        })
}

fn names<'a>(names: impl Iterator<Item = Option<&'a str>>) -> Vec<Untrusted> {
    names.flatten().map(Untrusted::new).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;
    use crate::raw;
    use crate::target::Kind;

    fn pod() -> Pod {
        let pod: raw::Pod = serde_json::from_value(json!({
            "metadata": {"name": "web-1", "namespace": "default"},
            "spec": {
                "containers": [
                    {"name": "app", "ports": [
                        {"name": "http", "containerPort": 8080, "protocol": "TCP"},
                        {"containerPort": 9000},
                        {"name": "dns", "containerPort": 53, "protocol": "UDP"},
                        {"name": "both", "containerPort": 54, "protocol": "UDP"},
                        {"containerPort": 54, "protocol": "TCP"},
                    ]},
                ],
                "initContainers": [
                    {"name": "proxy", "restartPolicy": "Always", "ports": [{"name": "admin", "containerPort": 9901}]},
                    {"name": "setup", "ports": [{"name": "setup", "containerPort": 99}, {"name": "http", "containerPort": 1}]},
                ],
            },
        }))
        .unwrap();
        Pod::new(&pod)
    }

    fn found(service: Option<serde_json::Value>) -> Found {
        let service =
            service.map(|service| Service::new(&serde_json::from_value::<raw::Service>(service).unwrap()));
        let kind = if service.is_some() {
            Kind::Service
        } else {
            Kind::Pod
        };
        let target = Target {
            namespace: Some("default".into()),
            kind,
            name: "web".into(),
        };
        Found {
            target,
            pods: vec![pod()],
            service,
        }
    }

    fn service(cluster_ip: &str) -> serde_json::Value {
        json!({"metadata": {"name": "mysvc"}, "spec": {"clusterIP": cluster_ip, "ports": [
            {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"},
            {"name": "plain", "port": 81},
            {"name": "zero", "port": 82, "targetPort": 0},
            {"name": "moved", "port": 83, "targetPort": 9000},
            {"name": "lost", "port": 84, "targetPort": "missing"},
            {"name": "dns", "port": 53, "targetPort": 53, "protocol": "UDP"},
            {"name": "quic", "port": 443, "targetPort": 1443, "protocol": "UDP"},
            {"name": "https", "port": 443, "targetPort": 2443, "protocol": "TCP"},
        ]}})
    }

    /// Remote port, what it means inside the pod, and what it means locally.
    type Row = (&'static str, Result<u16, &'static str>, Result<u16, &'static str>);

    fn check(found: &Found, rows: &[Row]) {
        for (port, endpoint, local) in rows {
            let port: RemotePort = port.parse().unwrap();
            let got = found
                .endpoint(&found.pods[0], &port)
                .map_err(|error| error.to_string());
            assert_eq!(got, endpoint.map_err(str::to_owned), "endpoint of {port}");
            let got = found.local_port(&port).map_err(|error| error.to_string());
            assert_eq!(got, local.map_err(str::to_owned), "local port of {port}");
        }
    }

    #[test]
    fn a_pods_ports_are_taken_as_they_are_and_names_looked_up() {
        check(
            &found(None),
            &[
                ("80", Ok(80), Ok(80)),
                ("http", Ok(8080), Ok(8080)),
                ("admin", Ok(9901), Ok(9901)),
                ("setup", Ok(99), Ok(99)),
                ("53", Err("UDP protocol is not supported for 53"), Ok(53)),
                ("dns", Err("UDP protocol is not supported for dns"), Ok(53)),
                ("both", Ok(54), Ok(54)),
                (
                    "nope",
                    Err("Pod 'web-1' does not have a named port 'nope'"),
                    Err("Pod 'web-1' does not have a named port 'nope'"),
                ),
            ],
        );
    }

    #[test]
    fn a_services_ports_are_translated_by_their_target_ports() {
        check(
            &found(Some(service("10.0.0.1"))),
            &[
                ("80", Ok(8080), Ok(80)),
                ("http", Ok(8080), Ok(80)),
                ("81", Ok(81), Ok(81)),
                ("zero", Ok(82), Ok(82)),
                ("moved", Ok(9000), Ok(83)),
                (
                    "84",
                    Err("Pod 'web-1' does not have a named port 'missing'"),
                    Ok(84),
                ),
                ("53", Err("UDP protocol is not supported for 53"), Ok(53)),
                // The first port of that number decides, whatever its protocol.
                ("443", Ok(1443), Ok(443)),
                (
                    "9999",
                    Err("Service mysvc does not have a service port 9999"),
                    Ok(9999),
                ),
                (
                    "zzz",
                    Err("Service 'mysvc' does not have a named port 'zzz'"),
                    Err("Service 'mysvc' does not have a named port 'zzz'"),
                ),
            ],
        );
    }

    #[test]
    fn a_headless_services_numbers_are_the_containers() {
        check(
            &found(Some(service("None"))),
            &[
                ("80", Ok(80), Ok(80)),
                ("moved", Ok(83), Ok(83)),
                ("84", Ok(84), Ok(84)),
            ],
        );
    }

    #[test]
    fn all_ports_are_the_declared_tcp_ports() {
        let numbers = |found: &Found| {
            found
                .declared_tcp_ports()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(numbers(&found(None)), ["8080", "9000", "54", "9901"]);
        assert_eq!(
            numbers(&found(Some(service("10.0.0.1")))),
            ["80", "81", "82", "83", "84", "443"]
        );
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_right_ones() {
        let port = RemotePort::Name("zzz".into());
        let error = found(Some(service("10.0.0.1")))
            .endpoint(&pod(), &port)
            .unwrap_err();
        assert_eq!(
            error.hint().unwrap(),
            "its named ports are http, plain, zero, moved, lost, dns, quic, https"
        );
    }

    #[test]
    fn without_a_pod_a_name_has_no_number() {
        let found = Found {
            pods: Vec::new(),
            ..found(None)
        };
        let error = found.local_port(&RemotePort::Name("http".into())).unwrap_err();
        assert_eq!(error.to_string(), "pod/web has no pod to look its ports up in");
        assert!(found.declared_tcp_ports().is_empty());
    }
}
