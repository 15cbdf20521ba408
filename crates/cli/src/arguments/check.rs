//! `podline check`.

use clap::{Args, ValueEnum, ValueHint};
use podline::HttpPath;

use super::KubectlArguments;

/// What to check, and how.
#[derive(Args, Debug)]
#[command(args_override_self = true)]
pub struct CheckArguments {
    /// A pod, TYPE/NAME or NAMESPACE/TYPE/NAME, as for a forward
    #[arg(value_name = "TARGET", value_hint = ValueHint::Other)]
    pub target: String,

    /// Ports of it, by number or name; without any, the first 8 that it declares
    ///
    /// What a forward takes is taken too: of LOCAL:REMOTE, the remote port is looked at.
    #[arg(value_name = "PORT", value_hint = ValueHint::Other)]
    pub ports: Vec<String>,

    /// Ask each port for this path by HTTP; it has to answer, with any status
    #[arg(long, value_name = "PATH", value_hint = ValueHint::Other)]
    pub http_path: Option<HttpPath>,

    /// Ask by HTTPS, for the path `/` if no other is named; the app's certificate is not looked at
    ///
    /// A server that speaks TLS but not HTTP has answered, too.
    #[arg(long)]
    pub https: bool,

    /// How to tell what was found
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    pub output: CheckFormat,

    /// Which cluster, and as whom.
    #[command(flatten)]
    pub kubectl: KubectlArguments,
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum CheckFormat {
    /// One JSON object, when the walk is over
    Json,
    /// A line for each hop, as soon as it is made
    #[default]
    Text,
}
