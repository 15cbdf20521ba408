//! A target, ports and local addresses, alive.

mod backoff;

mod balance;
pub use balance::Balance;

mod builder;
pub use builder::ForwardBuilder;

mod choice;
pub(crate) use choice::first_choice;

mod connection;

mod error;
pub use error::ForwardError;

mod floors;

#[allow(clippy::module_inception, reason = "the folder's main type")]
mod forward;
pub use forward::{Ended, Forward};

mod judge;

#[cfg(test)]
mod json;

mod life;

mod probing;

mod register;

mod route;

mod search;

mod served;

mod sessions;

mod share;

mod shared;

mod supervisor;

mod view;
pub use view::{ForwardView, PodState, PodView};
