//! A target, ports and local addresses, alive.

mod backoff;

mod builder;
pub use builder::ForwardBuilder;

mod choice;

mod connection;

mod error;
pub use error::ForwardError;

#[allow(clippy::module_inception, reason = "the folder's main type")]
mod forward;
pub use forward::{Ended, Forward};

mod route;

mod shared;

mod supervisor;
