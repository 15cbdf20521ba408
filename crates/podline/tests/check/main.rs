//! Walks to ports in the cluster in one process, with everything on the way failing once.

#![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

mod inside;
mod outside;
mod rights;
mod server;
mod world;
