//! A Kubernetes cluster in one process: API server, kubelet and pods that really serve, with faults on demand.
//!
//! [`Minicluster::start`] gives a cluster on 127.0.0.1 that kubectl and every other client can use. Its API server
//! asks for credentials, which are new for each run; its pods are tasks that listen on loopback; its faults are
//! switches ([`Faults`]).
//!
//! ```no_run
//! use podline_minicluster::{Config, Minicluster, User};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let minicluster = Minicluster::start(Config::default()).await?;
//! std::fs::write("kubeconfig", minicluster.kubeconfig(User::Admin))?;
//! minicluster.store().replace_pod("default", "tools").await?;
//! minicluster.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod api;
mod config;
mod credentials;
mod minicluster;
pub mod node;
mod user;
pub mod workload;

pub use api::{PodSummary, Rule, Rules, Store, StoreError};
pub use config::{Config, manifest};
pub use credentials::CredentialError;
pub use minicluster::{Minicluster, StartError};
pub use node::Faults;
pub use user::{Credential, User};
