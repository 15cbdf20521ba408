//! How many idle sessions are kept ready with which pod.

use std::time::Duration;

use super::Balance;

/// Idle sessions that all forwards of the process keep ready together.
const PROCESS: usize = 64;
/// Idle sessions that a forward keeps ready with all its pods together.
const FORWARD: usize = 6;
/// Pods of a forward that are kept ready for connections at most; others get a session when a connection goes there.
const PODS: usize = 16;
/// A forward without a new connection for so long keeps one.
pub(super) const QUIET_AFTER: Duration = Duration::from_secs(10 * 60);

/// What the number of idle sessions depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    pub(super) balance: Balance,
    /// Forwards of this process.
    pub(super) forwards: usize,
    /// Whether it had no connection for [`QUIET_AFTER`].
    pub(super) is_quiet: bool,
    /// Pods that connections go to.
    pub(super) pods: usize,
    /// The place of the pod whose turn it is.
    pub(super) next: usize,
}

impl Demand {
    /// The number of idle sessions for the pod at `place`: together 6, or one for each pod that is kept ready if there are
    /// more of them, as far as the process's share of this forward goes.
    pub(super) fn floor(self, place: usize) -> usize {
        let Self { pods, .. } = self;
        if place >= pods {
            return 0;
        }
        let share = (PROCESS / self.forwards.max(1)).max(1);
        // The one whose turn it is has the place 0.
        let place = match self.balance {
            Balance::First => place,
            Balance::Least | Balance::RoundRobin => (place + pods - self.next % pods) % pods,
        };
        let (sessions, pods) = match self.balance {
            _ if self.is_quiet => (1, 1),
            Balance::First => (FORWARD.min(share), 1),
            Balance::Least | Balance::RoundRobin => {
                let pods = pods.min(PODS).min(share);
                (FORWARD.min(share).max(pods), pods)
            }
        };
        if place >= pods {
            return 0;
        }
        sessions / pods + usize::from(place < sessions % pods)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DEMAND: Demand = Demand {
        balance: Balance::RoundRobin,
        forwards: 1,
        is_quiet: false,
        pods: 1,
        next: 0,
    };

    fn floors(demand: Demand) -> Vec<usize> {
        (0..demand.pods).map(|place| demand.floor(place)).collect()
    }

    #[test]
    fn six_are_spread_from_the_one_whose_turn_it_is() {
        assert_eq!(floors(DEMAND), [6]);
        assert_eq!(floors(Demand { pods: 2, ..DEMAND }), [3, 3]);
        let demand = Demand {
            pods: 4,
            next: 7,
            ..DEMAND
        };
        assert_eq!(floors(demand), [2, 1, 1, 2]);
    }

    #[test]
    fn with_more_pods_each_has_one_up_to_a_bound() {
        assert_eq!(floors(Demand { pods: 8, ..DEMAND }), [1; 8]);
        let many = floors(Demand {
            pods: 500,
            next: 490,
            ..DEMAND
        });
        assert_eq!(many.iter().sum::<usize>(), PODS);
        assert_eq!((many[490], many[499], many[0], many[6]), (1, 1, 1, 0));
    }

    #[test]
    fn where_all_connections_go_to_one_pod_it_has_them_all() {
        let demand = Demand {
            balance: Balance::First,
            pods: 3,
            next: 2,
            ..DEMAND
        };
        assert_eq!(floors(demand), [6, 0, 0]);
    }

    #[test]
    fn a_quiet_forward_keeps_one() {
        let demand = Demand {
            is_quiet: true,
            pods: 3,
            next: 1,
            ..DEMAND
        };
        assert_eq!(floors(demand), [0, 1, 0]);
    }

    proptest! {
        #[test]
        fn no_process_keeps_more_than_its_bound(
            forwards in 1_usize..=PROCESS,
            pods in 1_usize..300,
            next in any::<u16>(),
            is_quiet in any::<bool>(),
            balance in prop::sample::select(vec![Balance::First, Balance::Least, Balance::RoundRobin]),
        ) {
            let demand = Demand { balance, forwards, is_quiet, pods, next: usize::from(next) };
            let sum: usize = floors(demand).iter().sum();
            prop_assert!(sum >= 1);
            prop_assert!(sum * forwards <= PROCESS);
        }
    }
}
