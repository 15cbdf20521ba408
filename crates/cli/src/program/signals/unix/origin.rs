//! Who sent a signal. The one module of this crate with unsafe code: handlers of signals, and what was set for them before,
//! are had in no other way.
#![allow(unsafe_code, reason = "who sent a signal is told to its handler only")]

use std::{
    io, mem, ptr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Sender, Signal};

/// Remembers who sent a signal until that is asked.
///
/// On Linux the system says so. Elsewhere a signal counts as the terminal's while this program is in the foreground of
/// one.
pub(super) struct Origin {
    from_process: Arc<AtomicBool>,
}

impl Origin {
    /// Watches `signal`. What reacts to it must begin to listen later than this: handlers are called in that order.
    pub(super) fn watch(signal: Signal) -> io::Result<Self> {
        let from_process = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&from_process);
        // SAFETY: the handler stores to an atomic and does nothing else, which is safe inside of any signal.
        unsafe {
            signal_hook_registry::register_sigaction(signal.number().into(), move |info| {
                // sigaction(2): what a process sent has a code of zero or less.
                if info.si_code <= 0 {
                    seen.store(true, Ordering::Release);
                }
            })?;
        }
        Ok(Self { from_process })
    }

    /// Who sent the signals since this was last asked; a process if one of them was.
    pub(super) fn take(&self) -> Sender {
        let from_process = self.from_process.swap(false, Ordering::AcqRel);
        let is_from_process = if cfg!(any(target_os = "android", target_os = "linux")) {
            from_process
        } else {
            !is_in_foreground()
        };
        if is_from_process {
            Sender::Process
        } else {
            Sender::Terminal
        }
    }
}

/// Whether a signal was ignored when the program was started.
pub(super) fn is_ignored(signal: Signal) -> bool {
    // SAFETY: all zeros are a sigaction: numbers, a set of signals, and a handler that is SIG_DFL.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: nothing is set, and the place for what is set is ours.
    let answer = unsafe { libc::sigaction(signal.number().into(), ptr::null(), &raw mut action) };
    answer == 0 && action.sa_sigaction == libc::SIG_IGN
}

/// Whether the terminal, if there is one, sends its signals to this program's group.
fn is_in_foreground() -> bool {
    std::fs::File::open("/dev/tty")
        .ok()
        .and_then(|terminal| rustix::termios::tcgetpgrp(terminal).ok())
        .is_some_and(|group| group == rustix::process::getpgrp())
}
