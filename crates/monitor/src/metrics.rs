//! Facts as OpenMetrics, for Prometheus and its like, at `/metrics` of a port of this machine.
//!
//! Whoever asks must name this machine by an address or as `localhost`: a page from elsewhere in a browser here, whose
//! name was made to lead to this machine, is refused.

mod collect;

mod host;

mod server;
pub use server::{MetricsError, MetricsServer};
