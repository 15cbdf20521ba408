//! Why a target comes to no pods.

use std::mem::discriminant;
use std::sync::Arc;
use std::time::Duration;

use podline_wire::Untrusted;
use thiserror::Error;

use crate::Refusal;
use crate::api::SharedConnectError;
use crate::connection::ConnectError;
use crate::target::{Phase, Target};

/// Why a target comes to no pods.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum FindError {
    /// The API server's answer cannot be understood.
    #[error("the API server's answer cannot be understood: {problem}")]
    Answer {
        /// What is wrong with it.
        problem: Untrusted,
    },
    /// The API server cannot be reached.
    #[error(transparent)]
    Connect(Arc<ConnectError>),
    /// Nothing belongs to the target.
    #[error("{target} has no pods{}", after(waited))]
    NoPods {
        /// The target.
        target: Target,
        /// How long one was waited for.
        waited: Duration,
    },
    /// The target selects no pods at all.
    #[error("{target} has no selector, so no pods belong to it")]
    NoSelector {
        /// The target.
        target: Target,
    },
    /// The text in front of the first colon is kubectl's.
    #[error(
        "unable to forward port because pod is not running. Current status={phase}: pod {pod}{}",
        after(waited)
    )]
    NotRunning {
        /// The best of the target's pods.
        pod: Untrusted,
        /// What it does instead.
        phase: Phase,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The API server refuses.
    #[error(transparent)]
    Refused(Refusal),
    /// The API server takes too long.
    #[error("the API server did not answer within {} s", after.as_secs_f32())]
    Timeout {
        /// How long it was waited for.
        after: Duration,
    },
}

impl FindError {
    /// What can be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Connect(error) => error.hint(),
            Self::NoPods { target, .. } => Some(format!(
                "is {target} scaled to zero, or does its selector match no pods?"
            )),
            Self::NotRunning {
                phase: Phase::Pending,
                ..
            } => Some(
                "see what keeps it from starting with kubectl describe; --pod-running-timeout waits longer"
                    .to_owned(),
            ),
            Self::NotRunning { phase, .. } if phase.is_over() => {
                Some("a pod that ended never runs again; forward to what makes it".to_owned())
            }
            Self::Refused(refusal) => refusal.hint(),
            Self::Timeout { .. } => Some("--request-timeout gives it more time".to_owned()),
            Self::Answer { .. } | Self::NoSelector { .. } | Self::NotRunning { .. } => None,
        }
    }

    /// Whether the target does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is_not_found())
    }

    /// Whether the user may not ask for it.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is_forbidden())
    }

    /// Whether the user has to log in: the credentials are not taken any more and cannot be renewed unasked.
    pub fn needs_login(&self) -> bool {
        match self {
            Self::Connect(error) => error.needs_login(),
            Self::Refused(refusal) => refusal.is_unauthorized(),
            _ => false,
        }
    }

    /// Whether there is no way to the API server now, or no answer from it.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Connect(error) => error.is_unreachable(),
            Self::Timeout { .. } => true,
            _ => false,
        }
    }

    /// Whether it stays so until somebody does something about it.
    pub(crate) fn lasts(&self) -> bool {
        self.is_forbidden() || self.needs_login() || matches!(self, Self::NoSelector { .. })
    }

    /// Whether another one says nothing new.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Connect(a), Self::Connect(b)) => a.is_like(b),
            (Self::Refused(a), Self::Refused(b)) => a.code == b.code,
            _ if self.is_unreachable() && other.is_unreachable() => true,
            _ => discriminant(self) == discriminant(other),
        }
    }

    pub(crate) fn new(error: kube::Error) -> Self {
        if let Some(error) = SharedConnectError::in_chain(&error) {
            return Self::Connect(error);
        }
        match error {
            kube::Error::Api(status) => Self::Refused(Refusal::of_request(&status)),
            kube::Error::Service(error) => {
                let server = Untrusted::new("the API server");
                Self::Connect(Arc::new(ConnectError::of_exchange(server, error)))
            }
            error => Self::Answer {
                problem: Untrusted::new(error.to_string()),
            },
        }
    }
}

fn after(waited: &Duration) -> String {
    if waited.is_zero() {
        String::new()
    } else {
        // To a tenth of a second: nobody waits for less.
        format!(" after {} s", (waited.as_secs_f32() * 10.0).round() / 10.0)
    }
}
