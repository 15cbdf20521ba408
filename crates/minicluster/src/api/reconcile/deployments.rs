//! Deployments: a replica set for each template, and pods moved from the old ones to the new one.

use std::sync::Arc;

use fastrand::Rng;
use serde_json::Value;

use super::template_hash;
use crate::api::objects::{
    Deployment, DeploymentStatus, Object, OwnerReference, PodSelector, PodSet, Resource, StrategyKind,
    Timestamp, set_condition,
};
use crate::api::store::{State, uid};

const HASH_LABEL: &str = "pod-template-hash";
const REVISION: &str = "deployment.kubernetes.io/revision";

/// How many replica sets without pods a deployment keeps that names no number.
const HISTORY: u64 = 10;

pub(super) fn reconcile(state: &mut State, random: &mut Rng, now: Timestamp) {
    let deployments: Vec<Deployment> = (state.list(Resource::Deployments, None))
        .filter_map(|object| match &**object {
            Object::Deployment(deployment) => Some(deployment.clone()),
            _ => None,
        })
        .collect();
    for deployment in deployments {
        Rollout::of(state, deployment, random, now).step(state, now);
    }
}

/// One deployment with its replica sets.
struct Rollout {
    deployment: Deployment,
    /// The replica set of the present template; none while the deployment is paused before its first.
    new: Option<ReplicaSet>,
    old: Vec<ReplicaSet>,
}

struct ReplicaSet {
    set: PodSet,
    /// Pods that are neither finished nor being deleted.
    active: u32,
    ready: u32,
    /// Pods that are still there, being deleted or not.
    present: u32,
}

impl ReplicaSet {
    fn wanted(&self) -> u32 {
        self.set.spec.replicas.unwrap_or(1)
    }

    fn scale(&mut self, state: &mut State, replicas: u32) {
        self.set.spec.replicas = Some(replicas);
        if let Ok(object) = state.update(Object::ReplicaSet(self.set.clone()))
            && let Some(set) = object.as_pod_set()
        {
            self.set = set.clone();
        }
    }

    fn revision(&self) -> u64 {
        revision(&self.set)
    }
}

impl Rollout {
    fn of(state: &mut State, deployment: Deployment, random: &mut Rng, now: Timestamp) -> Self {
        let hash = template_hash(&deployment.spec.template);
        let mut sets: Vec<PodSet> = (state.list(Resource::ReplicaSets, Some(&deployment.metadata.namespace)))
            .filter_map(|object| object.as_pod_set())
            .filter(|set| set.metadata.is_owned_by(&deployment.metadata.uid))
            .cloned()
            .collect();
        let is_new = |set: &PodSet| set.metadata.labels.get(HASH_LABEL) == Some(&hash);
        if !deployment.spec.paused && !sets.iter().any(is_new) {
            let last = sets.iter().map(revision).max().unwrap_or(0);
            sets.extend(create_set(state, &deployment, &hash, last + 1, random, now));
        }
        let (new, old): (Vec<_>, Vec<_>) = sets.into_iter().partition(is_new);
        let count = |set: PodSet| count_pods(state, set);
        Self {
            deployment,
            new: new.into_iter().map(count).next(),
            old: old.into_iter().map(count).collect(),
        }
    }

    fn step(mut self, state: &mut State, now: Timestamp) {
        self.take_over_revision(state);
        match self.deployment.spec.strategy.clone().unwrap_or_default() {
            _ if self.deployment.spec.paused => {}
            strategy if strategy.kind == StrategyKind::Recreate => self.recreate(state),
            strategy => {
                let wanted = self.deployment.replicas();
                let rolling = strategy.rolling_update.unwrap_or_default();
                let surge = rolling.max_surge.rounded_up(wanted);
                let unavailable = rolling.max_unavailable.rounded_down(wanted);
                // With neither, nothing could ever move.
                self.roll(
                    state,
                    surge,
                    if surge == 0 {
                        unavailable.max(1)
                    } else {
                        unavailable
                    },
                );
            }
        }
        self.forget_history(state);
        self.write_status(state, now);
    }

    /// An old template that comes back makes its replica set the newest again.
    fn take_over_revision(&mut self, state: &mut State) {
        let newest_old = self.old.iter().map(ReplicaSet::revision).max().unwrap_or(0);
        let Some(new) = &mut self.new else { return };
        if new.revision() <= newest_old {
            let revision = (newest_old + 1).to_string();
            new.set.metadata.annotations.insert(REVISION.to_owned(), revision);
            let replicas = new.wanted();
            new.scale(state, replicas);
        }
    }

    fn recreate(&mut self, state: &mut State) {
        for old in &mut self.old {
            old.scale(state, 0);
        }
        let gone = self.old.iter().all(|old| old.present == 0);
        let wanted = self.deployment.replicas();
        if let Some(new) = self.new.as_mut().filter(|_| gone) {
            new.scale(state, wanted);
        }
    }

    fn roll(&mut self, state: &mut State, surge: u32, unavailable: u32) {
        let wanted = self.deployment.replicas();
        let Some(new) = &mut self.new else { return };
        let old_total: u32 = self.old.iter().map(ReplicaSet::wanted).sum();
        let room = (wanted + surge).saturating_sub(old_total + new.wanted());
        let replicas = match new.wanted() > wanted {
            true => wanted,
            false => wanted.min(new.wanted() + room),
        };
        new.scale(state, replicas);

        let needed = wanted.saturating_sub(unavailable);
        let ready: u32 = self
            .old
            .iter()
            .map(|old| old.ready.min(old.wanted()))
            .sum::<u32>()
            + new.ready;
        let mut spare = ready.saturating_sub(needed);
        for old in &mut self.old {
            // Pods that don't serve are nobody's loss; those that do go as the new ones come.
            let idle = old.wanted().saturating_sub(old.ready);
            let idle = match idle > 0
                && new.wanted() + old_total > needed + new.wanted().saturating_sub(new.ready)
            {
                true => idle,
                false => 0,
            };
            let serving = spare.min(old.wanted() - idle);
            spare -= serving;
            let left = old.wanted() - idle - serving;
            old.scale(state, left);
        }
    }

