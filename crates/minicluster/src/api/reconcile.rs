//! What makes the cluster's wishes come true. The controllers are pure: state and time in, changed state out. Only
//! the kubelet, which runs pods on the node, does more.

mod deployments;
mod endpoint_slices;
mod garbage;
mod kubelet;
mod pod_sets;

use fastrand::Rng;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

pub(crate) use kubelet::{Kubelet, NODE_NAME};

use super::objects::{PodTemplate, Timestamp};
use super::store::{State, Store};

/// How many rounds the controllers may need until nothing changes any more. Each round only follows from the one
/// before: a rollout waits for pods, and those for the kubelet.
const MAX_ROUNDS: usize = 16;

/// Runs the controllers whenever something has changed, until `shutdown`.
pub(crate) async fn run_controllers(store: Store, shutdown: CancellationToken) {
    let mut versions = store.versions();
    let mut random = Rng::new();
    loop {
        versions.mark_unchanged();
        store.write(|state| settle(state, &mut random, Timestamp::now()));
        match shutdown.run_until_cancelled(versions.changed()).await {
            Some(Ok(())) => {}
            Some(Err(_)) | None => return,
        }
    }
}

/// Runs all controllers until they have nothing more to do.
fn settle(state: &mut State, random: &mut Rng, now: Timestamp) {
    for _ in 0..MAX_ROUNDS {
        let before = state.version();
        garbage::reconcile(state, now);
        deployments::reconcile(state, random, now);
        pod_sets::reconcile(state, random, now);
        endpoint_slices::reconcile(state, random, now);
        if state.version() == before {
            return;
        }
    }
}

/// A short name for a template: equal templates have equal names.
fn template_hash(template: &PodTemplate) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let json = serde_json::to_vec(template).expect("string keys only, so it has a JSON form");
    let digest = Sha256::digest(&json);
    digest
        .iter()
        .take(10)
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect()
}

#[cfg(test)]
mod tests;
