//! Ctrl-C and SIGTERM.

use std::io;

use tokio::sync::watch;

use super::Ending;

/// The exit status after a second Ctrl-C: what a shell reports for a program that SIGINT killed.
const INTERRUPTED_TWICE: i32 = 128 + 2;

/// The wish of somebody outside that the program ends.
#[derive(Clone)]
pub(crate) struct Signals {
    asked: watch::Receiver<Option<Ending>>,
}

impl Signals {
    /// Starts to listen. From here on the first signal is an orderly end, and the second Ctrl-C ends at once.
    pub(crate) fn install() -> io::Result<Self> {
        let (ask, asked) = watch::channel(None);
        let mut source = Source::new()?;
        tokio::spawn(async move {
            let mut interrupts = 0_u32;
            loop {
                let ending = source.next().await;
                if ending == Ending::Interrupted {
                    interrupts += 1;
                }
                if interrupts > 1 {
                    #[allow(clippy::exit, reason = "the user has asked twice: nothing may be in the way")]
                    std::process::exit(INTERRUPTED_TWICE);
                }
                ask.send_if_modified(|asked| asked.replace(ending).is_none());
            }
        });
        Ok(Self { asked })
    }

    /// Waits for the first signal.
    pub(crate) async fn asked(&mut self) -> Ending {
        match self.asked.wait_for(Option::is_some).await {
            Ok(ending) => ending.unwrap_or(Ending::Interrupted),
            // The listening task lives as long as the runtime.
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(unix)]
struct Source {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Source {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Ending {
        tokio::select! {
            _ = self.interrupt.recv() => Ending::Interrupted,
            _ = self.terminate.recv() => Ending::Terminated,
        }
    }
}

#[cfg(windows)]
struct Source {
    ctrl_break: tokio::signal::windows::CtrlBreak,
    ctrl_c: tokio::signal::windows::CtrlC,
    shutdown: tokio::signal::windows::CtrlClose,
}

#[cfg(windows)]
impl Source {
    fn new() -> io::Result<Self> {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close};
        Ok(Self {
            ctrl_break: ctrl_break()?,
            ctrl_c: ctrl_c()?,
            shutdown: ctrl_close()?,
        })
    }

    async fn next(&mut self) -> Ending {
        tokio::select! {
            _ = self.ctrl_break.recv() => Ending::Interrupted,
            _ = self.ctrl_c.recv() => Ending::Interrupted,
            _ = self.shutdown.recv() => Ending::Terminated,
        }
    }
}
