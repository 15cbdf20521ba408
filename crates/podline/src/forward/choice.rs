//! Which of a target's pods connections may go to.

use podline_cluster::{Pod, Target};

/// What matters of a pod for being chosen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Candidate {
    pub(super) running: bool,
    pub(super) ready: bool,
    pub(super) deleting: bool,
    pub(super) health: Health,
    /// Connections go there now.
    pub(super) in_use: bool,
}

/// What connections have found out about a pod.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Health {
    #[default]
    Fine,
    /// Its sandbox is not there any more. While it is being deleted that is final; a pod that stays may get another one.
    Gone,
    /// No session to it can be made, though the API server answers.
    Unreachable,
}

/// What kind of pod is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Wanted {
    /// The target is a pod itself: running is enough.
    pub(super) by_name: bool,
    /// One that is not ready never makes do.
    pub(super) only_ready: bool,
}

/// The places of the pods that are chosen.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Chosen {
    pub(super) places: Vec<usize>,
    /// None of all is ready, so one that runs makes do.
    pub(super) is_makeshift: bool,
}

/// The pod that the first connection to `target` goes to, of those that there are now.
pub(crate) fn first_choice<'a>(target: &Target, pods: &'a [Pod]) -> Option<&'a Pod> {
    let chosen = Wanted::of(target, false).choose_anew(pods);
    chosen.places.first().map(|&place| &pods[place])
}

impl Candidate {
    pub(super) fn of(pod: &Pod, health: Health, in_use: bool) -> Self {
        Self {
            running: pod.is_running(),
            ready: pod.ready,
            deleting: pod.deleting,
            health,
            in_use,
        }
    }
}

impl Wanted {
    pub(super) fn of(target: &Target, only_ready: bool) -> Self {
        Self {
            by_name: target.kind.is_pod(),
            only_ready,
        }
    }

    /// Chooses among pods that no connection went to yet.
    pub(super) fn choose_anew(self, pods: &[Pod]) -> Chosen {
        let candidate = |pod| Candidate::of(pod, Health::Fine, false);
        self.choose(&pods.iter().map(candidate).collect::<Vec<_>>())
    }

