//! Records what goes through, if that was asked for.

use std::sync::{Arc, Mutex, PoisonError};

use podline::{Target, Untrusted};
use podline_monitor::pcap::{Capture, CaptureEnd, CaptureError, CaptureNotice, CaptureOptions};

use crate::{
    output::{Failure, Output},
    plan::ForwardPlan,
};

/// A capture of all connections.
pub(super) struct Recording {
    pub(super) capture: Capture,
    teller: Arc<Teller>,
}

/// Tells what is to be heard of a capture.
struct Teller {
    output: Output,
    /// Sentences for later, while lines would be in the way: there are two in a capture.
    held: Option<Mutex<Vec<(Tone, String)>>>,
}

#[derive(Clone, Copy)]
enum Tone {
    Limit,
    Note,
    Warning,
}

impl Recording {
    /// Begins to record.
    ///
    /// # Errors
    ///
    /// The capture cannot go where it was to go.
    pub(super) fn start(plan: &ForwardPlan, output: &Output) -> Result<Option<Self>, Failure> {
        match &plan.capture {
            Some(options) => Self::begin(options, plan.tui.is_some(), output).map(Some),
            None => Ok(None),
        }
    }

    fn begin(options: &CaptureOptions, holds: bool, output: &Output) -> Result<Self, Failure> {
        let teller = Arc::new(Teller {
            output: output.clone(),
            held: holds.then(Mutex::default),
        });
        let told = Arc::clone(&teller);
        let capture = Capture::new(move |notice| told.tell(notice));
        match capture.start(options) {
            Ok(()) => Ok(Self { capture, teller }),
            Err(error) => Err(Failure::of(&error).while_doing("--pcap").hinted(hint(&error))),
        }
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
    fn tell(&self, notice: &CaptureNotice) {
        let sentence = Untrusted::new(notice.to_string()).to_string();
        let tone = match notice {
            CaptureNotice::Ended {
                end: CaptureEnd::Stopped,
                ..
            } => Tone::Note,
            CaptureNotice::Ended {
                end: CaptureEnd::LimitReached { .. },
                ..
            } => Tone::Limit,
            _ => Tone::Warning,
        };
        match &self.held {
            Some(held) => held
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((tone, sentence)),
            None => self.say(tone, &sentence),
        }
    }

    fn tell_held(&self) {
        if let Some(held) = &self.held {
            for (tone, sentence) in held.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
                self.say(tone, &sentence);
            }
        }
    }

    fn say(&self, tone: Tone, sentence: &str) {
        match tone {
            Tone::Note => self.output.note(sentence),
            Tone::Warning => self.output.warning(sentence),
            Tone::Limit => {
                self.output.warning(sentence);
                self.output
                    .hint("--pcap-limit sets another limit, --pcap-snaplen records less of each packet");
            }
        }
    }
}

/// What the connections of a target are called in a capture: the target as it is typed.
pub(super) fn name(target: &Target) -> String {
    match &target.namespace {
        Some(namespace) => format!("{namespace}/{target}"),
        None => target.to_string(),
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
