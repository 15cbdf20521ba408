//! Performs podline-wire on tokio: an upgraded connection to one pod, and the pool of them.

pub mod upgrade;

pub use upgrade::{Io, PodAddress, Transport, Upgrade, UpgradeAnswer, UpgradeFailure};
