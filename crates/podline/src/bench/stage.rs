//! Which part of the way an error belongs to, as a check would tell it. No io.

use podline_cluster::{ConfigError, ConnectError, FindError};

use crate::ForwardError;
use crate::check::{Problem, Stage, session_hint};
use crate::reason::reason;

pub(super) fn of_config(error: &ConfigError) -> (Stage, Problem) {
    let stage = match error {
        ConfigError::Credentials(_) => Stage::Credentials,
        _ => Stage::Configuration,
    };
    (stage, Problem::new(reason(error).as_raw(), error.hint()))
}

/// `namespace` is where the target was looked for.
pub(super) fn of_forward(error: &ForwardError, namespace: &str) -> (Stage, Problem) {
    let (stage, hint) = match error {
        ForwardError::Find(error) => (of_find(error), find_hint(error, namespace)),
        ForwardError::NoPod { .. } | ForwardError::NoReadyPod { .. } => (Stage::Pods, error.hint()),
        ForwardError::Session(error) => (Stage::Session, session_hint(error)),
        ForwardError::Listen(_) | ForwardError::NoPort { .. } | ForwardError::Port(_) => {
            (Stage::Port, error.hint())
        }
    };
    (stage, Problem::new(reason(error).as_raw(), hint))
}

fn of_find(error: &FindError) -> Stage {
    match error {
        FindError::Connect(error) => of_connect(error),
        FindError::NoPods { .. } | FindError::NoSelector { .. } => Stage::Target,
        FindError::NotRunning { .. } => Stage::Pods,
        FindError::Refused(refusal) if refusal.is_unauthorized() => Stage::Identity,
        FindError::Refused(refusal) if refusal.is_forbidden() => Stage::Rights,
        FindError::Refused(refusal) if refusal.is_not_found() => Stage::Target,
        // It was reached, and did not answer as it should.
        _ => Stage::Server,
    }
}

fn of_connect(error: &ConnectError) -> Stage {
    match error {
        ConnectError::Credentials(_) => Stage::Credentials,
        ConnectError::Dns { .. } => Stage::Dns,
        ConnectError::Proxy { .. } => Stage::Proxy,
        ConnectError::Tcp { .. } => Stage::Tcp,
        ConnectError::Tls { .. } => Stage::Tls,
        _ => Stage::Server,
    }
}

fn find_hint(error: &FindError, namespace: &str) -> Option<String> {
    match error {
        FindError::Refused(refusal) if refusal.is_not_found() => Some(format!(
            "looked in namespace {namespace}; -n names another namespace"
        )),
        error => error.hint(),
    }
}
