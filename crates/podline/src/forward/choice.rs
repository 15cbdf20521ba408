use podline_cluster::{Found, Pod};

/// The pods that connections could go to, the best one first.
pub(crate) struct Choice<'a> {
    pub(crate) pods: Vec<&'a Pod>,
    /// None of them is ready.
    pub(crate) is_makeshift: bool,
}

impl<'a> Choice<'a> {
    /// The ready pods of `found`; if none is, those that run and are not being deleted. Of a target that is a pod itself,
    /// running is enough. `lost` is the identity of a pod that has shown that it takes no connections any more: it does
    /// not count while it is being deleted; a pod that stays may come back.
    pub(crate) fn of(found: &'a Found, lost: Option<&str>) -> Self {
        let candidates: Vec<Candidate> = found.pods.iter().map(|pod| Candidate::of(pod, lost)).collect();
        let (indices, is_makeshift) = choose(&candidates, found.target.kind.is_pod());
        Self {
            pods: indices.into_iter().map(|index| &found.pods[index]).collect(),
            is_makeshift,
        }
    }

    /// The pod to try: the one of identity `preferred` first if it is among them, then one after the other.
    pub(crate) fn pod(&self, preferred: Option<&str>, attempt: usize) -> Option<&'a Pod> {
        let preferred = |pod: &&&Pod| Some(pod.uid.as_str()) == preferred;
        let others = || self.pods.iter().filter(|pod| !preferred(pod));
        let mut ordered = self.pods.iter().filter(preferred).chain(others());
        ordered.nth(attempt.checked_rem(self.pods.len())?).copied()
    }
}

/// Whether new connections should stay with the pod of identity `uid`, which may have refused one.
pub(crate) fn fits(found: &Found, uid: &str, has_refused: bool) -> bool {
    let choice = Choice::of(found, has_refused.then_some(uid));
    if choice.pods.is_empty() {
        // Nowhere to go: a pod that is being deleted and still takes connections is better than none.
        let runs = |pod: &Pod| pod.uid == uid && pod.is_running();
        return !has_refused && found.pods.iter().any(runs);
    }
    choice.pods.iter().any(|pod| pod.uid == uid)
}

/// What matters of a pod for being chosen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Candidate {
    running: bool,
    ready: bool,
    deleting: bool,
}

impl Candidate {
    fn of(pod: &Pod, lost: Option<&str>) -> Self {
        Self {
            running: pod.is_running() && !(pod.deleting && Some(pod.uid.as_str()) == lost),
            ready: pod.ready,
            deleting: pod.deleting,
        }
    }
}

/// The places of those that are chosen, and whether none of them is ready.
fn choose(candidates: &[Candidate], target_is_pod: bool) -> (Vec<usize>, bool) {
    let all = |fits: fn(&Candidate) -> bool| -> Vec<usize> {
        let fitting = candidates.iter().enumerate().filter(|(_, pod)| fits(pod));
        fitting.map(|(index, _)| index).collect()
    };
    if target_is_pod {
        return (all(|pod| pod.running), false);
    }
    let ready = all(|pod| pod.running && pod.ready && !pod.deleting);
    if ready.is_empty() {
        (all(|pod| pod.running && !pod.deleting), true)
    } else {
        (ready, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: Candidate = Candidate {
        running: true,
        ready: true,
        deleting: false,
    };
    const UNREADY: Candidate = Candidate {
        ready: false,
        ..READY
    };
    const LEAVING: Candidate = Candidate {
        deleting: true,
        ..READY
    };
    const PENDING: Candidate = Candidate {
        running: false,
        ready: false,
        deleting: false,
    };

    #[test]
    fn the_ready_pods_are_chosen_in_their_order() {
        assert_eq!(
            choose(&[PENDING, UNREADY, LEAVING, READY, READY], false),
            (vec![3, 4], false)
        );
    }

    #[test]
    fn without_a_ready_one_a_running_one_that_stays_makes_do() {
        assert_eq!(choose(&[PENDING, LEAVING, UNREADY], false), (vec![2], true));
        assert_eq!(choose(&[PENDING, LEAVING], false), (vec![], true));
        assert_eq!(choose(&[], false), (vec![], true));
    }

    #[test]
    fn of_a_pod_itself_running_is_enough() {
        assert_eq!(choose(&[UNREADY], true), (vec![0], false));
        assert_eq!(choose(&[LEAVING], true), (vec![0], false));
        assert_eq!(choose(&[PENDING], true), (vec![], false));
    }
}
