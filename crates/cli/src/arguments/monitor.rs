//! What to show of what goes through.

use std::net::SocketAddr;

use clap::{Args, ValueEnum, ValueHint};

use super::flag;

/// The outputs of the monitor.
#[derive(Args, Debug)]
#[command(next_help_heading = "Seeing the traffic")]
pub struct MonitorArguments {
    /// Show each HTTP request as a line on standard error, and what other connections speak
    ///
    /// HTTP/1, HTTP/2 and gRPC, where they are not encrypted: time, connection, method, status, latency, sizes and path.
    /// Nothing of bodies is shown, and of a query only the keys.
    #[arg(long, value_name = flag::BOOLEAN)]
    pub http: bool,

    /// Show the values of queries too, which may be secrets
    #[arg(long, value_name = flag::BOOLEAN, hide_short_help = true)]
    pub http_show_query: bool,

    /// Serve metrics for Prometheus at http://ADDRESS/metrics
    ///
    /// ADDRESS is `IP:PORT`, or one of the two; a port alone is one of 127.0.0.1. Through another address than loopback, other
    /// machines can read the names of targets and how much goes through.
    #[arg(long, value_name = "ADDRESS", value_parser = flag::listen_address, value_hint = ValueHint::Other, hide_short_help = true, allow_hyphen_values = true)]
    pub metrics: Option<SocketAddr>,

    /// What to print in the place of kubectl's lines
    #[arg(short, long, value_name = "FORMAT", value_enum)]
    pub output: Option<OutputFormat>,

    /// Show what goes through on a web page, at an address or at any free port of 127.0.0.1
    ///
    /// ADDRESS is `IP:PORT`, or one of the two. The link to open is printed on standard error. It has a token in it that is
    /// new for each run: who has the link sees the traffic and may end connections.
    #[arg(
        long,
        value_name = "ADDRESS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "127.0.0.1:0",
        value_parser = flag::listen_address,
        value_hint = ValueHint::Other
    )]
    pub web: Option<SocketAddr>,

    /// Let `--web` listen on an address that other machines reach; everything goes there unencrypted
    #[arg(long, value_name = flag::BOOLEAN, hide_short_help = true)]
    pub web_allow_remote: bool,
}

/// The formats of standard output.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum OutputFormat {
    /// A JSON object a line for everything that happens, as docs/events.schema.json describes them
    Json,
}