    /// The ready ones, in their order. If none is ready: one that runs and is not being deleted. If all that is left is
    /// being deleted: those that connections go to now, for as long as they take them.
    pub(super) fn choose(self, candidates: &[Candidate]) -> Chosen {
        let all = |fits: &dyn Fn(&Candidate) -> bool| -> Vec<usize> {
            let places = candidates.iter().enumerate();
            places
                .filter(|(_, pod)| pod.running && pod.health != Health::Gone && fits(pod))
                .map(|(place, _)| place)
                .collect()
        };
        let is_reachable = |&place: &usize| candidates[place].health == Health::Fine;
        let chosen = |mut places: Vec<usize>, is_makeshift| {
            places.retain(is_reachable);
            Chosen { places, is_makeshift }
        };
        if self.by_name {
            return chosen(all(&|_| true), false);
        }
        let ready = all(&|pod| pod.ready && !pod.deleting);
        if !ready.is_empty() || self.only_ready {
            return chosen(ready, false);
        }
        let staying = all(&|pod| !pod.deleting);
        if staying.is_empty() {
            return chosen(all(&|pod| pod.in_use), false);
        }
        let mut chosen = chosen(staying, true);
        chosen.places.sort_by_key(|&place| !candidates[place].in_use);
        chosen.places.truncate(1);
        chosen
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const READY: Candidate = Candidate {
        running: true,
        ready: true,
        deleting: false,
        health: Health::Fine,
        in_use: false,
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
        ..READY
    };
    const ANY: Wanted = Wanted {
        by_name: false,
        only_ready: false,
    };
    const BY_NAME: Wanted = Wanted { by_name: true, ..ANY };
    const ONLY_READY: Wanted = Wanted {
        only_ready: true,
        ..ANY
    };

    fn in_use(candidate: Candidate) -> Candidate {
        Candidate {
            in_use: true,
            ..candidate
        }
    }

    fn with(candidate: Candidate, health: Health) -> Candidate {
        Candidate { health, ..candidate }
    }

    fn places(wanted: Wanted, candidates: &[Candidate]) -> Vec<usize> {
        wanted.choose(candidates).places
    }

    #[test]
    fn the_ready_pods_are_chosen_in_their_order() {
        let chosen = ANY.choose(&[PENDING, UNREADY, LEAVING, READY, READY]);
        assert_eq!(chosen.places, [3, 4]);
        assert!(!chosen.is_makeshift);
    }

    #[test]
    fn without_a_ready_one_a_running_one_that_stays_makes_do() {
        let chosen = ANY.choose(&[PENDING, LEAVING, UNREADY, UNREADY]);
        assert_eq!(chosen.places, [2]);
        assert!(chosen.is_makeshift);
        assert_eq!(
            places(ANY, &[UNREADY, in_use(UNREADY)]),
            [1],
            "it does not change"
        );
        assert!(places(ANY, &[PENDING, LEAVING]).is_empty());
        assert!(places(ANY, &[]).is_empty());
    }

    #[test]
    fn where_only_ready_ones_will_do_others_never_make_do() {
        assert!(places(ONLY_READY, &[in_use(UNREADY), in_use(LEAVING)]).is_empty());
        assert_eq!(places(ONLY_READY, &[UNREADY, READY]), [1]);
    }

    #[test]
    fn of_a_pod_itself_running_is_enough() {
        for wanted in [
            BY_NAME,
            Wanted {
                only_ready: true,
                ..BY_NAME
            },
        ] {
            assert_eq!(places(wanted, &[UNREADY]), [0]);
            assert_eq!(places(wanted, &[LEAVING]), [0]);
            assert!(places(wanted, &[PENDING]).is_empty());
        }
    }

    #[test]
    fn a_pod_that_is_being_deleted_is_better_than_none_while_it_takes_connections() {
        assert_eq!(places(ANY, &[LEAVING, in_use(LEAVING)]), [1]);
        assert!(places(ANY, &[with(in_use(LEAVING), Health::Gone)]).is_empty());
        assert_eq!(places(ANY, &[in_use(LEAVING), READY]), [1]);
    }

    #[test]
    fn a_gone_pod_leaves_its_place_to_one_that_makes_do_and_an_unreachable_one_does_not() {
        assert_eq!(places(ANY, &[with(READY, Health::Gone), UNREADY]), [1]);
        // It is ready, so it is waited for.
        assert!(places(ANY, &[with(READY, Health::Unreachable), UNREADY]).is_empty());
        assert_eq!(places(ANY, &[with(READY, Health::Unreachable), READY]), [1]);
        assert!(places(BY_NAME, &[with(READY, Health::Gone)]).is_empty());
    }

    fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
        let health = prop::sample::select(vec![Health::Fine, Health::Gone, Health::Unreachable]);
        let flags = any::<(bool, bool, bool, bool)>();
        let candidate = (flags, health).prop_map(|((running, ready, deleting, in_use), health)| Candidate {
            running,
            ready,
            deleting,
            health,
            in_use,
        });
        prop::collection::vec(candidate, 0..12)
    }

    proptest! {
        #[test]
        fn whoever_is_chosen_runs_and_can_be_reached(
            candidates in candidates(),
            by_name in any::<bool>(),
            only_ready in any::<bool>(),
        ) {
            let chosen = Wanted { by_name, only_ready }.choose(&candidates);
            let chosen_ones: Vec<_> = chosen.places.iter().map(|&place| candidates[place]).collect();
            for pod in &chosen_ones {
                prop_assert!(pod.running && pod.health == Health::Fine);
                prop_assert!(by_name || pod.ready || !only_ready);
            }
            // Ready ones and others never take turns.
            prop_assert!(by_name || !chosen.is_makeshift || chosen_ones.len() <= 1);
            let ready = |pod: &Candidate| pod.running && pod.ready && !pod.deleting && pod.health == Health::Fine;
            if !by_name && candidates.iter().any(ready) {
                prop_assert!(chosen_ones.iter().all(ready));
                prop_assert_eq!(chosen_ones.len(), candidates.iter().filter(|pod| ready(pod)).count());
            }
        }
    }
}
