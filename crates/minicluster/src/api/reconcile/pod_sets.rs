//! ReplicaSets and their like: as many pods as are wanted, no more, no fewer.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::template_hash;
use crate::api::objects::{Object, OwnerReference, Pod, PodSet, Resource, Timestamp};
use crate::api::store::{State, mark_deleted, random_suffix, uid};

/// The label by which stateful and daemon sets tell pods of the present template from older ones.
const REVISION_LABEL: &str = "controller-revision-hash";

/// How many pods one set may have: a wrong number must not fill the memory.
const MAX_PODS: u32 = 1000;

const KINDS: [Resource; 5] = [
    Resource::DaemonSets,
    Resource::Jobs,
    Resource::ReplicaSets,
    Resource::ReplicationControllers,
    Resource::StatefulSets,
];

pub(super) fn reconcile(state: &mut State, random: &mut Rng, now: Timestamp) {
    for resource in KINDS {
        let sets: Vec<Object> = state
            .list(resource, None)
            .map(|object| Object::clone(object))
            .collect();
        for mut object in sets {
            let Some(set) = object.as_pod_set() else { continue };
            let wanted = wanted(resource, set);
            let hash = template_hash(&set.spec.template);
            bring_to_number(state, resource, set, wanted, &hash, random, now);
            if has_revisions(resource) {
                replace_outdated(state, set, wanted, &hash, now);
            }
            let status = status(resource, set, wanted, &pods_of(state, set), now);
            if let Some(set) = object.as_pod_set_mut() {
                set.status = status;
            }
            // Read under the same lock, so it is there and unchanged.
            let _ = state.update(object);
        }
    }
}

fn wanted(resource: Resource, set: &PodSet) -> u32 {
    let wanted = match resource {
        // There is one node.
        Resource::DaemonSets => 1,
        Resource::Jobs => set.spec.parallelism.unwrap_or(1),
        _ => set.spec.replicas.unwrap_or(1),
    };
    wanted.min(MAX_PODS)
}

fn has_revisions(resource: Resource) -> bool {
    matches!(resource, Resource::DaemonSets | Resource::StatefulSets)
}

fn pods_of(state: &State, set: &PodSet) -> Vec<Pod> {
    let pods = state
        .list(Resource::Pods, Some(&set.metadata.namespace))
        .filter_map(|object| object.as_pod());
    pods.filter(|pod| pod.metadata.is_owned_by(&set.metadata.uid))
        .cloned()
        .collect()
}

fn bring_to_number(
    state: &mut State,
    resource: Resource,
    set: &PodSet,
    wanted: u32,
    hash: &str,
    random: &mut Rng,
    now: Timestamp,
) {
    let mut active: Vec<Pod> = pods_of(state, set).into_iter().filter(Pod::is_active).collect();
    let there = u32::try_from(active.len()).unwrap_or(u32::MAX);
    if resource == Resource::StatefulSets {
        for ordinal in 0..wanted {
            let name = format!("{}-{ordinal}", set.metadata.name);
            // A predecessor that is still ending keeps the name; its end brings us here again.
            if state
                .get(Resource::Pods, &set.metadata.namespace, &name)
                .is_none()
            {
                create_pod(state, resource, set, name, hash, random, now);
            }
        }
        for pod in active
            .iter()
            .filter(|pod| ordinal(pod).is_none_or(|ordinal| ordinal >= wanted))
        {
            delete_pod(state, pod, now);
        }
        return;
    }
    for _ in there..wanted {
        let name = format!("{}-{}", set.metadata.name, random_suffix(random));
        create_pod(state, resource, set, name, hash, random, now);
    }
    // Those that serve least go first: not ready before ready, young before old.
    active.sort_by_key(|pod| (pod.is_ready(), std::cmp::Reverse(pod.metadata.creation_timestamp)));
    for pod in active.iter().take(there.saturating_sub(wanted) as usize) {
        delete_pod(state, pod, now);
    }
}

