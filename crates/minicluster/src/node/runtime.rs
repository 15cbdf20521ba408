//! What a container runtime does with one upgraded connection, as a pure state machine.

mod dial_failure;
mod flavor;

pub use dial_failure::DialFailure;
pub use flavor::{Flavor, ReplyFault};
