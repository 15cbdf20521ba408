//! What is said of a forward's pods: each change once.

use std::sync::Arc;

use podline_cluster::Target;
use podline_tunnel::PodAddress;
use podline_wire::Untrusted;

use super::super::served::ServedPod;
use crate::Event;

/// Knows what was said, so that each change is said once.
#[derive(Default)]
pub(super) struct Teller {
    /// The pods that connections are known to go to.
    known: Vec<Arc<ServedPod>>,
    /// Why connections are held, if they are, and what would replace their pod.
    waiting: Option<(Untrusted, Option<Target>)>,
    waiting_was_said: bool,
    /// Pods that may be gone, of which more is to be said soon.
    going: usize,
    not_ready_was_said: bool,
    is_out_of_sight: bool,
}

impl Teller {
    /// Connections go to `pods` now.
    pub(super) fn handle_serving(
        &mut self,
        pods: Vec<Arc<ServedPod>>,
        is_makeshift: bool,
        tell: &mut impl FnMut(Event),
    ) {
        let lacks =
            |pods: &[Arc<ServedPod>], pod: &Arc<ServedPod>| !pods.iter().any(|other| Arc::ptr_eq(other, pod));
        let addresses = |pods: &[Arc<ServedPod>], others: &[Arc<ServedPod>]| -> Vec<PodAddress> {
            let pods = pods.iter().filter(|pod| lacks(others, pod));
            pods.map(|pod| pod.address.clone()).collect()
        };
        let joined = addresses(&pods, &self.known);
        let left = addresses(&self.known, &pods);
        let is_news = !self.known.is_empty() && (!joined.is_empty() || !left.is_empty());
        let waited = self.waiting.take().is_some() && std::mem::take(&mut self.waiting_was_said);
        let total = pods.len();
        if is_news {
            tell(Event::PodsChanged { joined, left, total });
        } else if waited {
            tell(Event::Resumed(pods[0].address.clone()));
        }
        if is_makeshift && !self.not_ready_was_said {
            self.not_ready_was_said = true;
            tell(Event::NotReady(pods[0].address.clone()));
        }
        self.known = pods;
    }

    /// Connections are held, for there is nowhere to go. With `patience` that is not said yet, for it may be over soon.
    pub(super) fn handle_lost(&mut self, reason: Untrusted, patience: bool, tell: &mut impl FnMut(Event)) {
        let owner = self.known.first().and_then(|pod| pod.owner.clone());
        self.waiting = Some((reason, owner));
        if !patience {
            self.say_waiting(tell);
        }
    }

    /// A pod may be gone: [`Teller::handle_gone`] or [`Teller::handle_stayed`] follows.
    pub(super) fn handle_going(&mut self) {
        self.going += 1;
    }

    /// The pod is gone, and its connections have ended.
    pub(super) fn handle_gone(&mut self, pod: &ServedPod, tell: &mut impl FnMut(Event)) {
        self.going -= 1;
        let waiting = self.waiting.is_some() && !self.waiting_was_said;
        self.waiting_was_said |= waiting;
        tell(Event::PodGone {
            pod: pod.address.clone(),
            reset: pod.take_lost(),
            owner: pod.owner.clone().filter(|_| waiting),
            waiting,
        });
    }

    /// The pod exists, though connections do not go there any more.
    pub(super) fn handle_stayed(&mut self, tell: &mut impl FnMut(Event)) {
        self.going -= 1;
        self.say_waiting(tell);
    }

    /// The target cannot be looked at any more.
    pub(super) fn handle_out_of_sight(&mut self, reason: Untrusted, tell: &mut impl FnMut(Event)) {
        self.is_out_of_sight = true;
        tell(Event::OutOfSight(reason));
    }

    /// The target was looked at.
    pub(super) fn handle_in_sight(&mut self, tell: &mut impl FnMut(Event)) {
        if std::mem::take(&mut self.is_out_of_sight) {
            tell(Event::InSight);
        }
    }

    /// Says that connections are held, unless that was said, or will be with the end of a pod.
    fn say_waiting(&mut self, tell: &mut impl FnMut(Event)) {
        let Some((reason, owner)) = &self.waiting else {
            return;
        };
        if self.waiting_was_said || self.going > 0 {
            return;
        }
        self.waiting_was_said = true;
        tell(Event::Waiting {
            reason: reason.clone(),
            owner: owner.clone(),
        });
    }
}
