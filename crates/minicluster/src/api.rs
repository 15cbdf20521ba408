//! The API server: objects, rules, and the HTTPS server in front of them.

mod accept;
mod body;
mod deletion;
mod discovery;
mod handler;
mod identity;
mod objects;
mod openapi;
mod operations;
mod patch;
mod protobuf;
mod reconcile;
mod request;
mod review;
mod rules;
mod scale;
mod server;
mod status;
mod store;
mod table;
mod watch;

pub(crate) use handler::Handler;
pub(crate) use objects::{KILLED, Pod};
pub(crate) use reconcile::{Kubelet, NODE_NAME, run_controllers};
pub use rules::{Rule, Rules};
pub(crate) use server::Server;
pub use store::{PodSummary, Store, StoreError};
