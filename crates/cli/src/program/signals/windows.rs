//! Where signals come from on Windows: from the console, which tells all of its programs.

use std::io;

use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, ctrl_break, ctrl_c, ctrl_close};

use super::{Sender, Signal};

/// What is listened to.
pub(super) struct Source {
    ctrl_break: CtrlBreak,
    ctrl_c: CtrlC,
    shutdown: CtrlClose,
}

impl Source {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            ctrl_break: ctrl_break()?,
            ctrl_c: ctrl_c()?,
            shutdown: ctrl_close()?,
        })
    }

    pub(super) fn for_command() -> io::Result<Self> {
        Self::new()
    }

    pub(super) async fn next(&mut self) -> (Signal, Sender) {
        let signal = tokio::select! {
            _ = self.ctrl_break.recv() => Signal::Interrupt,
            _ = self.ctrl_c.recv() => Signal::Interrupt,
            _ = self.shutdown.recv() => Signal::Terminate,
        };
        (signal, Sender::Terminal)
    }
}
