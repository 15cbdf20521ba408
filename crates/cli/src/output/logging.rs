//! The log of `-v`.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer as _, filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use super::Output;

/// Starts the log on standard error. Only podline's own modules are heard: what a library logs of a request may hold a
/// secret.
pub(crate) fn start_logging(output: &Output, verbosity: i32) {
    let stderr = output.stderr.clone();
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(output.coloured_stderr)
        .with_writer(move || stderr.clone())
        .with_filter(Targets::new().with_target("podline", level(verbosity)));
    // A second start, in a process that has a log already, changes nothing.
    let _ = tracing_subscriber::registry().with(lines).try_init();
}

/// kubectl's numbers as levels.
fn level(verbosity: i32) -> LevelFilter {
    match verbosity {
        ..=0 => LevelFilter::OFF,
        1 => LevelFilter::WARN,
        2..=3 => LevelFilter::INFO,
        4..=5 => LevelFilter::DEBUG,
        6.. => LevelFilter::TRACE,
    }
}
