//! Facts as JSON: one object a line, as `docs/events.schema.json` describes them.
//!
//! The names of kinds and fields are a promise. A later version may add kinds, fields and values of `end`; it takes none
//! away and gives none another meaning without another [`SCHEMA_VERSION`].

mod event;
use event::{Event, Line};

use jiff::Timestamp;

use crate::Fact;

/// What the lines follow; told by the first one.
pub const SCHEMA_VERSION: u32 = 1;

/// The first line of a run of the program of this version.
pub fn started(program_version: &str) -> String {
    now(Event::Started {
        schema_version: SCHEMA_VERSION,
        podline_version: program_version,
    })
}

/// The line for a fact; `None` for one that another line tells already.
pub fn line(fact: &Fact) -> Option<String> {
    let event = Event::of(&fact.what)?;
    Some(Line::new(fact.at, Some(&fact.forward), event).to_json())
}

/// The line in the place of so many that could not be told, because the reader was too slow.
pub fn skipped(events: u64) -> String {
    now(Event::Skipped { events })
}

/// The line for what ends the program with this exit status.
pub fn error(message: &str, hints: &[String], exit_status: u8) -> String {
    now(Event::Error {
        message,
        hints,
        exit_status,
    })
}

fn now(event: Event<'_>) -> String {
    Line::new(Timestamp::now(), None, event).to_json()
}

#[cfg(test)]
mod tests;
