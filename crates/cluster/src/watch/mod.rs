//! A target, kept in sight: what it comes to now, and whenever that changes.

mod follow;
mod leave;
mod look;
mod place;
mod pod_watch;
mod schedule;
mod view;
mod watcher;

pub use pod_watch::{Eyes, PodWatch};

pub(crate) use watcher::Watcher;
