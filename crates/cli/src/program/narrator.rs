//! Tells in words what happens in a forward.

use podline::{End, Event, Events, Forward, PodAddress, Skipped, Target, Untrusted};

use crate::output::{Output, chain};

/// Prints where `forward` listens, and from now on what happens in it.
pub(crate) fn tell(forward: &Forward, target: &Target, output: &Output) {
    for address in forward.local_addrs() {
        output.forwarding_from(address);
    }
    let narrator = Narrator {
        target: target.clone(),
        output: output.clone(),
    };
    tokio::spawn(narrator.follow(forward.events()));
}

struct Narrator {
    target: Target,
    output: Output,
}

impl Narrator {
    async fn follow(self, mut events: Events) {
        while let Some(event) = events.next().await {
            self.tell(&event);
        }
    }

    fn tell(&self, event: &Event) {
        match event {
            Event::ConnectionEnded { id, local, outcome } => {
                tracing::debug!(
                    connection = id,
                    sent = outcome.sent,
                    received = outcome.received,
                    seconds = outcome.duration.as_secs_f64(),
                    "{}: {}",
                    self.target,
                    outcome.end
                );
                if is_worth_a_word(&outcome.end) {
                    self.warn(&format!(
                        "connection {id} to local port {} was reset: {}",
                        local.port(),
                        outcome.end
                    ));
                }
            }
            Event::ConnectionOpened { id, local, peer } => {
                self.output.handling_connection(local.port());
                tracing::debug!(connection = id, %local, %peer, "{}: connection opened", self.target);
            }
            Event::HeldElsewhere(error) => {
                self.warn(&chain(&**error));
                self.output
                    .hint("an app that prefers that address of localhost gets there, not here");
            }
            Event::NotReady(pod) => {
                self.warn(&format!("no pod is ready; {} is used, which runs", name(pod)));
            }
            Event::InSight => self.note("its pods can be looked up again"),
            Event::OutOfFiles(error) => {
                self.warn(&format!("no room for another connection: {}", chain(&**error)));
                self.output
                    .hint("raise the limit of open files, for example with `ulimit -n`");
            }
            Event::OutOfSight(reason) => {
                self.warn(&format!("its pods cannot be looked up any more: {reason}"));
            }
            Event::PodGone {
                pod,
                reset,
                waiting,
                owner,
            } => {
                self.warn(&gone(pod, *reset, *waiting));
                self.hint_at(owner.as_ref());
            }
            Event::PodsChanged { joined, left, total } => self.note(&changed(joined, left, *total)),
            Event::Resumed(pod) => self.note(&format!("connections go to {} again", name(pod))),
            Event::SessionLost(error) => {
                tracing::info!("{}: a session was lost: {}", self.target, chain(error));
            }
            Event::SessionUp(transport) => tracing::debug!(?transport, "{}: a session is ready", self.target),
            Event::Skipped(Skipped { opened, failed, .. }) => {
                self.output.handled_connections(*opened);
                if *failed > 0 {
                    self.warn(&format!("{failed} more connections were reset"));
                }
            }
            Event::TransportFellBack(error) => {
                tracing::info!(
                    "{}: SPDY is used, for WebSocket did not work: {}",
                    self.target,
                    chain(error)
                );
            }
            Event::Waiting { reason, owner } => {
                self.warn(&format!("waiting for a pod: {reason}"));
                self.hint_at(owner.as_ref());
            }
            // `Listening` is printed at the start, in the order of the command line.
            _ => {}
        }
    }

    fn hint_at(&self, owner: Option<&Target>) {
        if let Some(owner) = owner {
            self.output
                .hint(&format!("forward to {owner} to go on with its other pods"));
        }
    }

    fn warn(&self, sentence: &str) {
        self.output.warning(&format!("{}: {sentence}", self.target));
    }

    fn note(&self, sentence: &str) {
        self.output.note(&format!("{}: {sentence}", self.target));
    }
}

/// Whether the user should hear of it: something went wrong, and it was neither the app's nor his own doing.
fn is_worth_a_word(end: &End) -> bool {
    !matches!(
        end,
        End::AppReset | End::Clean { .. } | End::Killed | End::ShutDown
    )
}

/// Says that a pod is gone, and what that means for connections.
fn gone(pod: &PodAddress, reset: usize, waiting: bool) -> String {
    let reset = match reset {
        0 => String::new(),
        1 => "; 1 connection was reset".to_owned(),
        more => format!("; {more} connections were reset"),
    };
    let waiting = if waiting { "; waiting for a pod" } else { "" };
    format!("{} is gone{reset}{waiting}", name(pod))
}

/// Says which pods connections go to.
fn changed(joined: &[PodAddress], left: &[PodAddress], total: usize) -> String {
    let pods = |number| {
        if number == 1 {
            "1 pod".to_owned()
        } else {
            format!("{number} pods")
        }
    };
    match (joined, left) {
        ([to], [from]) if total == 1 && to == from => format!("connections go to the new {} now", name(to)),
        ([], left) => format!(
            "connections go to {} no longer; {} left",
            names(left),
            if total == 1 {
                "1 pod is".to_owned()
            } else {
                format!("{total} pods are")
            }
        ),
        (joined, _) if joined.len() == total => format!("connections go to {} now", names(joined)),
        (joined, _) => format!("connections go to {} too, of {} now", names(joined), pods(total)),
    }
}

/// The names of some pods, or the first of them.
fn names(pods: &[PodAddress]) -> String {
    const MOST: usize = 3;
    let shown: Vec<String> = pods.iter().take(MOST).map(name).collect();
    match (shown.as_slice(), pods.len().saturating_sub(MOST)) {
        ([one], 0) => one.clone(),
        ([others @ .., last], 0) => format!("{} and {last}", others.join(", ")),
        (shown, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

fn name(pod: &PodAddress) -> String {
    format!("pod {}", Untrusted::new(&*pod.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods(names: &[&str]) -> Vec<PodAddress> {
        let pod = |name: &&str| PodAddress {
            namespace: "default".to_owned(),
            name: (*name).to_owned(),
        };
        names.iter().map(pod).collect()
    }

    #[test]
    fn the_end_of_a_pod_is_said_with_what_it_costs() {
        let pod = &pods(&["web-1"])[0];
        assert_eq!(
            gone(pod, 2, true),
            "pod web-1 is gone; 2 connections were reset; waiting for a pod"
        );
        assert_eq!(gone(pod, 1, false), "pod web-1 is gone; 1 connection was reset");
        assert_eq!(gone(pod, 0, false), "pod web-1 is gone");
    }

    #[test]
    fn changes_of_pods_are_said_in_few_words() {
        let said = |joined: &[&str], left: &[&str], total| changed(&pods(joined), &pods(left), total);
        assert_eq!(said(&["b"], &["a"], 1), "connections go to pod b now");
        assert_eq!(said(&["a"], &["a"], 1), "connections go to the new pod a now");
        assert_eq!(said(&["a", "b"], &[], 2), "connections go to pod a and pod b now");
        assert_eq!(
            said(&["c"], &["a"], 3),
            "connections go to pod c too, of 3 pods now"
        );
        assert_eq!(
            said(&[], &["a"], 2),
            "connections go to pod a no longer; 2 pods are left"
        );
        assert_eq!(
            said(&["a", "b", "c", "d", "e"], &[], 5),
            "connections go to pod a, pod b, pod c and 2 more now"
        );
    }
}
