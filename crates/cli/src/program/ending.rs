//! How the program ends, and what that is as an exit status.

use std::process::ExitCode;

/// Why the program ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ending {
    /// It did what it was asked.
    Done,
    /// Ctrl-C, which is how a forward is meant to end.
    Interrupted,
    /// With a status of somebody else's.
    Status(u8),
    /// SIGTERM. The status is what a shell reports for a program that this signal killed.
    Terminated,
}

impl Ending {
    /// The status of [`Ending::Terminated`].
    pub(crate) const TERMINATED: u8 = 128 + 15;
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Done | Ending::Interrupted => Self::SUCCESS,
            Ending::Status(status) => Self::from(status),
            Ending::Terminated => Self::from(Ending::TERMINATED),
        }
    }
}
