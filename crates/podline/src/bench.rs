//! Measures a forward: how long its ways take, how many connections it makes in a second, how many bytes it moves.
//!
//! What is measured is what an app sees: connections to the local port of a [`Forward`](crate::Forward), from a thread of their
//! own. What the port serves is not guessed: where it is not said, only what needs no answer of it is measured.

#[allow(clippy::module_inception, reason = "the folder's main type")]
mod bench;
pub use bench::{Bench, Service};

mod clients;

mod echo;

mod ends;

mod failure;

mod http;

mod link;

mod measuring;

mod report;
pub use report::{Kind, Measure, NotMeasured, Report, Value};

mod run;

mod stage;

mod statistics;
pub use statistics::Times;

mod tally;
pub use tally::Failures;
