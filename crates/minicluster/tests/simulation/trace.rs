//! What went over the wire, for whoever has to find out why a seed fails.

use std::collections::VecDeque;

use podline_wire::{
    Role, Time,
    spdy::{Frame, FrameReader},
};

/// Lines that are kept.
const LINES: usize = 400;

/// The last frames of a session in both directions.
#[derive(Debug)]
pub(crate) struct Trace {
    sent: FrameReader,
    received: FrameReader,
    lines: VecDeque<String>,
}

impl Trace {
    pub(crate) fn new() -> Self {
        Self {
            sent: FrameReader::new(Role::Server),
            received: FrameReader::new(Role::Client),
            lines: VecDeque::new(),
        }
    }

    pub(crate) fn sent(&mut self, now: Time, bytes: &[u8]) {
        read(&mut self.sent, &mut self.lines, now, "->", bytes);
    }

    pub(crate) fn received(&mut self, now: Time, bytes: &[u8]) {
        read(&mut self.received, &mut self.lines, now, "<-", bytes);
    }

    pub(crate) fn note(&mut self, now: Time, what: &str) {
        push(&mut self.lines, format!("{:?} {what}", now.as_duration()));
    }

    pub(crate) fn lines(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

fn read(reader: &mut FrameReader, lines: &mut VecDeque<String>, now: Time, arrow: &str, mut bytes: &[u8]) {
    while let Ok(Some(frame)) = reader.read(&mut bytes) {
        let text = match frame {
            Frame::Data {
                stream, payload, fin, ..
            } => {
                let end = if fin { " FIN" } else { "" };
                format!("DATA {stream:?} {}{end}", payload.len())
            }
            other => format!("{other:?}"),
        };
        push(lines, format!("{:?} {arrow} {text}", now.as_duration()));
    }
}

fn push(lines: &mut VecDeque<String>, line: String) {
    if lines.len() == LINES {
        lines.pop_front();
    }
    lines.push_back(line);
}
