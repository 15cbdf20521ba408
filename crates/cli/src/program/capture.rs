//! Records what goes through, if that was asked for.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use podline_monitor::{
    Saying,
    pcap::{Capture, CaptureError, CaptureOptions, Destination},
    say_capture,
};

use super::narrator;
use crate::{
    output::{Failure, Output},
    plan::ForwardPlan,
};

/// The file of a capture that is started in the terminal view, in the current folder, where none was named.
const FILE: &str = "podline.pcapng";

/// How many of the last sentences are held for later. There are two in a capture.
const HELD: usize = 100;

/// Captures of all connections: the one that was asked for, and those that are started in the terminal view.
pub(super) struct Recording {
    pub(super) capture: Capture,
    /// What the next capture is like that is started in the terminal view.
    pub(super) next: CaptureOptions,
    teller: Arc<Teller>,
}

/// Tells what is to be heard of a capture.
struct Teller {
    output: Output,
    /// What is said later, while lines would be in the way.
    held: Option<Mutex<VecDeque<Saying>>>,
}

impl Recording {
    /// Begins to record, if that is asked for. In the terminal view it may be asked for later.
    ///
    /// # Errors
    ///
    /// The capture cannot go where it was to go.
    pub(super) fn start(plan: &ForwardPlan, output: &Output) -> Result<Option<Self>, Failure> {
        if plan.capture.is_none() && plan.tui.is_none() {
            return Ok(None);
        }
        let next = plan.capture.clone();
        let next = next.unwrap_or_else(|| CaptureOptions::new(Destination::File(FILE.into())));
        let recording = Self::new(next, plan.tui.is_some(), output);
        if let Some(options) = &plan.capture {
            recording.begin(options)?;
        }
        Ok(Some(recording))
    }

    fn new(next: CaptureOptions, holds: bool, output: &Output) -> Self {
        let teller = Arc::new(Teller {
            output: output.clone(),
            held: holds.then(Mutex::default),
        });
        let told = Arc::clone(&teller);
        let capture = Capture::new(move |notice| told.tell(say_capture(notice)));
        Self {
            capture,
            next,
            teller,
        }
    }

    fn begin(&self, options: &CaptureOptions) -> Result<(), Failure> {
        let started = self.capture.start(options);
        started.map_err(|error| Failure::of(&error).while_doing("--pcap").hinted(hint(&error)))
    }

    /// Ends it. Where nothing was forwarded, leaves no file that the next try would find in its way.
    pub(super) async fn finish(self, has_forwarded: bool) {
        let is_over = self.capture.finish().await;
        let output = &self.teller.output;
        self.teller.tell_held();
        if !is_over {
            output.warning("the capture is incomplete: what was left of it was not taken");
        }
        if !has_forwarded && let Err(error) = self.capture.remove_if_empty() {
            output.warning(Failure::of(&error).sentence());
        }
    }
}

impl Teller {
    fn tell(&self, saying: Saying) {
        let Some(held) = &self.held else {
            return narrator::print(&saying, &self.output);
        };
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() == HELD {
            held.pop_front();
        }
        held.push_back(saying);
    }

    fn tell_held(&self) {
        if let Some(held) = &self.held {
            for saying in held.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
                narrator::print(&saying, &self.output);
            }
        }
    }
}

fn hint(error: &CaptureError) -> Option<String> {
    let hint = match error {
        CaptureError::Exists { .. } => {
            "--pcap-overwrite replaces a file; to write into a pipe, use `--pcap -`"
        }
        CaptureError::NotAFile { .. } => "--pcap-overwrite replaces regular files and nothing else",
        CaptureError::Terminal => "for example: `podline svc/web 8080:80 --pcap - | wireshark -k -i -`",
        _ => return None,
    };
    Some(hint.to_owned())
}
