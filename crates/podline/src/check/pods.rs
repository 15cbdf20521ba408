//! What the pods of a target come to. No io.

use podline_cluster::{Endpoints, Found, Phase, Pod};
use podline_wire::Untrusted;

use super::report::Problem;
use super::{Container, Finding, PodFound, State};
use crate::forward::first_choice;

/// The most pods that are told of.
const TOLD: usize = 10;

/// What the pods come to.
pub(super) struct Pods<'a> {
    pub(super) state: State,
    pub(super) finding: Finding,
    pub(super) problems: Vec<Problem>,
    /// The pod that connections go to.
    pub(super) chosen: Option<&'a Pod>,
}

/// Looks at the pods of a target, and at its endpoints if it has any that may be seen.
pub(super) fn look(found: &Found, endpoints: Option<Endpoints>) -> Pods<'_> {
    let chosen = first_choice(&found.target, &found.pods);
    let mut told: Vec<&Pod> = chosen.into_iter().collect();
    told.extend(
        found
            .pods
            .iter()
            .filter(|pod| chosen.is_none_or(|chosen| chosen.uid != pod.uid)),
    );
    told.truncate(TOLD);
    let told: Vec<PodFound> = told.into_iter().map(PodFound::of).collect();
    let is_ready = |pod: &&Pod| pod.is_running() && pod.ready && !pod.deleting;
    let ready = found.pods.iter().filter(is_ready).count();
    let (state, problems) = judge(found, chosen, told.first(), ready, endpoints);
    Pods {
        state,
        finding: Finding::Pods {
            pods: told,
            total: found.pods.len(),
            ready,
            endpoints,
        },
        problems,
        chosen,
    }
}

fn judge(
    found: &Found,
    chosen: Option<&Pod>,
    first: Option<&PodFound>,
    ready: usize,
    endpoints: Option<Endpoints>,
) -> (State, Vec<Problem>) {
    let target = &found.target;
    let describe = "see what keeps it with kubectl describe and kubectl logs --previous";
    let hinted = |reason: String, hint: &str| Problem::new(reason, Some(hint.to_owned()));
    let Some(first) = first else {
        let reason = format!("{target} has no pods");
        let hint = "is it scaled to zero, or does its selector match no pods?";
        return (State::Failed, vec![hinted(reason, hint)]);
    };
    let name = &first.name;
    if chosen.is_none() {
        let why = first.waits().map(|why| format!(": {why}")).unwrap_or_default();
        let reason = match first.phase {
            Phase::Running => format!("pod {name} is being deleted, and no other pod runs"),
            phase => format!(
                "pod {name} does not run, it is {}{why}",
                phase.to_string().to_lowercase()
            ),
        };
        let hint = if first.phase.is_over() {
            "a pod that ended never runs again; forward to what makes it"
        } else {
            describe
        };
        return (State::Failed, vec![hinted(reason, hint)]);
    }
    let looping = first.containers.iter().filter(|container| container.is_looping());
    let looping: Vec<&Container> = looping.collect();
    if !looping.is_empty() && looping.len() == first.containers.len() {
        let reason = format!("pod {name} crashes again and again{}", first.ended());
        return (State::Failed, vec![hinted(reason, describe)]);
    }
    let mut problems = Vec::new();
    if let Some(why) = first.waits() {
        problems.push(hinted(format!("in pod {name}, {why}"), describe));
    }
    if ready == 0 {
        let reason = if target.kind.is_pod() {
            format!("pod {name} is not ready")
        } else {
            format!("none of the pods of {target} is ready; {name} is used, which only runs")
        };
        problems.push(hinted(reason, describe));
    }
    if endpoints.is_some_and(|endpoints| endpoints.ready == 0) {
        let reason = format!("{target} has no ready endpoint, so inside the cluster nobody gets through it");
        problems.push(hinted(
            reason,
            "are its pods ready, and do its selector and ports fit them?",
        ));
    }
    let state = if problems.is_empty() {
        State::Good
    } else {
        State::Doubtful
    };
    if first.restarts() > 0 {
        let reason = format!("pod {name} was restarted{}", first.ended());
        problems.push(Problem::new(reason, None));
    }
    (state, problems)
}

impl PodFound {
    fn of(pod: &Pod) -> Self {
        Self {
            name: Untrusted::new(&*pod.name),
            phase: pod.phase,
            ready: pod.ready,
            deleting: pod.deleting,
            containers: pod.containers.iter().map(Container::of).collect(),
        }
    }

    /// Which container waits, and for what.
    fn waits(&self) -> Option<String> {
        let container = self
            .containers
            .iter()
            .find(|container| container.waiting.is_some())?;
        let waiting = container.waiting.as_ref()?;
        Some(format!("container {} waits: {waiting}", container.name))
    }

    /// Why the container ended that was restarted most, as the end of a sentence.
    fn ended(&self) -> String {
        let worst = self.containers.iter().max_by_key(|container| container.restarts);
        worst
            .and_then(|container| Some((container, container.last_end.as_ref()?)))
            .map(|(container, end)| format!("; container {} ended last with {end}", container.name))
            .unwrap_or_default()
    }
}

impl Container {
    fn of(container: &podline_cluster::Container) -> Self {
        Self {
            name: Untrusted::new(&*container.name),
            restarts: container.restarts,
            waiting: container.waiting.clone(),
            last_end: container.last_end.as_ref().map(|end| {
                if end.reason.is_empty() {
                    Untrusted::new(format!("status {}", end.exit_code))
                } else {
                    end.reason.clone()
                }
            }),
        }
    }

    fn is_looping(&self) -> bool {
        self.waiting
            .as_ref()
            .is_some_and(|waiting| waiting.as_raw() == "CrashLoopBackOff")
    }
}
