//! Signals, and whom they are for: the program itself, or the command that it runs.

#[cfg(unix)]
mod unix;

#[cfg(windows)]
mod windows;

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{mpsc, watch};

use super::Ending;

#[cfg(unix)]
use unix::Source;
#[cfg(windows)]
use windows::Source;

/// The exit status after a second Ctrl-C: what a shell reports for a program that SIGINT killed.
const INTERRUPTED_TWICE: i32 = 128 + 2;

/// Signals that may wait until they are passed on. More of them at once are one too many for any program.
const WAITING: usize = 16;

/// What somebody outside wants.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Signal {
    /// SIGHUP: the terminal is gone.
    #[cfg_attr(windows, allow(dead_code, reason = "Windows has no such signal"))]
    Hangup,
    /// SIGINT, Ctrl-C.
    Interrupt,
    /// SIGQUIT, Ctrl-\.
    #[cfg_attr(windows, allow(dead_code, reason = "Windows has no such signal"))]
    Quit,
    /// SIGTERM.
    Terminate,
}

/// Who sent a signal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sender {
    /// Another process, to this one.
    #[cfg_attr(windows, allow(dead_code, reason = "Windows has consoles only"))]
    Process,
    /// The terminal, to all programs in its foreground.
    Terminal,
}

/// The wish of somebody outside that the program ends.
#[derive(Clone)]
pub(crate) struct Signals {
    asked: watch::Receiver<Option<Signal>>,
    way: Arc<Mutex<Way>>,
}

/// Signals on their way to a command. When this is dropped, they are for the program again.
pub(crate) struct Lent {
    signals: mpsc::Receiver<(Signal, Sender)>,
    way: Arc<Mutex<Way>>,
}

enum Way {
    Command(mpsc::Sender<(Signal, Sender)>),
    Program,
}

impl Signal {
    /// Its number, the same on all systems.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Hangup => 1,
            Self::Interrupt => 2,
            Self::Quit => 3,
            Self::Terminate => 15,
        }
    }
}

/// How a forward without a command ends.
impl From<Signal> for Ending {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Interrupt => Self::Interrupted,
            Signal::Terminate => Self::Terminated,
            Signal::Hangup | Signal::Quit => Self::Status(128 + signal.number()),
        }
    }
}

impl Signals {
    /// Starts to listen to SIGINT and SIGTERM. From here on the first signal is an orderly end, and the second Ctrl-C ends at
    /// once.
    pub(crate) fn install() -> io::Result<Self> {
        Ok(Self::listen_to(Source::new()?))
    }

    /// The same with all signals that a command is to get, for a program that runs one.
    pub(crate) fn install_for_command() -> io::Result<Self> {
        Ok(Self::listen_to(Source::for_command()?))
    }

    fn listen_to(mut source: Source) -> Self {
        let (ask, asked) = watch::channel(None);
        let way = Arc::new(Mutex::new(Way::Program));
        let signals = Self {
            asked,
            way: Arc::clone(&way),
        };
        tokio::spawn(async move {
            let mut interrupts = 0_u32;
            loop {
                let (signal, sender) = source.next().await;
                if let Way::Command(command) = &*lock(&way) {
                    // Whoever has so many signals to see to knows what is wanted.
                    let _ = command.try_send((signal, sender));
                    continue;
                }
                if signal == Signal::Interrupt {
                    interrupts += 1;
                }
                if interrupts > 1 {
                    #[allow(clippy::exit, reason = "the user has asked twice: nothing may be in the way")]
                    std::process::exit(INTERRUPTED_TWICE);
                }
                ask.send_if_modified(|asked| asked.replace(signal).is_none());
            }
        });
        signals
    }

    /// Waits for the first signal.
    pub(crate) async fn asked(&mut self) -> Signal {
        match self.asked.wait_for(Option::is_some).await {
            Ok(signal) => signal.unwrap_or(Signal::Interrupt),
            // The listening task lives as long as the runtime.
            Err(_) => std::future::pending().await,
        }
    }

    /// From now on signals are for a command; `None` if there was one already that was for the program.
    pub(crate) fn lend(&self) -> Option<Lent> {
        let mut way = lock(&self.way);
        if self.asked.borrow().is_some() {
            return None;
        }
        let (command, signals) = mpsc::channel(WAITING);
        *way = Way::Command(command);
        Some(Lent {
            signals,
            way: Arc::clone(&self.way),
        })
    }
}

impl Lent {
    /// The next signal for the command.
    pub(crate) async fn next(&mut self) -> (Signal, Sender) {
        match self.signals.recv().await {
            Some(signal) => signal,
            // The other end is where this is taken from when it is dropped.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        *lock(&self.way) = Way::Program;
    }
}

fn lock(way: &Mutex<Way>) -> MutexGuard<'_, Way> {
    way.lock().unwrap_or_else(PoisonError::into_inner)
}
