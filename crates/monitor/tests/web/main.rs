//! The web page's server, to a client that minds its manners and to some that do not, on a forward that really carries.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod live;
mod manners;
mod stage;
