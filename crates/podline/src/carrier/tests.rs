//! Carriers between real sockets and a pair that a test plays.

#![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

mod mock;

mod beginning_anew;
mod ending;
mod half_closing;
mod moving;
