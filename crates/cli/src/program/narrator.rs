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
            Event::OutOfFiles(error) => {
                self.warn(&format!("no room for another connection: {}", chain(&**error)));
                self.output
                    .hint("raise the limit of open files, for example with `ulimit -n`");
            }
            Event::PodBack(pod) => self.note(&format!("{} can be connected to again", name(pod))),
            Event::PodChanged { from, to } if from == to => {
                self.note(&format!("new connections go to the new {}", name(to)));
            }
            Event::PodChanged { from, to } => {
                self.note(&format!(
                    "new connections go to {}, no longer to {}",
                    name(to),
                    name(from)
                ));
            }
            Event::PodLost { pod, owner, reason } => {
                self.warn(&format!(
                    "new connections wait, for {} is lost: {reason}",
                    name(pod)
                ));
                if let Some(owner) = owner {
                    self.output
                        .hint(&format!("forward to {owner} to go on with its other pods"));
                }
            }
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
            // `Listening` is printed at the start, in the order of the command line.
            _ => {}
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
    !matches!(end, End::AppReset | End::Clean { .. } | End::ShutDown)
}

fn name(pod: &PodAddress) -> String {
    format!("pod {}", Untrusted::new(&*pod.name))
}
