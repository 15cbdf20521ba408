//! What is known of a pod's life, and what that says of an end of a connection that looks clean.

use std::time::Duration;

use podline_cluster::{Container, Pod};
use podline_wire::{Time, Untrusted};

/// An end later than this after a container's is not its doing: the runtime takes a second to end what a process
/// left, and the API server about as long to hear of it.
pub(super) const AFTERMATH: Duration = Duration::from_secs(3);

/// What is known of a pod's life.
#[derive(Clone, Debug, Default)]
pub(super) struct Life {
    containers: Vec<Container>,
    /// The last container that did not end well while it was watched, and when that was noticed.
    last_death: Option<(Time, Untrusted)>,
    /// Why the pod does not exist any more.
    gone: Option<Untrusted>,
    /// The pod was being deleted and is not among the target's any more, while nobody has said yet whether it still exists.
    left: Option<Untrusted>,
    is_leaving: bool,
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
            is_leaving: pod.deleting,
            is_failing: is_failing(pod),
            ..Self::default()
        }
    }

    /// The pod was seen again. Says how a container of it died, if one did since.
    pub(super) fn handle_sight(&mut self, now: Time, pod: &Pod) -> Option<Untrusted> {
        let mut news = None;
        for container in &pod.containers {
            let before = self
                .containers
                .iter()
                .find(|before| before.name == container.name);
            if let Some(text) = death(before, container) {
                let name = Untrusted::new(&*pod.name);
                let text = Untrusted::new(format!("in pod {name}, {text}"));
                self.last_death = Some((now, text.clone()));
                news = Some(text);
            }
        }
        self.containers.clone_from(&pod.containers);
        self.left = None;
        self.is_leaving = pod.deleting;
        self.is_failing = is_failing(pod);
        self.sights += 1;
        news
    }

    /// The pod does not exist any more. Says whether that is news.
    pub(super) fn handle_gone(&mut self, text: Untrusted) -> bool {
        let is_news = self.gone.is_none();
        self.gone.get_or_insert(text);
        is_news
    }

    /// The pod is not among the target's any more, and may still exist. If it was being deleted, that probably is why.
    pub(super) fn handle_left(&mut self, text: Untrusted) {
        self.left = Some(text).filter(|_| self.is_leaving);
    }

    /// The pod still exists, though it is not among the target's any more.
    pub(super) fn handle_stayed(&mut self) {
        self.left = None;
    }

    /// What speaks against an end when it was waited in vain for somebody to know.
    pub(super) fn probably_against(&self) -> Option<&Untrusted> {
        self.left.as_ref()
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::json::{deleting, ended, pod, running};
    use super::*;

    const NOTICED: Time = Time::from_duration(Duration::from_secs(100));

    /// The life of a pod that ran and then was seen like this.
    fn then(seen: &Value) -> Life {
        let mut life = Life::new(&pod(&running("web")));
        life.handle_sight(NOTICED, &pod(seen));
        life
    }

    fn against(life: &Life, end: Time) -> Option<String> {
        life.against(end).map(ToString::to_string)
    }

    #[test]
    fn a_container_that_died_speaks_against_ends_before_and_soon_after() {
        for (exit_code, how) in [
            (137, "was ended by signal 9"),
            (143, "was ended by signal 15"),
            (3, "ended with status 3"),
            // No signal has such a number.
            (255, "ended with status 255"),
        ] {
            let life = then(&ended("web", exit_code));
            let text = Some(format!("in pod web, container app {how}"));
            assert_eq!(against(&life, Time::ZERO), text);
            assert_eq!(against(&life, NOTICED), text);
            let aftermath = NOTICED + AFTERMATH;
            assert_eq!(against(&life, NOTICED + AFTERMATH / 2), text);
            assert_eq!(against(&life, aftermath), None, "that is another story");
        }
    }

    #[test]
    fn a_container_that_ended_well_speaks_against_nothing() {
        assert_eq!(against(&then(&ended("web", 0)), NOTICED), None);
    }

    #[test]
    fn a_death_is_news_once_and_none_of_before_counts() {
        let dead = pod(&ended("web", 137));
        let mut life = Life::new(&pod(&running("web")));
        assert!(life.handle_sight(NOTICED, &dead).is_some());
        assert!(life.handle_sight(NOTICED + AFTERMATH, &dead).is_none());
        assert_eq!(against(&life, NOTICED + AFTERMATH), None);
        // It had died when it was seen for the first time.
        let mut life = Life::new(&dead);
        assert!(life.handle_sight(NOTICED, &dead).is_none());
        assert_eq!(against(&life, NOTICED), None);
        // A container that appears has no past.
        let mut pod_of_two = ended("web", 0);
        pod_of_two["status"]["containerStatuses"][0]["name"] = "another".into();
        pod_of_two["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] = 1.into();
        assert_eq!(against(&then(&pod_of_two), NOTICED), None);
    }

    #[test]
    fn a_pod_that_is_gone_speaks_against_every_end() {
        let mut life = then(&deleting("web"));
        assert_eq!(against(&life, NOTICED), None, "it still serves");
        assert!(life.handle_gone(Untrusted::new("it is gone")));
        assert!(!life.handle_gone(Untrusted::new("again")));
        for end in [Time::ZERO, NOTICED, NOTICED + AFTERMATH * 100] {
            assert_eq!(against(&life, end).as_deref(), Some("it is gone"));
        }
    }

    #[test]
    fn a_pod_on_its_way_out_or_not_well_is_failing() {
        assert!(!then(&running("web")).is_failing);
        assert!(then(&deleting("web")).is_failing);
        let mut unready = running("web");
        unready["status"]["conditions"] = json!([]);
        assert!(then(&unready).is_failing);
        for phase in ["Pending", "Failed", "Succeeded", "Unknown"] {
            let mut pod = running("web");
            pod["status"]["phase"] = phase.into();
            assert!(then(&pod).is_failing, "{phase}");
        }
    }
}
