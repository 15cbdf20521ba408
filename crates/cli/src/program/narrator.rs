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
            self.print(&saying);
        }
    }

    fn print(&self, saying: &Saying) {
        let sentence = format!("{}: {}", self.target, saying.sentence);
        match saying.weight {
            Weight::Detail => tracing::info!("{sentence}"),
            Weight::Note => self.output.note(&sentence),
            Weight::Warning => self.output.warning(&sentence),
        }
        if let Some(hint) = &saying.hint {
            self.output.hint(hint);
        }
    }
}