    /// Old replica sets without pods are kept for going back, but not all.
    fn forget_history(&mut self, state: &mut State) {
        let limit = self
            .deployment
            .spec
            .rest
            .get("revisionHistoryLimit")
            .and_then(Value::as_u64);
        let limit = usize::try_from(limit.unwrap_or(HISTORY)).unwrap_or(usize::MAX);
        let mut empty: Vec<&ReplicaSet> = self
            .old
            .iter()
            .filter(|old| old.wanted() == 0 && old.present == 0)
            .collect();
        empty.sort_by_key(|old| old.revision());
        let surplus = empty.len().saturating_sub(limit);
        for old in empty.into_iter().take(surplus) {
            let meta = &old.set.metadata;
            state.remove(Resource::ReplicaSets, &meta.namespace, &meta.name);
        }
    }

    fn write_status(mut self, state: &mut State, now: Timestamp) {
        let wanted = self.deployment.replicas();
        let all = || self.old.iter().chain(&self.new);
        let (replicas, ready) = (
            all().map(|set| set.active).sum(),
            all().map(|set| set.ready).sum(),
        );
        let updated = self.new.as_ref().map_or(0, |new| new.active);
        let mut conditions = std::mem::take(&mut self.deployment.status.conditions);
        let available = ready >= wanted.saturating_sub(1).max(u32::from(wanted > 0).min(wanted));
        let (reason, message) = match available {
            true => ("MinimumReplicasAvailable", "Deployment has minimum availability."),
            false => (
                "MinimumReplicasUnavailable",
                "Deployment does not have minimum availability.",
            ),
        };
        set_condition(&mut conditions, "Available", available, reason, message, now);
        let name = self.new.as_ref().map_or("", |new| new.set.metadata.name.as_str());
        let complete = updated == wanted && replicas == wanted && ready == wanted;
        let (reason, message) = match complete {
            true => (
                "NewReplicaSetAvailable",
                format!("ReplicaSet {name:?} has successfully progressed."),
            ),
            false => (
                "ReplicaSetUpdated",
                format!("ReplicaSet {name:?} is progressing."),
            ),
        };
        set_condition(&mut conditions, "Progressing", true, reason, &message, now);
        let revision = self.new.as_ref().map_or(0, ReplicaSet::revision);
        let terminating = all().map(|set| set.present - set.active).sum();
        self.deployment.status = DeploymentStatus {
            observed_generation: self.deployment.metadata.generation,
            replicas,
            updated_replicas: updated,
            ready_replicas: ready,
            available_replicas: ready,
            terminating_replicas: Some(terminating),
            unavailable_replicas: wanted.max(replicas).saturating_sub(ready),
            conditions,
        };
        if revision > 0 {
            self.deployment
                .metadata
                .annotations
                .insert(REVISION.to_owned(), revision.to_string());
        }
        // Read under the same lock, so it is there and unchanged.
        let _ = state.update(Object::Deployment(self.deployment));
    }
}

fn revision(set: &PodSet) -> u64 {
    set.metadata
        .annotations
        .get(REVISION)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

fn create_set(
    state: &mut State,
    deployment: &Deployment,
    hash: &str,
    revision: u64,
    random: &mut Rng,
    now: Timestamp,
) -> Option<PodSet> {
    let mut set = PodSet::default();
    let meta = &deployment.metadata;
    set.metadata.name = format!("{}-{hash}", meta.name);
    set.metadata.namespace.clone_from(&meta.namespace);
    set.metadata
        .annotations
        .insert(REVISION.to_owned(), revision.to_string());
    set.metadata.owner_references = vec![OwnerReference {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        name: meta.name.clone(),
        uid: meta.uid.clone(),
        controller: true,
        block_owner_deletion: true,
    }];
    set.spec.replicas = Some(0);
    set.spec.template = deployment.spec.template.clone();
    set.spec
        .template
        .metadata
        .labels
        .insert(HASH_LABEL.to_owned(), hash.to_owned());
    set.metadata.labels.clone_from(&set.spec.template.metadata.labels);
    let mut selector = deployment.spec.selector.clone();
    selector
        .match_labels
        .insert(HASH_LABEL.to_owned(), hash.to_owned());
    set.spec.selector = PodSelector::Labels(selector);
    let object: Arc<Object> = state.create(Object::ReplicaSet(set), uid(random), now).ok()?;
    object.as_pod_set().cloned()
}

fn count_pods(state: &State, set: PodSet) -> ReplicaSet {
    let pods = state
        .list(Resource::Pods, Some(&set.metadata.namespace))
        .filter_map(|object| object.as_pod());
    let (mut active, mut ready, mut present) = (0, 0, 0);
    for pod in pods.filter(|pod| pod.metadata.is_owned_by(&set.metadata.uid)) {
        present += 1;
        active += u32::from(pod.is_active());
        ready += u32::from(pod.is_active() && pod.is_ready());
    }
    ReplicaSet {
        set,
        active,
        ready,
        present,
    }
}
