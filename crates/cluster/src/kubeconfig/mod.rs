//! The kubeconfig as kubectl reads it: which files, how they are merged, and what a context comes to.

mod error;
mod file;
mod in_cluster;
mod load;
mod origin;
mod pick;
mod resolve;
mod server_url;
mod settings;
mod stamps;
mod timeout;
mod write_back;

pub use error::ConfigError;

pub(crate) use file::{AuthProvider, Exec, ExecVariable, InteractiveMode};
pub(crate) use load::Kubeconfig;
pub(crate) use origin::Origin;
pub(crate) use resolve::resolve;
pub(crate) use server_url::ServerUrl;
pub(crate) use settings::{Impersonation, Names, Settings, Tls, User};
pub(crate) use write_back::{Entry, Replacement};
