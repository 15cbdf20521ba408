//! What goes through forwards, and what becomes of them: one stream of [`Fact`]s, told in many ways.
//!
//! A [`Monitor`] watches any number of forwards. It learns of connections by taps, and of all else by the events of each
//! forward. What it knows is told twice: as it happens, by [`Facts`], and as it is now, by [`Monitor::forwards`].
//!
//! ```no_run
//! use podline::{Forward, Target, cluster::Cluster};
//! use podline_monitor::{Monitor, Next};
//!
//! # async fn example(cluster: Cluster) -> Result<(), Box<dyn std::error::Error>> {
//! let monitor = Monitor::start();
//! let mut facts = monitor.facts();
//! let target: Target = "deploy/web".parse()?;
//! let watched = monitor.forward(&target);
//! let forward = Forward::builder(cluster, target)
//!     .port(":http".parse()?)
//!     .taps(watched.clone())
//!     .start()
//!     .await?;
//! watched.follow(&forward);
//! while let Some(Next::Fact(fact)) = facts.next().await {
//!     println!("{} {:?}", fact.at, fact.what);
//! }
//! # Ok(())
//! # }
//! ```

mod facts;
pub use facts::{
    Closed, ConnectionState, ConnectionView, Exchanged, Fact, Facts, FirstBytes, ForwardMonitor, ForwardName,
    ForwardSnapshot, Monitor, Next, Rates, Sample, Totals, What,
};

pub mod http;

pub mod json;

mod metrics;
pub use metrics::{MetricsError, MetricsServer};

pub mod pcap;

mod serve;

mod tui;
pub use tui::{Look, TuiError, run as run_tui};

mod web;
pub use web::{WebError, WebOptions, WebServer};

mod words;
pub use words::{Saying, Weight, say, say_capture, say_end};
use words::{say_exchange, say_grpc};
