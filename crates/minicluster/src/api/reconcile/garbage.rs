//! Takes away what was owned by something that is gone.

use std::collections::BTreeSet;

use crate::api::objects::{Object, Resource, Timestamp};
use crate::api::store::{State, mark_deleted};

pub(super) fn reconcile(state: &mut State, now: Timestamp) {
    let uids: BTreeSet<String> = state.all().map(|object| object.meta().uid.clone()).collect();
    let orphans: Vec<Object> = (state.all())
        .filter(|object| {
            object
                .meta()
                .controller()
                .is_some_and(|owner| !uids.contains(&owner.uid))
        })
        .map(|object| Object::clone(object))
        .collect();
    for orphan in orphans {
        match orphan {
            Object::Pod(mut pod) if !pod.spec.node_name.is_empty() => {
                mark_deleted(&mut pod, None, now);
                // Read under the same lock, so it is there and unchanged.
                let _ = state.update(Object::Pod(pod));
            }
            other => {
                let (resource, meta): (Resource, _) = (other.resource(), other.meta());
                state.remove(resource, &meta.namespace, &meta.name);
            }
        }
    }
}
