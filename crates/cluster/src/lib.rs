//! All that podline asks of the Kubernetes API: configuration, credentials, targets, upgrades; the only crate that
//! names kube.
//!
//! [`Cluster::connect`] reads the configuration as kubectl does. [`Cluster::find`] comes from a [`Target`] to its
//! pods and ports, with no more rights than `kubectl port-forward` needs, and [`Cluster::watch`] keeps them in sight.
//! Through
//! [`Upgrade`](podline_tunnel::Upgrade) a cluster gives the tunnel its connections.
//!
//! Secrets are kept in `secrecy`'s types and are in no message; text from outside is [`Untrusted`] before it gets
//! into one.
//!
//! [`Untrusted`]: podline_wire::Untrusted

mod access;
mod api;
mod cluster;
mod connection;
mod credentials;
mod environment;
mod find;
mod find_error;
mod inspect;
mod keeper;
mod kubeconfig;
mod object;
mod options;
mod raw;
mod refusal;
mod renewals;
mod request;
mod target;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(test)]
mod tests;
mod watch;

pub use cluster::Cluster;
pub use connection::{
    ConnectError, ProxyError, Step, StepFound, TlsFault, Trace, WayFailure, WayPart, unverified_tls,
};
pub use credentials::{CredentialsError, CredentialsSort};
pub use find_error::FindError;
pub use inspect::{Configuration, Endpoints, Identity, Need, Right};
pub use kubeconfig::ConfigError;
pub use options::Options;
pub use refusal::{Refusal, Rule};
pub use renewals::Renewals;
pub use request::AGENT;
pub use target::{
    Container, Found, Kind, Owner, Phase, Pod, PortError, RemotePort, RemotePortError, Target, TargetError,
    Termination,
};
pub use watch::{Eyes, PodWatch};
