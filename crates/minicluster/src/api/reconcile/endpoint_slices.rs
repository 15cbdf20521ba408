//! Endpoint slices: the addresses behind each service.

use std::collections::BTreeMap;

use fastrand::Rng;

use crate::api::objects::{
    Endpoint, EndpointConditions, EndpointPort, EndpointSlice, Object, OwnerReference, Pod, Resource,
    Service, TargetRef, Timestamp,
};
use crate::api::store::{State, random_suffix, uid};

const SERVICE_LABEL: &str = "kubernetes.io/service-name";
const MANAGED_BY_LABEL: &str = "endpointslice.kubernetes.io/managed-by";
const MANAGED_BY: &str = "endpointslice-controller.k8s.io";

/// A slice's ports as they compare: name, number, protocol.
type Ports = Vec<(String, u16, String)>;

pub(super) fn reconcile(state: &mut State, random: &mut Rng, now: Timestamp) {
    let services: Vec<Service> = (state.list(Resource::Services, None))
        .filter_map(|object| match &**object {
            Object::Service(service) if !service.spec.selector.is_empty() => Some(service.clone()),
            _ => None,
        })
        .collect();
    for service in services {
        let mut known = slices_of(state, &service);
        for (ports, endpoints) in wanted(state, &service) {
            let index = known.iter().position(|slice| ports_of(slice) == ports);
            let mut slice =
                index.map_or_else(|| new_slice(&service, random), |index| known.swap_remove(index));
            slice.endpoints = endpoints;
            slice.ports = (ports.into_iter())
                .map(|(name, port, protocol)| EndpointPort { name, port, protocol })
                .collect();
            // Neither can fail but for a full store, and then the next change brings us here again.
            let _ = match index {
                Some(_) => state.update(Object::EndpointSlice(slice)),
                None => state.create(Object::EndpointSlice(slice), uid(random), now),
            };
        }
        for slice in known {
            state.remove(
                Resource::EndpointSlices,
                &slice.metadata.namespace,
                &slice.metadata.name,
            );
        }
    }
}

/// The service's endpoints by the ports they have: a named port may be another number on another pod.
fn wanted(state: &State, service: &Service) -> BTreeMap<Ports, Vec<Endpoint>> {
    let mut wanted: BTreeMap<Ports, Vec<Endpoint>> = BTreeMap::new();
    let pods = state
        .list(Resource::Pods, Some(&service.metadata.namespace))
        .filter_map(|object| object.as_pod());
    let selected = |pod: &&Pod| {
        let labels = &pod.metadata.labels;
        service
            .spec
            .selector
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
    };
    for pod in pods
        .filter(selected)
        .filter(|pod| !pod.status.pod_ip.is_empty() && !pod.is_finished())
    {
        let ports = service
            .spec
            .ports
            .iter()
            .filter_map(|port| Some((port.name.clone(), port.on(pod)?, port.protocol.clone())));
        wanted
            .entry(ports.collect())
            .or_default()
            .push(endpoint(service, pod));
    }
    if wanted.is_empty() {
        wanted.insert(Ports::new(), Vec::new());
    }
    wanted
}

fn endpoint(service: &Service, pod: &Pod) -> Endpoint {
    let terminating = pod.metadata.is_deleting();
    Endpoint {
        addresses: vec![pod.status.pod_ip.clone()],
        conditions: EndpointConditions {
            ready: service.spec.publish_not_ready_addresses || (pod.is_ready() && !terminating),
            serving: pod.is_ready(),
            terminating,
        },
        node_name: pod.spec.node_name.clone(),
        target_ref: Some(TargetRef {
            kind: "Pod".to_owned(),
            namespace: pod.metadata.namespace.clone(),
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
        }),
    }
}

fn slices_of(state: &State, service: &Service) -> Vec<EndpointSlice> {
    (state.list(Resource::EndpointSlices, Some(&service.metadata.namespace)))
        .filter_map(|object| match &**object {
            Object::EndpointSlice(slice) if slice.metadata.is_owned_by(&service.metadata.uid) => {
                Some(slice.clone())
            }
            _ => None,
        })
        .collect()
}

fn ports_of(slice: &EndpointSlice) -> Ports {
    let ports = slice.ports.iter();
    ports
        .map(|port| (port.name.clone(), port.port, port.protocol.clone()))
        .collect()
}

fn new_slice(service: &Service, random: &mut Rng) -> EndpointSlice {
    let mut slice = EndpointSlice {
        address_type: "IPv4".to_owned(),
        ..EndpointSlice::default()
    };
    let meta = &service.metadata;
    slice.metadata.generate_name = format!("{}-", meta.name);
    slice.metadata.name = format!("{}-{}", meta.name, random_suffix(random));
    slice.metadata.namespace.clone_from(&meta.namespace);
    slice.metadata.labels.clone_from(&meta.labels);
    slice
        .metadata
        .labels
        .insert(SERVICE_LABEL.to_owned(), meta.name.clone());
    slice
        .metadata
        .labels
        .insert(MANAGED_BY_LABEL.to_owned(), MANAGED_BY.to_owned());
    slice.metadata.owner_references = vec![OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Service".to_owned(),
        name: meta.name.clone(),
        uid: meta.uid.clone(),
        controller: true,
        block_owner_deletion: true,
    }];
    slice
}
