//! Forwards into the cluster in one process, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

mod balancing;
mod carrying;
mod dying;
mod listening;
mod observing;
mod outliving;
mod probing;
mod shutting_down;
mod stage;
