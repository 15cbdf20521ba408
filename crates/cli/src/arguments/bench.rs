//! `podline bench`.

use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};
use podline::HttpPath;

use super::{KubectlArguments, TransportArgument, flag};

/// What to measure, and how.
#[derive(Args, Debug)]
#[command(args_override_self = true)]
pub struct BenchArguments {
    /// A pod, TYPE/NAME or NAMESPACE/TYPE/NAME, as for a forward
    #[arg(value_name = "TARGET", value_hint = ValueHint::Other)]
    pub target: String,

    /// A port of it, by number or name
    ///
    /// What a forward takes is taken too: of LOCAL:REMOTE, the remote port is measured.
    #[arg(value_name = "PORT", value_hint = ValueHint::Other)]
    pub port: String,

    /// The port answers to this path by HTTP, with any status
    #[arg(long, value_name = "PATH", value_hint = ValueHint::Other)]
    pub http_path: Option<HttpPath>,

    /// The port answers by HTTPS, to the path `/` if no other is named; the app's certificate is not looked at
    #[arg(long)]
    pub https: bool,

    /// The port sends back what it gets
    #[arg(long, conflicts_with_all = ["http_path", "https"])]
    pub echo: bool,

    /// How many connections to make at once, where many are measured: 1 to 512
    #[arg(
        short,
        long,
        value_name = "NUMBER",
        default_value = "16",
        value_parser = flag::bench_connections,
        allow_hyphen_values = true
    )]
    pub connections: usize,

    /// How long one measure takes: 100ms to 10m
    #[arg(
        short,
        long,
        value_name = "DURATION",
        default_value = "2s",
        value_parser = flag::bench_duration,
        allow_hyphen_values = true
    )]
    pub duration: Duration,

    /// How to tell what was measured
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    pub output: BenchFormat,

    /// How long to wait until a pod of the target is running, such as `5s`, `2m` or `3h`
    #[arg(long, value_name = "DURATION", default_value = "1m0s", value_parser = flag::positive_duration, allow_hyphen_values = true)]
    pub pod_running_timeout: Duration,

    /// How to ask the API server for the connection into the pod, as for a forward
    #[arg(long, value_name = "TRANSPORT", value_enum)]
    pub transport: Option<TransportArgument>,

    /// Which cluster, and as whom.
    #[command(flatten)]
    pub kubectl: KubectlArguments,
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum BenchFormat {
    /// One JSON object, when all is measured
    Json,
    /// A line for each measure, as soon as it is taken
    #[default]
    Text,
}
