//! Why a remote port leads nowhere.

use podline_wire::Untrusted;
use thiserror::Error;

use super::{RemotePort, Target};

/// Why a remote port leads nowhere. The texts are kubectl's.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum PortError {
    /// No container of the pod has a port of that name.
    #[error("Pod '{pod}' does not have a named port '{port}'")]
    NoContainerPortName {
        /// The pod's name.
        pod: Untrusted,
        /// The name that was looked for.
        port: Untrusted,
        /// The names that there are.
        known: Vec<Untrusted>,
    },
    /// There is no pod whose ports could be looked at.
    #[error("{target} has no pod to look its ports up in")]
    NoPod {
        /// What was asked for.
        target: Target,
    },
    /// The service has no port of that name.
    #[error("Service '{service}' does not have a named port '{port}'")]
    NoServicePortName {
        /// The service's name.
        service: Untrusted,
        /// The name that was looked for.
        port: Untrusted,
        /// The names that there are.
        known: Vec<Untrusted>,
    },
    /// The service has no port of that number.
    #[error("Service {service} does not have a service port {port}")]
    NotInService {
        /// The service's name.
        service: Untrusted,
        /// The number that was looked for.
        port: u16,
    },
    /// A port for UDP alone cannot be forwarded.
    #[error("UDP protocol is not supported for {port}")]
    Udp {
        /// The port as it was asked for.
        port: RemotePort,
    },
}

impl PortError {
    /// What can be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoContainerPortName { known, .. } | Self::NoServicePortName { known, .. }
                if !known.is_empty() =>
            {
                let known: Vec<String> = known.iter().map(ToString::to_string).collect();
                Some(format!("its named ports are {}", known.join(", ")))
            }
            Self::NoContainerPortName { .. } | Self::NoServicePortName { .. } => {
                Some("none of its ports has a name; use a number".to_owned())
            }
            Self::NotInService { .. } => {
                Some("a service is addressed by its own ports, not by those of its containers".to_owned())
            }
            Self::NoPod { .. } | Self::Udp { .. } => None,
        }
    }
}
