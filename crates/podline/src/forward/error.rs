use podline_cluster::{FindError, PortError, Target};
use podline_tunnel::SessionError;
use thiserror::Error;

use crate::ListenError;

/// Why a forward could not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ForwardError {
    /// The target or its pods could not be found.
    #[error(transparent)]
    Find(#[from] FindError),
    /// A local address could not be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The target has pods, but none that connections could go to.
    #[error("no pod of {target} is running")]
    NoPod {
        /// What was asked for.
        target: Target,
    },
    /// The target has pods that run, but none that is ready, which was required.
    #[error("no pod of {target} is ready")]
    NoReadyPod {
        /// What was asked for.
        target: Target,
    },
    /// There is nothing to forward: no port was named, or all ports were asked for and none is declared.
    #[error("{target} has no port to forward")]
    NoPort {
        /// What was asked for.
        target: Target,
    },
    /// A port that the target or its pod does not have.
    #[error(transparent)]
    Port(#[from] PortError),
    /// There is a pod, and no session to it.
    #[error("error upgrading connection")]
    Session(#[from] SessionError),
}

impl ForwardError {
    /// What can be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Find(error) => error.hint(),
            Self::Listen(error) => error.hint(),
            Self::NoReadyPod { .. } => Some(
                "see what keeps them with kubectl describe; without --require-ready, one that runs is used"
                    .to_owned(),
            ),
            Self::NoPort { .. } => Some("name a port: REMOTE or LOCAL:REMOTE".to_owned()),
            Self::Port(error) => error.hint(),
            Self::NoPod { .. } | Self::Session(_) => None,
        }
    }
}
