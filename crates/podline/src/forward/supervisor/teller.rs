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

    /// A container of the pod died, and the connections that it took with it have ended.
    pub(super) fn handle_hurt(&mut self, pod: &ServedPod, reason: Untrusted, tell: &mut impl FnMut(Event)) {
        let reset = pod.take_lost();
        // Where nobody was hurt there is nothing to tell.
        if reset > 0 {
            tell(Event::ContainerDied { reason, reset });
        }
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

#[cfg(test)]
mod tests {
    use super::super::super::json::{deleting, ended, pod, running, served};
    use super::*;

    /// What was told, in short.
    fn told(events: &mut Vec<Event>) -> Vec<String> {
        let names = |pods: &[PodAddress]| {
            let names: Vec<&str> = pods.iter().map(|pod| &*pod.name).collect();
            names.join(" ")
        };
        let short = |event: Event| match event {
            Event::ContainerDied { reset, .. } => format!("died {reset}"),
            Event::InSight => "in sight".to_owned(),
            Event::NotReady(pod) => format!("not ready {}", pod.name),
            Event::OutOfSight(reason) => format!("out of sight: {reason}"),
            Event::PodGone {
                pod, reset, waiting, ..
            } => format!("gone {} {reset} {waiting}", pod.name),
            Event::PodsChanged { joined, left, total } => {
                format!("+{} -{} of {total}", names(&joined), names(&left))
            }
            Event::Resumed(pod) => format!("resumed {}", pod.name),
            Event::Waiting { reason, .. } => format!("waiting: {reason}"),
            event => format!("{event:?}"),
        };
        events.drain(..).map(short).collect()
    }

    fn pods(names: &[&str]) -> Vec<Arc<ServedPod>> {
        let pods = names.iter().map(|name| Arc::new(served(&running(name))));
        pods.collect()
    }

    #[tokio::test]
    async fn pods_that_come_and_go_are_told_and_the_first_ones_are_not() {
        let (mut teller, mut events) = (Teller::default(), Vec::new());
        let Ok([a, b, c]) = <[_; 3]>::try_from(pods(&["a", "b", "c"])) else {
            panic!("three are three")
        };
        let tell = &mut |event| events.push(event);
        teller.handle_serving(vec![a.clone(), b.clone()], false, tell);
        teller.handle_serving(vec![b.clone(), a], false, tell);
        assert!(events.is_empty(), "{events:?}");
        teller.handle_serving(vec![b, c], false, &mut |event| events.push(event));
        assert_eq!(told(&mut events), ["+c -a of 2"]);
    }

    #[tokio::test]
    async fn a_wait_is_told_once_with_the_end_of_the_pod_that_began_it() {
        let (mut teller, mut events) = (Teller::default(), Vec::new());
        let web = pods(&["web"]);
        let reason = || Untrusted::new("no pod");
        {
            let tell = &mut |event| events.push(event);
            teller.handle_serving(web.clone(), false, tell);
            teller.handle_going();
            teller.handle_lost(reason(), false, tell);
        }
        assert!(events.is_empty(), "more is known soon");
        // One was lost before anything was known of the pod's end, and tells of itself.
        assert!(!web[0].count_lost());
        web[0].handle_gone();
        assert!(web[0].count_lost() && web[0].count_lost());
        {
            let tell = &mut |event| events.push(event);
            teller.handle_gone(&web[0], tell);
            teller.handle_lost(reason(), false, tell);
        }
        assert_eq!(told(&mut events), ["gone web 2 true"]);
        teller.handle_serving(pods(&["new"]), false, &mut |event| events.push(event));
        assert_eq!(told(&mut events), ["+new -web of 1"]);
    }

    #[tokio::test]
    async fn a_wait_for_a_pod_that_stayed_is_told_by_itself_and_so_is_its_end() {
        let (mut teller, mut events) = (Teller::default(), Vec::new());
        let web = pods(&["web"]);
        {
            let tell = &mut |event| events.push(event);
            teller.handle_serving(web.clone(), false, tell);
            teller.handle_going();
            teller.handle_lost(Untrusted::new("no way"), true, tell);
        }
        assert!(events.is_empty(), "{events:?}");
        teller.handle_stayed(&mut |event| events.push(event));
        assert_eq!(told(&mut events), ["waiting: no way"]);
        teller.handle_serving(web, false, &mut |event| events.push(event));
        assert_eq!(told(&mut events), ["resumed web"]);
    }

    #[tokio::test]
    async fn a_wait_that_is_over_before_it_lasts_is_not_told() {
        let (mut teller, mut events) = (Teller::default(), Vec::new());
        let web = pods(&["web"]);
        let tell = &mut |event| events.push(event);
        teller.handle_serving(web.clone(), false, tell);
        teller.handle_lost(Untrusted::new("no way"), true, tell);
        teller.handle_serving(web, false, tell);
        assert!(events.is_empty(), "{events:?}");
    }

    #[tokio::test]
    async fn what_died_in_a_pod_that_stays_is_told_with_what_it_cost_or_not_at_all() {
        let (mut teller, mut events) = (Teller::default(), Vec::new());
        let web = served(&running("web"));
        let death = web.handle_sight(&pod(&ended("web", 137))).expect("it died");
        teller.handle_hurt(&web, death.clone(), &mut |event| events.push(event));
        assert!(events.is_empty(), "it cost nothing");
        let web = served(&running("web"));
        web.handle_sight(&pod(&ended("web", 137)));
        assert!(web.count_lost() && web.count_lost() && web.count_lost());
        teller.handle_hurt(&web, death, &mut |event| events.push(event));
        assert_eq!(told(&mut events), ["died 3"]);
        // Whoever is late tells of itself.
        assert!(!web.count_lost());
    }

    #[tokio::test]
    async fn what_a_pod_loses_while_it_is_deleted_is_counted() {
        let web = served(&running("web"));
        assert!(!web.count_lost());
        web.handle_sight(&pod(&deleting("web")));
        assert!(web.count_lost());
        assert_eq!(web.take_lost(), 1);
    }

    #[tokio::test]
    async fn that_a_target_cannot_be_looked_at_is_told_and_its_end_once() {
        let (mut teller, mut events) = (Teller::default(), Vec::new());
        let tell = &mut |event| events.push(event);
        teller.handle_in_sight(tell);
        teller.handle_out_of_sight(Untrusted::new("forbidden"), tell);
        teller.handle_in_sight(tell);
        teller.handle_in_sight(tell);
        assert_eq!(told(&mut events), ["out of sight: forbidden", "in sight"]);
    }
}
