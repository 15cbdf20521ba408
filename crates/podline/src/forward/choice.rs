use podline_cluster::{Found, Pod};

/// What matters of a pod for being chosen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Candidate {
    running: bool,
    ready: bool,
    deleting: bool,
}

/// The pod that connections go to, and whether it is as it should be.
pub(crate) struct Choice<'a> {
    pub(crate) pod: &'a Pod,
    /// It runs, and no pod of the target is ready.
    pub(crate) is_makeshift: bool,
}

/// The first pod that is ready; if none is, the first that runs and is not being deleted. Of a target that is a pod
/// itself, running is enough. `gone` is the identity of a pod whose sandbox is known to be gone: it does not count while
/// it is being deleted; a pod that stays gets a new sandbox.
pub(crate) fn choose<'a>(found: &'a Found, gone: Option<&str>) -> Option<Choice<'a>> {
    let candidates: Vec<Candidate> = found
        .pods
        .iter()
        .map(|pod| Candidate {
            running: pod.is_running() && !(pod.deleting && Some(pod.uid.as_str()) == gone),
            ready: pod.ready,
            deleting: pod.deleting,
        })
        .collect();
    let (index, is_makeshift) = choose_index(&candidates, found.target.kind.is_pod())?;
    Some(Choice {
        pod: &found.pods[index],
        is_makeshift,
    })
}

fn choose_index(candidates: &[Candidate], target_is_pod: bool) -> Option<(usize, bool)> {
    let first = |fits: fn(&Candidate) -> bool| candidates.iter().position(fits);
    if target_is_pod {
        return first(|pod| pod.running).map(|index| (index, false));
    }
    first(|pod| pod.running && pod.ready && !pod.deleting)
        .map(|index| (index, false))
        .or_else(|| first(|pod| pod.running && !pod.deleting).map(|index| (index, true)))
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
    fn the_first_ready_pod_is_chosen() {
        assert_eq!(
            choose_index(&[PENDING, UNREADY, LEAVING, READY, READY], false),
            Some((3, false))
        );
    }

    #[test]
    fn without_a_ready_one_a_running_one_that_stays_makes_do() {
        assert_eq!(choose_index(&[PENDING, LEAVING, UNREADY], false), Some((2, true)));
        assert_eq!(choose_index(&[PENDING, LEAVING], false), None);
        assert_eq!(choose_index(&[], false), None);
    }

    #[test]
    fn of_a_pod_itself_running_is_enough() {
        assert_eq!(choose_index(&[UNREADY], true), Some((0, false)));
        assert_eq!(choose_index(&[LEAVING], true), Some((0, false)));
        assert_eq!(choose_index(&[PENDING], true), None);
    }
}
