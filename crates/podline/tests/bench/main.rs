//! Benches of ports in the cluster in one process. Nothing is asserted of how long something takes.

#![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

mod failing;
mod measuring;
mod world;
