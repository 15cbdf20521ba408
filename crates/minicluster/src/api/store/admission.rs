//! What happens to an object before it is stored: a name, defaults, addresses, the checks.

use std::collections::BTreeSet;

use fastrand::Rng;
use serde_json::json;

use super::state::State;
use crate::api::objects::{
    Container, LabelSelector, Object, PodSelector, PodSet, PodTemplate, Resource, Service, Strategy,
    StrategyKind, TargetPort,
};

/// What names are made of behind `generateName`: no vowels, so no words.
const NAME_ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// The longest name of an object.
const MAX_NAME: usize = 253;

/// Makes a new object ready to be stored in `namespace` (the request's, empty for cluster-wide resources).
pub(crate) fn admit(
    mut object: Object,
    namespace: &str,
    state: &State,
    random: &mut Rng,
) -> Result<Object, Inadmissible> {
    let resource = object.resource();
    let info = resource.info();
    let meta = object.meta_mut();
    if info.namespaced {
        if meta.namespace.is_empty() {
            namespace.clone_into(&mut meta.namespace);
        }
        if meta.namespace != namespace {
            return Err(Inadmissible::OtherNamespace);
        }
        if state.get(Resource::Namespaces, "", namespace).is_none() {
            return Err(Inadmissible::NoSuchNamespace(namespace.to_owned()));
        }
    } else {
        meta.namespace.clear();
    }
    if meta.name.is_empty() && !meta.generate_name.is_empty() {
        meta.name = format!("{}{}", meta.generate_name, random_suffix(random));
    }
    let name = meta.name.clone();
    if !is_valid_name(&name) {
        return Err(Inadmissible::Name(name));
    }
    match &mut object {
        Object::Pod(pod) => {
            // Assignment and status are the cluster's to make.
            pod.spec.node_name.clear();
            pod.status = Default::default();
            check_containers(&pod.spec.containers)?;
        }
        Object::Service(service) => give_addresses(service, state)?,
        Object::Deployment(deployment) => {
            deployment.status = Default::default();
            check_containers(&deployment.spec.template.spec.containers)?;
            let selector = &deployment.spec.selector;
            check_selector(&PodSelector::Labels(selector.clone()), &deployment.spec.template)?;
        }
        Object::Job(job) => {
            job.status.clear();
            give_job_selector(job, &name);
            check_containers(&job.spec.template.spec.containers)?;
        }
        other => {
            if let Some(set) = other.as_pod_set_mut() {
                set.status.clear();
                let labels = &set.spec.template.metadata.labels;
                if resource == Resource::ReplicationControllers && set.spec.selector == PodSelector::default()
                {
                    set.spec.selector = PodSelector::Plain(labels.clone());
                }
                check_containers(&set.spec.template.spec.containers)?;
                check_selector(&set.spec.selector, &set.spec.template)?;
            }
        }
    }
    fill_defaults(&mut object);
    Ok(object)
}

