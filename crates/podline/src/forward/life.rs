//! What is known of a pod's life, and what that says of an end of a connection that looks clean.

use std::time::Duration;

use podline_cluster::{Container, Pod};
use podline_wire::{Time, Untrusted};

/// An end later than this after a container's is not its doing: the runtime takes a second to end what a process
/// left, and the API server about as long to hear of it.
const AFTERMATH: Duration = Duration::from_secs(3);

/// What is known of a pod's life.
#[derive(Clone, Debug, Default)]
pub(super) struct Life {
    containers: Vec<Container>,
    /// The last container that did not end well while it was watched, and when that was noticed.
    last_death: Option<(Time, Untrusted)>,
    /// Why the pod does not exist any more.
    gone: Option<Untrusted>,
    /// The pod is being deleted, does not run, or is not ready.
    pub(super) is_failing: bool,
    /// Counts what was seen.
    pub(super) sights: u64,
}

impl Life {
    /// The pod as it is seen for the first time.
    pub(super) fn new(pod: &Pod) -> Self {
        Self {
            containers: pod.containers.clone(),
            is_failing: is_failing(pod),
            ..Self::default()
        }
    }

    /// The pod was seen again.
    pub(super) fn handle_sight(&mut self, now: Time, pod: &Pod) {
        for container in &pod.containers {
            let before = self
                .containers
                .iter()
                .find(|before| before.name == container.name);
            if let Some(text) = death(before, container) {
                let name = Untrusted::new(&*pod.name);
                self.last_death = Some((now, Untrusted::new(format!("in pod {name}, {text}"))));
            }
        }
        self.containers.clone_from(&pod.containers);
        self.is_failing = is_failing(pod);
        self.sights += 1;
    }

    /// The pod does not exist any more. Says whether that is news.
    pub(super) fn handle_gone(&mut self, text: Untrusted) -> bool {
        let is_news = self.gone.is_none();
        self.gone.get_or_insert(text);
        is_news
    }

    /// Whether the pod is known not to exist any more.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.is_some()
    }

    /// What speaks against a connection that ended at `end` having been ended by the pod's own will.
    pub(super) fn against(&self, end: Time) -> Option<&Untrusted> {
        let death = self.last_death.as_ref();
        let death = death.filter(|(at, _)| end.saturating_since(*at) < AFTERMATH);
        let death = death.map(|(_, text)| text);
        self.gone.as_ref().or(death)
    }
}

/// How `container` died since it was as `before`, if it did. One that was not there before has no past here.
fn death(before: Option<&Container>, container: &Container) -> Option<String> {
    let end = container.last_end.as_ref()?;
    if before?.last_end.as_ref() == Some(end) || end.is_clean() {
        return None;
    }
    let name = Untrusted::new(&*container.name);
    let how = match end.signal.unwrap_or(end.exit_code - SIGNALLED) {
        signal @ 1..=64 => format!("was ended by signal {signal}"),
        _ => format!("ended with status {}", end.exit_code),
    };
    Some(format!("container {name} {how}"))
}

/// What a shell, and a container runtime, add to the number of the signal that ended a process.
const SIGNALLED: i32 = 128;

fn is_failing(pod: &Pod) -> bool {
    pod.deleting || !pod.is_running() || !pod.ready
}
