//! Which of several pods comes first.

use std::cmp::{Ordering, Reverse};

use k8s_openapi::jiff::Timestamp;

use super::{Phase, Pod};

/// Sorts the best pod to the front: a ready one that is not being deleted before all others, then in kubectl's
/// order (client-go's `ActivePods`, reversed). Equal ones stay as they are.
pub(crate) fn sort(pods: &mut [Pod]) {
    pods.sort_by(compare);
}

fn compare(a: &Pod, b: &Pod) -> Ordering {
    first(|pod| pod.ready && !pod.deleting, a, b)
        .then_with(|| first(|pod| pod.scheduled, a, b))
        .then_with(|| Reverse(rank(a.phase)).cmp(&Reverse(rank(b.phase))))
        .then_with(|| first(|pod| pod.ready, a, b))
        .then_with(|| first(|pod| !pod.deleting, a, b))
        .then_with(|| b.deleted.cmp(&a.deleted))
        .then_with(|| ready_for_longer(a, b))
        .then_with(|| a.restarts().cmp(&b.restarts()))
        .then_with(|| earlier(a.created, b.created))
}

/// Puts the pods that have something before those that do not.
fn first(has: impl Fn(&Pod) -> bool, a: &Pod, b: &Pod) -> Ordering {
    has(b).cmp(&has(a))
}

/// The higher the better; what is over counts no more than what has not begun.
fn rank(phase: Phase) -> u8 {
    match phase {
        Phase::Running => 2,
        Phase::Unknown => 1,
        Phase::Failed | Phase::Pending | Phase::Succeeded => 0,
    }
}

fn ready_for_longer(a: &Pod, b: &Pod) -> Ordering {
    if a.ready && b.ready {
        earlier(a.ready_since, b.ready_since)
    } else {
        Ordering::Equal
    }
}

/// Puts the earlier time first, and no time last.
fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.cmp(&b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::target::Container;

    fn pod(name: &str) -> Pod {
        Pod {
            namespace: "default".into(),
            name: name.into(),
            uid: name.into(),
            ip: None,
            ready: true,
            phase: Phase::Running,
            deleting: false,
            owner: None,
            scheduled: true,
            created: Timestamp::from_second(1_000).ok(),
            deleted: None,
            ready_since: Timestamp::from_second(1_100).ok(),
            containers: Vec::new(),
            ports: Vec::new(),
        }
    }

    /// A container and a sidecar that were restarted so many times.
    fn restarted(times: u32, sidecar_times: u32) -> Vec<Container> {
        [(false, times), (true, sidecar_times)]
            .map(|(sidecar, restarts)| Container {
                name: "c".into(),
                sidecar,
                restarts,
                waiting: None,
                last_end: None,
            })
            .into()
    }

    fn time(seconds: i64) -> Option<Timestamp> {
        Some(Timestamp::from_second(seconds).unwrap())
    }

    /// Each step of the order decides where all steps before it are equal.
    #[test]
    fn the_order_is_kubectls_and_ready_comes_first() {
        let better_and_worse = [
            (
                pod("ready"),
                Pod {
                    ready: false,
                    ..pod("not ready")
                },
            ),
            (
                pod("ready"),
                Pod {
                    deleting: true,
                    deleted: time(5),
                    ..pod("deleting")
                },
            ),
            (
                Pod {
                    ready: false,
                    ..pod("scheduled")
                },
                Pod {
                    ready: false,
                    scheduled: false,
                    ..pod("unscheduled")
                },
            ),
            (
                Pod {
                    ready: false,
                    phase: Phase::Unknown,
                    ..pod("unknown")
                },
                Pod {
                    ready: false,
                    phase: Phase::Pending,
                    ..pod("pending")
                },
            ),
            (
                Pod {
                    ready: false,
                    containers: restarted(9, 9),
                    ..pod("running")
                },
                Pod {
                    ready: false,
                    phase: Phase::Succeeded,
                    ..pod("over")
                },
            ),
            (
                Pod {
                    deleting: true,
                    deleted: time(5),
                    ..pod("deleting, ready")
                },
                Pod {
                    ready: false,
                    deleting: true,
                    deleted: time(9),
                    ..pod("deleting, not ready")
                },
            ),
            (
                Pod {
                    deleting: true,
                    deleted: time(9),
                    ..pod("deleted late")
                },
                Pod {
                    deleting: true,
                    deleted: time(5),
                    ..pod("deleted early")
                },
            ),
            (
                pod("ready for long"),
                Pod {
                    ready_since: time(1_200),
                    ..pod("ready for less")
                },
            ),
            (
                pod("ready since"),
                Pod {
                    ready_since: None,
                    ..pod("ready at no known time")
                },
            ),
            (
                pod("no restarts"),
                Pod {
                    containers: restarted(1, 0),
                    ..pod("one restart")
                },
            ),
            (
                pod("no sidecar restarts"),
                Pod {
                    containers: restarted(0, 1),
                    ..pod("one sidecar restart")
                },
            ),
            (
                pod("older"),
                Pod {
                    created: time(1_001),
                    ..pod("newer")
                },
            ),
            (
                pod("created"),
                Pod {
                    created: None,
                    ..pod("created at no known time")
                },
            ),
        ];
        for (better, worse) in better_and_worse {
            let names = [better.name.clone(), worse.name.clone()];
            let mut pods = vec![worse, better];
            sort(&mut pods);
            assert_eq!(pods.into_iter().map(|pod| pod.name).collect::<Vec<_>>(), names);
        }
    }

    #[test]
    fn equal_pods_stay_as_they_are() {
        let mut pods = vec![pod("b"), pod("a"), pod("c")];
        sort(&mut pods);
        assert_eq!(
            pods.iter().map(|pod| &*pod.name).collect::<Vec<_>>(),
            ["b", "a", "c"]
        );
    }
}