/// Fills in what the API server defaults, in new and in changed objects alike.
pub(crate) fn fill_defaults(object: &mut Object) {
    match object {
        Object::Deployment(deployment) => {
            let spec = &mut deployment.spec;
            spec.replicas.get_or_insert(1);
            let strategy = spec.strategy.get_or_insert_default();
            if strategy.kind == StrategyKind::RollingUpdate {
                strategy.rolling_update.get_or_insert_default();
            } else {
                *strategy = Strategy {
                    kind: StrategyKind::Recreate,
                    rolling_update: None,
                };
            }
            spec.rest
                .entry("revisionHistoryLimit")
                .or_insert_with(|| json!(10));
            spec.rest
                .entry("progressDeadlineSeconds")
                .or_insert_with(|| json!(600));
            spec.template.spec.fill_defaults();
        }
        Object::EndpointSlice(_) => {}
        Object::Plain(Resource::Namespaces, namespace) => {
            namespace
                .rest
                .entry("spec")
                .or_insert_with(|| json!({"finalizers": ["kubernetes"]}));
            namespace
                .rest
                .entry("status")
                .or_insert_with(|| json!({"phase": "Active"}));
            let name = namespace.metadata.name.clone();
            namespace
                .metadata
                .labels
                .insert("kubernetes.io/metadata.name".to_owned(), name);
        }
        Object::Plain(..) => {}
        Object::Pod(pod) => pod.spec.fill_defaults(),
        Object::Service(service) => {
            let spec = &mut service.spec;
            if spec.kind.is_empty() {
                "ClusterIP".clone_into(&mut spec.kind);
            }
            if spec.session_affinity.is_empty() {
                "None".clone_into(&mut spec.session_affinity);
            }
            spec.rest
                .entry("internalTrafficPolicy")
                .or_insert_with(|| json!("Cluster"));
            spec.rest.entry("ipFamilies").or_insert_with(|| json!(["IPv4"]));
            spec.rest
                .entry("ipFamilyPolicy")
                .or_insert_with(|| json!("SingleStack"));
            for port in &mut spec.ports {
                if port.protocol.is_empty() {
                    "TCP".clone_into(&mut port.protocol);
                }
                let number = port.port;
                port.target_port.get_or_insert(TargetPort::Number(number));
            }
        }
        Object::Job(job) => {
            job.spec.parallelism.get_or_insert(1);
            job.spec.template.spec.fill_defaults();
        }
        Object::DaemonSet(set) => {
            let strategy = json!({
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
            });
            set.spec.rest.entry("updateStrategy").or_insert(strategy);
            set.spec.template.spec.fill_defaults();
        }
        Object::ReplicaSet(set) | Object::ReplicationController(set) => {
            set.spec.replicas.get_or_insert(1);
            set.spec.template.spec.fill_defaults();
        }
        Object::StatefulSet(set) => {
            set.spec.replicas.get_or_insert(1);
            let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}});
            set.spec.rest.entry("updateStrategy").or_insert(strategy);
            set.spec
                .rest
                .entry("podManagementPolicy")
                .or_insert_with(|| json!("Parallel"));
            set.spec.template.spec.fill_defaults();
        }
    }
}

/// Five characters that make a name of its own.
pub(crate) fn random_suffix(random: &mut Rng) -> String {
    let letter = |_| char::from(NAME_ALPHABET[random.usize(..NAME_ALPHABET.len())]);
    (0..5).map(letter).collect()
}

/// A version 4 UUID.
pub(crate) fn uid(random: &mut Rng) -> String {
    let bits = random.u128(..) & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// Why an object may not be stored.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Inadmissible {
    #[error("spec.clusterIPs: no address is left")]
    AddressesUsedUp,
    #[error("metadata.name: Invalid value: {0:?}: a lowercase RFC 1123 subdomain is required")]
    Name(String),
    #[error("spec.containers: Required value")]
    NoContainers,
    #[error("namespaces {0:?} not found")]
    NoSuchNamespace(String),
    #[error("the namespace of the provided object does not match the namespace sent on the request")]
    OtherNamespace,
    #[error("`selector` does not match template `labels`")]
    Selector,
}

fn check_containers(containers: &[Container]) -> Result<(), Inadmissible> {
    match containers {
        [] => Err(Inadmissible::NoContainers),
        _ => Ok(()),
    }
}

fn check_selector(selector: &PodSelector, template: &PodTemplate) -> Result<(), Inadmissible> {
    let labels = &template.metadata.labels;
    let (empty, matches) = match selector {
        PodSelector::Labels(selector) => (*selector == LabelSelector::default(), selector.matches(labels)),
        PodSelector::Plain(wanted) => (
            wanted.is_empty(),
            wanted.iter().all(|(key, value)| labels.get(key) == Some(value)),
        ),
    };
    match !empty && matches {
        true => Ok(()),
        false => Err(Inadmissible::Selector),
    }
}

/// A job's pods are told by a label that the API server makes.
fn give_job_selector(job: &mut PodSet, name: &str) {
    let labels = [("batch.kubernetes.io/job-name", name), ("job-name", name)];
    for (key, value) in labels {
        job.spec
            .template
            .metadata
            .labels
            .insert(key.to_owned(), value.to_owned());
    }
    if job.spec.selector == PodSelector::default() {
        let mut selector = LabelSelector::default();
        selector
            .match_labels
            .insert("batch.kubernetes.io/job-name".to_owned(), name.to_owned());
        job.spec.selector = PodSelector::Labels(selector);
    }
}

