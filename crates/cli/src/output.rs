//! The owner of standard output and standard error.
//!
//! Standard output carries kubectl's lines and nothing else, or events in their place, or it belongs to somebody else and they
//! go to standard error. Both streams have a writer thread behind a bounded queue, so that neither can delay a connection.

mod failure;
mod line_queue;
mod logging;

use std::{io, time::Duration};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use clap::builder::StyledStr;
use secrecy::{ExposeSecret as _, SecretString};

use podline_monitor::json;

use crate::plan::StdoutOwner;

pub use failure::Failure;
use line_queue::LineQueue;
pub(crate) use logging::start_logging;

/// How long the end of the program waits for a reader to take the last lines.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Where the program's words go.
#[derive(Clone)]
pub struct Output {
    stdout: LineQueue,
    stderr: LineQueue,
    /// One of the two, for kubectl's lines; none where events are told as JSON.
    lines: Option<LineQueue>,
    coloured_stdout: bool,
    coloured_stderr: bool,
    quiet: bool,
}

/// How much a line on standard error weighs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Weight {
    Error,
    Hint,
    Note,
    Warning,
}

impl Output {
    /// Takes standard output and standard error. `quiet` leaves away what is neither `Forwarding from` nor wrong.
    #[must_use]
    pub fn start(quiet: bool) -> Self {
        let stdout = LineQueue::start("stdout", io::stdout());
        Self {
            lines: Some(stdout.clone()),
            stdout,
            stderr: LineQueue::start("stderr", io::stderr()),
            coloured_stdout: AutoStream::choice(&io::stdout()) != ColorChoice::Never,
            coloured_stderr: AutoStream::choice(&io::stderr()) != ColorChoice::Never,
            quiet,
        }
    }

    /// Leaves away from now on what is neither `Forwarding from` nor wrong.
    #[must_use]
    pub fn quiet(self, quiet: bool) -> Self {
        Self { quiet, ..self }
    }

    /// Puts kubectl's lines where `stdout` wants them.
    #[must_use]
    pub fn beside(self, stdout: StdoutOwner) -> Self {
        let lines = match stdout {
            StdoutOwner::Json => None,
            StdoutOwner::Lines => Some(self.stdout.clone()),
            StdoutOwner::Command | StdoutOwner::Pcap | StdoutOwner::Tui => Some(self.stderr.clone()),
        };
        Self { lines, ..self }
    }

    /// kubectl's line for a local address that is listened on. Never lost.
    pub fn forwarding_from(&self, address: impl std::fmt::Display) {
        if let Some(lines) = &self.lines {
            lines.push(&format!("Forwarding from {address}"));
        }
    }

    /// kubectl's line for a connection that an app made; dropped and counted if nobody reads.
    pub fn handling_connection(&self, local_port: u16) {
        if let Some(lines) = self.lines.as_ref().filter(|_| !self.quiet) {
            lines.push_if_room(&format!("Handling connection for {local_port}"));
        }
    }

    /// Counts such lines that could not even be made, for too many connections were.
    pub fn handled_connections(&self, number: u64) {
        if let Some(lines) = self.lines.as_ref().filter(|_| !self.quiet) {
            lines.count_dropped(number);
        }
    }

    /// The link of the web page, in which there is a secret: it goes to whoever started the program, and nowhere else.
    /// Never lost.
    pub fn web_page(&self, link: &SecretString) {
        self.stderr.push(&format!("Web page at {}", link.expose_secret()));
    }

    /// A line of JSON. Never lost.
    pub(crate) fn event(&self, line: &str) {
        self.stdout.push(line);
    }

    /// A line of JSON, if there is room for it. Says whether there was.
    pub(crate) fn event_if_room(&self, line: &str) -> bool {
        self.stdout.offer(line)
    }

    /// Whether there is room for lines of JSON.
    pub(crate) fn has_room_for_events(&self) -> bool {
        self.stdout.has_room()
    }

    /// What was asked for: help, a script, a report. Never lost.
    pub fn text(&self, text: &str) {
        self.stdout.push(text.strip_suffix('\n').unwrap_or(text));
    }

    /// What was asked for, with the colours that it has.
    pub fn styled(&self, text: &StyledStr) {
        if self.coloured_stdout {
            self.text(&text.ansi().to_string());
        } else {
            self.text(&text.to_string());
        }
    }

    /// The reason why the program ends. Never lost.
    pub fn failure(&self, failure: &Failure) {
        if self.lines.is_none() {
            self.event(&json::error(
                failure.sentence(),
                failure.hints(),
                failure.status(),
            ));
        }
        self.stderr
            .push(&self.labelled(Weight::Error, failure.sentence()));
        for hint in failure.hints() {
            self.stderr.push(&self.labelled(Weight::Hint, hint));
        }
    }

    /// A line about the traffic; dropped if nobody reads. What of it comes from outside must be in an `Untrusted`.
    pub fn traffic(&self, line: &str) {
        self.stderr.push_if_room(line);
    }

    /// Something that is wrong while the program goes on. What of it comes from outside must be in an `Untrusted`.
    pub fn warning(&self, sentence: &str) {
        self.stderr
            .push_if_room(&self.labelled(Weight::Warning, sentence));
    }

    /// What can be done about the warning before.
    pub fn hint(&self, sentence: &str) {
        self.stderr.push_if_room(&self.labelled(Weight::Hint, sentence));
    }

    /// Something good to know. What of it comes from outside must be in an `Untrusted`.
    pub fn note(&self, sentence: &str) {
        if !self.quiet {
            self.stderr.push_if_room(&self.labelled(Weight::Note, sentence));
        }
    }

    /// Waits for the last lines to be taken, but not for ever, and says how many were not.
    pub fn finish(&self) {
        self.stdout.drain(LAST_WORDS);
        let dropped = self.stdout.dropped();
        if dropped > 0 {
            let lines = if dropped == 1 { "line was" } else { "lines were" };
            self.note(&format!(
                "{dropped} {lines} dropped, because standard output was not read fast enough"
            ));
        }
        self.stderr.drain(LAST_WORDS);
    }

    fn labelled(&self, weight: Weight, sentence: &str) -> String {
        let (label, style) = weight.look();
        if self.coloured_stderr {
            format!("{style}{label}:{style:#} {sentence}")
        } else {
            format!("{label}: {sentence}")
        }
    }
}

impl Weight {
    /// Its label, and the colour that the label has on a terminal. The label alone tells the weight.
    fn look(self) -> (&'static str, Style) {
        let bold = |colour: AnsiColor| Style::new().bold().fg_color(Some(colour.into()));
        match self {
            Self::Error => ("error", bold(AnsiColor::Red)),
            Self::Hint => ("hint", bold(AnsiColor::Cyan)),
            Self::Note => ("note", bold(AnsiColor::Green)),
            Self::Warning => ("warning", bold(AnsiColor::Yellow)),
        }
    }
}
