use podline_cluster::{Found, Kind};

/// Which of a target's pods the next connection goes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Balance {
    /// Always the same one, in kubectl's order, until it is lost.
    First,
    /// The one with the fewest open connections.
    Least,
    /// One after the other.
    RoundRobin,
}

impl Balance {
    /// What suits the target where nothing else was asked for: a service spreads its connections, unless it keeps a client
    /// with one pod; everything else is forwarded as kubectl does it.
    pub(crate) fn suiting(found: &Found) -> Self {
        if found.target.kind == Kind::Service && !found.is_sticky() {
            Self::RoundRobin
        } else {
            Self::First
        }
    }

    /// The place of the next connection's pod among `number` of them. `turn` counts connections; `fits` says whether
    /// one at a place may have it, `open` how many connections that one has.
    pub(crate) fn pick(
        self,
        number: usize,
        turn: usize,
        fits: impl Fn(usize) -> bool,
        open: impl Fn(usize) -> usize,
    ) -> Option<usize> {
        let begin = turn.checked_rem(number)?;
        let mut in_turn = (begin..number).chain(0..begin).filter(|&place| fits(place));
        match self {
            Self::First => (0..number).find(|&place| fits(place)),
            // Of equals the next in turn, or an idle forward would always go to the first.
            Self::Least => in_turn.min_by_key(|&place| open(place)),
            Self::RoundRobin => in_turn.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use proptest::prelude::*;

    use super::*;

    const ALL: [Balance; 3] = [Balance::First, Balance::Least, Balance::RoundRobin];

    #[test]
    fn first_stays_with_the_first_that_may_have_it() {
        let pick = |turn, not| Balance::First.pick(3, turn, |place| place != not, |_| 0);
        assert_eq!((pick(0, 9), pick(1, 9)), (Some(0), Some(0)));
        assert_eq!(pick(2, 0), Some(1));
    }

    #[test]
    fn among_equals_the_least_used_is_the_next_in_turn() {
        let pick = |turn, open: [usize; 3]| Balance::Least.pick(3, turn, |_| true, |place| open[place]);
        assert_eq!(pick(1, [2, 2, 2]), Some(1));
        assert_eq!(pick(2, [0, 1, 1]), Some(0));
        assert_eq!(pick(2, [1, 0, 0]), Some(2));
    }

    #[test]
    fn of_none_there_is_none_to_pick() {
        for balance in ALL {
            assert_eq!(balance.pick(0, 7, |_| true, |_| 0), None);
            assert_eq!(balance.pick(3, 7, |_| false, |_| 0), None);
        }
    }

    proptest! {
        #[test]
        fn a_round_visits_each_that_fits_and_no_other(
            fitting in prop::collection::vec(any::<bool>(), 1..40),
            begin in any::<u16>(),
        ) {
            let number = fitting.len();
            let picks: Vec<_> = (0..number)
                .filter_map(|step| Balance::RoundRobin.pick(number, usize::from(begin) + step, |place| fitting[place], |_| 0))
                .collect();
            for (place, &fits) in fitting.iter().enumerate() {
                prop_assert_eq!(picks.contains(&place), fits);
            }
        }

        #[test]
        fn no_pod_that_fits_has_fewer_connections_than_the_one_picked(
            pods in prop::collection::vec((any::<bool>(), 0_usize..5), 1..40),
            turn in any::<usize>(),
        ) {
            let pick = Balance::Least.pick(pods.len(), turn, |place| pods[place].0, |place| pods[place].1);
            let least = pods.iter().filter(|pod| pod.0).map(|pod| pod.1).min();
            prop_assert_eq!(pick.map(|place| pods[place].1), least);
        }

        #[test]
        fn whoever_is_picked_fits(
            fitting in prop::collection::vec(any::<bool>(), 0..40),
            turn in any::<usize>(),
        ) {
            for balance in ALL {
                let pick = balance.pick(fitting.len(), turn, |place| fitting[place], |place| place);
                prop_assert_eq!(pick.is_some(), fitting.contains(&true));
                prop_assert!(pick.is_none_or(|place| fitting[place]));
            }
        }
    }
}
