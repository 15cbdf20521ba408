//! Prints the HTTP log.

use futures_util::FutureExt as _;
use podline_monitor::{Facts, Monitor, Next, http::HttpLog};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::output::Output;

/// The task that prints the log.
pub(crate) struct HttpLogPrinter {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl HttpLogPrinter {
    /// Prints from now on what `monitor` tells of HTTP; the names of forwards too, where `names_forwards`.
    pub(crate) fn start(monitor: &Monitor, output: &Output, names_forwards: bool) -> Self {
        let (stop, stopped) = oneshot::channel();
        let log = HttpLog::new(names_forwards);
        output.traffic(&log.heading());
        let printer = Printer {
            log,
            facts: monitor.facts(),
            output: output.clone(),
        };
        Self {
            stop,
            task: tokio::spawn(printer.run(stopped)),
        }
    }

    /// Prints what has been told until now, and ends.
    pub(crate) async fn finish(self) {
        // The task may have ended with the monitor.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

struct Printer {
    log: HttpLog,
    facts: Facts,
    output: Output,
}

impl Printer {
    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        loop {
            tokio::select! {
                next = self.facts.next() => match next {
                    Some(next) => self.print(&next),
                    None => return,
                },
                _ = &mut stopped => break,
            }
        }
        while let Some(Some(next)) = self.facts.next().now_or_never() {
            self.print(&next);
        }
    }

    fn print(&self, next: &Next) {
        match next {
            Next::Fact(fact) => {
                if let Some(line) = self.log.line(fact) {
                    self.output.traffic(&line);
                }
            }
            Next::Skipped(facts) => self.output.note(&format!(
                "{facts} events came too fast to be shown, HTTP requests perhaps among them"
            )),
        }
    }
}
