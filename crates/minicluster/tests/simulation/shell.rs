//! The tokio shell, `podline-tunnel`, in the same worlds as the pure pool: under paused time, with the simulated network and
//! runtime as the other end of its connections.

mod caller;
mod cluster;
mod connection;
mod remote;
mod world;

pub(crate) use world::run;
