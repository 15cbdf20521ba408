//! What happens in a forward, for whoever watches.

mod event;
pub use event::{Event, Skipped};

mod hub;
pub use hub::Events;
pub(crate) use hub::Hub;
