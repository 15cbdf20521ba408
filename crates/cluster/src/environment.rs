//! What the process is told from outside of its arguments, gathered so that tests can say otherwise.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal, stdin};
use std::path::PathBuf;

/// Where a pod finds the credentials of its service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Environment variables and what else a configuration depends on.
#[derive(Clone)]
pub(crate) struct Environment {
    pub(crate) variables: HashMap<OsString, OsString>,
    /// The folder with a pod's `token`, `ca.crt` and `namespace`.
    pub(crate) service_account: PathBuf,
    /// Whether a plugin can ask the user something.
    pub(crate) has_terminal: bool,
}

impl Environment {
    pub(crate) fn of_process() -> Self {
        Self {
            variables: std::env::vars_os().collect(),
            service_account: SERVICE_ACCOUNT.into(),
            has_terminal: stdin().is_terminal(),
        }
    }

    #[cfg(test)]
    pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
        Self {
            variables: variables
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            service_account: "/nonexistent".into(),
            has_terminal: false,
        }
    }

    /// A variable's value, if it is set and not empty.
    pub(crate) fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }

    /// The first of some variables that is set, not empty and text.
    pub(crate) fn text(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.variable(name)?.to_str())
    }

    /// The user's home folder.
    pub(crate) fn home(&self) -> Option<PathBuf> {
        let names: &[&str] = if cfg!(windows) {
            &["HOME", "USERPROFILE"]
        } else {
            &["HOME"]
        };
        names
            .iter()
            .find_map(|name| self.variable(name))
            .map(PathBuf::from)
    }
}
