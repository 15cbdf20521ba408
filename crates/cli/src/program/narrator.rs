//! Tells in words what happens in a forward.

use podline::{Event, Events, Forward, Skipped, Target};
use podline_monitor::{Saying, Weight, say};

use crate::output::Output;

/// Prints where `forward` listens.
pub(crate) fn announce(forward: &Forward, output: &Output) {
    for address in forward.local_addrs() {
        output.forwarding_from(address);
    }
}

/// Tells from now on what happens in `forward`.
pub(crate) fn follow(forward: &Forward, target: &Target, output: &Output) {
    let narrator = Narrator {
        target: target.clone(),
        output: output.clone(),
    };
    tokio::spawn(narrator.follow(forward.events()));
}

/// Prints what is said of something.
pub(super) fn print(saying: &Saying, output: &Output) {
    match saying.weight {
        Weight::Detail => tracing::info!("{}", saying.sentence),
        Weight::Note => output.note(&saying.sentence),
        Weight::Warning => output.warning(&saying.sentence),
    }
    if let Some(hint) = &saying.hint {
        output.hint(hint);
    }
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
            Event::ConnectionEnded { id, outcome, .. } => tracing::debug!(
                connection = id,
                sent = outcome.sent,
                received = outcome.received,
                seconds = outcome.duration.as_secs_f64(),
                "{}: {}",
                self.target,
                outcome.end
            ),
            Event::ConnectionOpened { id, local, peer } => {
                self.output.handling_connection(local.port());
                tracing::debug!(connection = id, %local, %peer, "{}: connection opened", self.target);
            }
            Event::Skipped(Skipped { opened, .. }) => self.output.handled_connections(*opened),
            // `Listening` is printed at the start, in the order of the command line.
            _ => {}
        }
        if let Some(saying) = say(event) {
            print(&saying.of(&self.target), &self.output);
        }
    }
}
