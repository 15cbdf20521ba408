//! The name under which the program was started.

use std::{ffi::OsString, fmt, path::Path};

/// How to call the program in help and hints: on its own, or as kubectl's plugin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProgramName {
    /// Started as `kubectl podline`, through the file name `kubectl-podline`.
    KubectlPlugin,
    /// Started as `podline`, or by any other name.
    Podline,
}

impl ProgramName {
    /// What the first argument, the path of the program, says.
    #[must_use]
    pub fn of(path: Option<&OsString>) -> Self {
        match path.and_then(|path| Path::new(path).file_stem()) {
            Some(stem) if stem == "kubectl-podline" => Self::KubectlPlugin,
            _ => Self::Podline,
        }
    }

    /// The words to type.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KubectlPlugin => "kubectl podline",
            Self::Podline => "podline",
        }
    }
}

impl fmt::Display for ProgramName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}
