//! Facts as JSON on standard output.

use futures_util::FutureExt as _;
use podline::Event;
use podline_monitor::{Fact, Facts, Monitor, Next, What, json};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::output::Output;

/// Writes a line for each fact, until it is told that there are no more.
pub(super) struct EventWriter {
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl EventWriter {
    /// Begins with the facts from now on.
    pub(super) fn start(monitor: &Monitor, output: &Output) -> Self {
        let (end, ended) = oneshot::channel();
        let lines = Lines {
            output: output.clone(),
            missing: 0,
        };
        Self {
            end,
            task: tokio::spawn(lines.write(monitor.facts(), ended)),
        }
    }

    /// Writes what was told until now, and ends.
    pub(super) async fn finish(self) {
        // Where it has ended by itself, there is nothing left.
        let _ = self.end.send(());
        let _ = self.task.await;
    }
}

struct Lines {
    output: Output,
    /// Lines that there was no room for since the last one.
    missing: u64,
}

impl Lines {
    async fn write(mut self, mut facts: Facts, mut ended: oneshot::Receiver<()>) {
        loop {
            tokio::select! {
                biased;
                next = facts.next() => match next {
                    Some(next) => self.handle(&next),
                    None => break,
                },
                _ = &mut ended => {
                    while let Some(Some(next)) = facts.next().now_or_never() {
                        self.handle(&next);
                    }
                    break;
                }
            }
        }
        self.tell_missing();
    }

    fn handle(&mut self, next: &Next) {
        match next {
            Next::Fact(fact) => {
                if let Some(line) = json::line(fact) {
                    self.push(&line, is_one_of_many(fact));
                }
            }
            Next::Skipped(events) => self.missing += events,
        }
    }

    /// One of many is left out where there is no room for it, and counted.
    fn push(&mut self, line: &str, is_one_of_many: bool) {
        if self.missing > 0 && self.output.has_room_for_events() {
            self.tell_missing();
        }
        if !is_one_of_many {
            self.output.event(line);
        } else if self.missing > 0 || !self.output.event_if_room(line) {
            self.missing += 1;
        }
    }

    fn tell_missing(&mut self) {
        if self.missing > 0 {
            self.output.event(&json::skipped(self.missing));
            self.missing = 0;
        }
    }
}

/// Whether a fact is of one of many connections or sessions.
fn is_one_of_many(fact: &Fact) -> bool {
    match &fact.what {
        What::Accepted(_)
        | What::Closed(_)
        | What::Exchanged(_)
        | What::Opened { .. }
        | What::Overlooked { .. }
        | What::Recognised { .. } => true,
        What::Happened(event) => matches!(event, Event::SessionLost(_) | Event::SessionUp(_)),
        _ => false,
    }
}