/// Replaces one pod of an older template at a time, the last one first, once all others are ready.
fn replace_outdated(state: &mut State, set: &PodSet, wanted: u32, hash: &str, now: Timestamp) {
    let pods = pods_of(state, set);
    let ready = pods
        .iter()
        .filter(|pod| pod.is_active() && pod.is_ready())
        .count();
    if ready < wanted as usize {
        return;
    }
    let outdated = |pod: &&Pod| {
        pod.is_active()
            && pod
                .metadata
                .labels
                .get(REVISION_LABEL)
                .is_none_or(|label| label != hash)
    };
    if let Some(pod) = pods.iter().filter(outdated).max_by_key(|pod| ordinal(pod)) {
        delete_pod(state, pod, now);
    }
}

fn ordinal(pod: &Pod) -> Option<u32> {
    pod.metadata.name.rsplit_once('-')?.1.parse().ok()
}

fn create_pod(
    state: &mut State,
    resource: Resource,
    set: &PodSet,
    name: String,
    hash: &str,
    random: &mut Rng,
    now: Timestamp,
) {
    let info = resource.info();
    let meta = &set.metadata;
    let mut pod = Pod::from_template(&set.spec.template, &meta.namespace);
    pod.metadata.generate_name = format!("{}-", meta.name);
    if has_revisions(resource) {
        pod.metadata
            .labels
            .insert(REVISION_LABEL.to_owned(), hash.to_owned());
    }
    if resource == Resource::StatefulSets {
        pod.metadata
            .labels
            .insert("statefulset.kubernetes.io/pod-name".to_owned(), name.clone());
    }
    pod.metadata.name = name;
    pod.metadata.owner_references = vec![OwnerReference {
        api_version: info.group.api_version(),
        kind: info.kind.to_owned(),
        name: meta.name.clone(),
        uid: meta.uid.clone(),
        controller: true,
        block_owner_deletion: true,
    }];
    pod.spec.fill_defaults();
    // A name that is taken gets another try, as the missing pod is missed again in the next round.
    let _ = state.create(Object::Pod(pod), uid(random), now);
}

fn delete_pod(state: &mut State, pod: &Pod, now: Timestamp) {
    if pod.spec.node_name.is_empty() {
        state.remove(Resource::Pods, &pod.metadata.namespace, &pod.metadata.name);
        return;
    }
    let mut pod = pod.clone();
    mark_deleted(&mut pod, None, now);
    // Read under the same lock, so it is there and unchanged.
    let _ = state.update(Object::Pod(pod));
}

fn status(resource: Resource, set: &PodSet, wanted: u32, pods: &[Pod], now: Timestamp) -> Map<String, Value> {
    let active: Vec<&Pod> = pods.iter().filter(|pod| pod.is_active()).collect();
    let there = active.len();
    let ready = active.iter().filter(|pod| pod.is_ready()).count();
    let observed = set.metadata.generation;
    let hash = template_hash(&set.spec.template);
    let updated = active
        .iter()
        .filter(|pod| pod.metadata.labels.get(REVISION_LABEL) == Some(&hash))
        .count();
    let revision = format!("{}-{hash}", set.metadata.name);
    let json = match resource {
        Resource::DaemonSets => json!({
            "currentNumberScheduled": there,
            "desiredNumberScheduled": wanted,
            "numberAvailable": ready,
            "numberMisscheduled": 0,
            "numberReady": ready,
            "observedGeneration": observed,
            "updatedNumberScheduled": updated,
        }),
        Resource::Jobs => {
            let started = set.status.get("startTime").cloned().unwrap_or_else(|| json!(now));
            json!({"active": there, "ready": ready, "startTime": started, "terminating": pods.len() - there})
        }
        Resource::StatefulSets => json!({
            "availableReplicas": ready,
            "collisionCount": 0,
            "currentReplicas": updated,
            "currentRevision": revision,
            "observedGeneration": observed,
            "readyReplicas": ready,
            "replicas": there,
            "updateRevision": revision,
            "updatedReplicas": updated,
        }),
        _ => json!({
            "availableReplicas": ready,
            "fullyLabeledReplicas": there,
            "observedGeneration": observed,
            "readyReplicas": ready,
            "replicas": there,
            "terminatingReplicas": pods.len() - there,
        }),
    };
    match json {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