/// Gives the service an address of 10.96.0.0/16, as a real cluster's service range is by default.
fn give_addresses(service: &mut Service, state: &State) -> Result<(), Inadmissible> {
    if service.spec.cluster_ip.is_empty() && service.spec.kind != "ExternalName" {
        let taken: BTreeSet<&str> = (state.list(Resource::Services, None))
            .filter_map(|object| match &**object {
                Object::Service(service) => Some(service.spec.cluster_ip.as_str()),
                _ => None,
            })
            .collect();
        let addresses = (1..=u16::MAX).map(|number| format!("10.96.{}.{}", number >> 8, number & 0xff));
        let free = addresses
            .into_iter()
            .find(|address| !taken.contains(address.as_str()));
        service.spec.cluster_ip = free.ok_or(Inadmissible::AddressesUsedUp)?;
    }
    if service.spec.cluster_ips.is_empty() && !service.spec.cluster_ip.is_empty() {
        service.spec.cluster_ips = vec![service.spec.cluster_ip.clone()];
    }
    Ok(())
}

fn is_valid_name(name: &str) -> bool {
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    name.len() <= MAX_NAME
        && edge(name.bytes().next())
        && edge(name.bytes().last())
        && name
            .bytes()
            .all(|byte| edge(Some(byte)) || byte == b'-' || byte == b'.')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::Value;

    use super::*;
    use crate::api::objects::Timestamp;

    fn state() -> State {
        let mut state = State::default();
        let namespace =
            Object::from_json(Resource::Namespaces, json!({"metadata": {"name": "default"}})).unwrap();
        state.create(namespace, "n".to_owned(), Timestamp::now()).unwrap();
        state
    }

    fn admit_json(resource: Resource, json: Value) -> Result<Value, Inadmissible> {
        let object = Object::from_json(resource, json).unwrap();
        admit(object, "default", &state(), &mut Rng::with_seed(1)).map(|object| object.to_json())
    }

    #[test]
    fn a_service_gets_an_address_and_its_target_ports() {
        let json = json!({"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}});
        let service = admit_json(Resource::Services, json).unwrap();
        assert_eq!(service["spec"]["clusterIP"], "10.96.0.1");
        assert_eq!(
            service["spec"]["ports"][0],
            json!({"port": 80, "protocol": "TCP", "targetPort": 80})
        );
        assert_eq!(service["metadata"]["namespace"], "default");
    }

    #[test]
    fn a_headless_service_stays_headless() {
        let json =
            json!({"metadata": {"name": "web"}, "spec": {"clusterIP": "None", "ports": [{"port": 80}]}});
        let service = admit_json(Resource::Services, json).unwrap();
        assert_eq!(service["spec"]["clusterIPs"], json!(["None"]));
    }

    #[test]
    fn a_name_is_made_where_asked() {
        let json = json!({"metadata": {"generateName": "web-"}, "spec": {"containers": [{"name": "c"}]}});
        let pod = admit_json(Resource::Pods, json).unwrap();
        assert_eq!(pod["metadata"]["name"].as_str().unwrap().len(), "web-".len() + 5);
    }

    #[test]
    fn bad_objects_are_refused() {
        let pod = |name: &str| json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c"}]}});
        for name in ["", "Web", "web_1", "-web", "web-", "a/b"] {
            assert_eq!(
                admit_json(Resource::Pods, pod(name)),
                Err(Inadmissible::Name(name.to_owned()))
            );
        }
        assert_eq!(
            admit_json(Resource::Pods, json!({"metadata": {"name": "x"}})),
            Err(Inadmissible::NoContainers)
        );
        let other = json!({"metadata": {"name": "x", "namespace": "other"}});
        assert_eq!(
            admit_json(Resource::Pods, other),
            Err(Inadmissible::OtherNamespace)
        );
        let deployment = json!({"metadata": {"name": "x"}, "spec": {
            "selector": {"matchLabels": {"app": "x"}},
            "template": {"metadata": {"labels": {"app": "y"}}, "spec": {"containers": [{"name": "c"}]}},
        }});
        assert_eq!(
            admit_json(Resource::Deployments, deployment),
            Err(Inadmissible::Selector)
        );
    }

    #[test]
    fn a_uid_is_a_random_uuid() {
        let text = uid(&mut Rng::with_seed(7));
        let lengths: Vec<_> = text.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(text.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&text.as_bytes()[19]));
    }
}
