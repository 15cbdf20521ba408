//! Whole ways: from a configuration to an answer of a server.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod find;
mod kubeconfig;
mod oidc;
#[cfg(unix)]
mod plugin;
mod proxies;
mod real_cluster;
mod renewal;
mod rights;
mod server;
mod tls;
mod upgrade;
mod watch;
