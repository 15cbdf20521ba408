use std::io;
use std::time::Duration;

use crossterm::event::{Event, EventStream};
use futures_util::StreamExt;
use jiff::tz::TimeZone;
use thiserror::Error;
use tokio::time::{self, MissedTickBehavior};

use super::model::NextCapture;
use super::{Command, Key, Look, Model, Recording, Screen, draw};
use crate::pcap::{Capture, CaptureOptions};
use crate::{Monitor, Next};

/// How often what is shown is looked at anew.
const LOOK: Duration = Duration::from_secs(1);
/// How often the screen is drawn at most because something happened.
const FRAME: Duration = Duration::from_millis(100);

/// Why the terminal view ended otherwise than by a key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TuiError {
    /// The terminal does not do what it is asked.
    #[error("the terminal does not work")]
    Terminal(#[from] io::Error),
}

/// Shows what `monitor` knows on the terminal until the user leaves with `q` or Ctrl-C. Dropped, it gives the terminal
/// back. A key starts and ends captures of `capture`, into files beside each other where `options` say, and replaces none.
///
/// # Errors
/// The terminal cannot be read or written.
pub async fn run(
    monitor: &Monitor,
    capture: &Capture,
    options: &CaptureOptions,
    look: Look,
) -> Result<(), TuiError> {
    let mut screen = Screen::take()?;
    let mut keys = EventStream::new();
    let mut facts = monitor.facts();
    let mut recording = Recording::new(capture.clone(), options.clone());
    let mut model = Model::new(TimeZone::system());
    let mut seconds = time::interval(LOOK);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut frames = time::interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Whether what is on the screen is not what should be.
    let mut is_stale = true;
    loop {
        tokio::select! {
            biased;
            event = keys.next() => match event {
                Some(Ok(Event::Key(event))) => {
                    match Key::of(&event).and_then(|key| model.handle_key(key)) {
                        None => {}
                        Some(Command::Capture) => {
                            recording.toggle();
                            if recording.is_starting() {
                                model.handle_next_capture(NextCapture::Starting);
                            }
                            model.handle_capture(capture.status());
                        }
                        Some(Command::EndConnection { forward, id }) => {
                            monitor.end_connection(forward, id);
                        }
                        Some(Command::Quit) => return Ok(()),
                        Some(Command::Suspend) => {
                            drop(screen);
                            suspend();
                            screen = Screen::take()?;
                        }
                    }
                    // A key is answered at once.
                    screen.terminal.draw(|frame| draw::draw(frame, &model, look))?;
                    is_stale = false;
                }
                Some(Ok(Event::Resize(..))) => is_stale = true,
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                // The terminal is gone, and with it who looks.
                None => return Ok(()),
            },
            _ = frames.tick(), if is_stale => {
                screen.terminal.draw(|frame| draw::draw(frame, &model, look))?;
                is_stale = false;
            }
            started = recording.started() => {
                model.handle_next_capture(started.map_or_else(NextCapture::Failed, |()| NextCapture::None));
                model.handle_capture(capture.status());
                is_stale = true;
            }
            _ = seconds.tick() => {
                model.handle_capture(capture.status());
                model.handle_forwards(monitor.forwards());
                is_stale = true;
            }
            Some(next) = facts.next() => is_stale |= note(&mut model, &next),
        }
    }
}

/// Says whether it is seen.
fn note(model: &mut Model, next: &Next) -> bool {
    let before = model.log.back().map(|line| line.at);
    model.handle_next(next);
    model.log.back().map(|line| line.at) != before
}

/// Stops the program as Ctrl-Z does, until the shell lets it go on.
#[cfg(unix)]
fn suspend() {
    // A shell without job control ignores it.
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP);
}

/// There is no such thing here.
#[cfg(not(unix))]
fn suspend() {}
