//! Walks the way from this machine to a port inside a pod, and says of each hop what it found.
//!
//! A hop is whatever can fail by itself. The walk ends with the first one that failed, and changes nothing in the cluster:
//! it asks, opens sessions, and makes an empty connection to each port.

#[allow(clippy::module_inception, reason = "the folder's main type")]
mod check;
pub use check::Check;

mod duration;
use duration::span;

mod finding;
pub use finding::{Container, Finding, PodFound};

mod judge;

mod pods;

mod port;

mod report;
pub use report::{Hop, Problem, Report, Stage, State};

mod sessions;
pub(crate) use sessions::session_hint;

mod walk;
