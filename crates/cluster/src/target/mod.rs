//! What the user names, and the pods and ports it comes to.

mod container;
mod found;
mod kind;
mod order;
mod pod;
mod port_error;
mod remote_port;
mod service;
mod slice;
#[allow(clippy::module_inception, reason = "the folder's main type")]
mod target;

pub use container::{Container, Termination};
pub use found::Found;
pub use kind::Kind;
pub use pod::{Owner, Phase, Pod};
pub use port_error::PortError;
pub use remote_port::{RemotePort, RemotePortError};
pub use target::{Target, TargetError};

pub(crate) use order::sort;
pub(crate) use service::{Service, TargetPort};
pub(crate) use slice::{Conditions, Slice};
pub(crate) use target::is_name;
