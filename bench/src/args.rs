use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::contender::Contender;
use crate::measure::Measurement;
use crate::quantity;

/// Measures podline beside kubectl and a TLS pipe on the same work, alternating in one run.
///
/// Without --kubeconfig it runs on a minicluster of its own. On another cluster the target must be a pod that runs
/// podline-workload; bench/workload.yaml is its manifest.
#[derive(Debug, Parser)]
#[command(name = "podline-bench", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// Run on the cluster of this kubeconfig instead of a minicluster.
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// The kubeconfig's context to use instead of the current one.
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    pub(crate) context: Option<String>,

    /// The namespace of the target.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,

    /// The pod that runs podline-workload.
    #[arg(long, value_name = "TYPE/NAME", default_value = "pod/tools")]
    pub(crate) target: String,

    /// Emulate a link of this round trip in front of the API server.
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = quantity::duration)]
    pub(crate) rtt: Duration,

    /// Measure only this; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<Measurement>,

    /// Measure only these contenders, separated by commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) contenders: Vec<Contender>,

    /// Few rounds and short waits: shows that everything works, its figures are not for comparison.
    #[arg(long)]
    pub(crate) quick: bool,

    /// How much each round of the throughput measurement carries each way [default: 4GiB, with --quick 128MiB].
    #[arg(long, value_name = "SIZE", value_parser = quantity::size)]
    pub(crate) transfer: Option<u64>,

    /// The podline to measure [default: the one beside this program].
    #[arg(long, value_name = "PATH")]
    pub(crate) podline: Option<PathBuf>,

    /// The kubectl to measure [default: the one on the PATH].
    #[arg(long, value_name = "PATH")]
    pub(crate) kubectl: Option<PathBuf>,

    /// Have all contenders ask for SPDY at once instead of WebSocket.
    #[arg(long)]
    pub(crate) spdy: bool,

    /// Print JSON, with every single value, instead of a table.
    #[arg(long)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) helper: Option<HelperArgs>,
}

impl Args {
    /// Whether `contender` was asked for; without a choice all are.
    pub(crate) fn takes_part(&self, contender: Contender) -> bool {
        self.contenders.is_empty() || self.contenders.contains(&contender)
    }
}

/// Parts of a run that have a process of their own, so that what they use is not counted for a contender and what they open
/// does not run into the bench's own limits.
#[derive(Debug, Subcommand)]
pub(crate) enum HelperArgs {
    /// A cluster in one process.
    #[command(hide = true)]
    Minicluster,
    /// A relay that adds delay.
    #[command(hide = true)]
    Relay {
        #[arg(long)]
        server: SocketAddr,
        #[arg(long, value_parser = quantity::duration)]
        one_way: Duration,
    },
    /// The far end of the TLS pipe.
    #[command(hide = true)]
    Peer {
        #[arg(long)]
        certificate: PathBuf,
        #[arg(long)]
        recorded: Option<PathBuf>,
    },
    /// The near end of the TLS pipe: what is measured.
    #[command(hide = true)]
    Pipe {
        #[arg(long)]
        certificate: PathBuf,
        #[arg(long)]
        recorded: Option<PathBuf>,
        /// Where the far end serves a port: `7=127.0.0.1:40001`.
        #[arg(long, value_name = "PORT=ADDRESS", value_parser = peer)]
        peer: Vec<(u16, SocketAddr)>,
        /// The ports to forward, as kubectl takes them: `:7`.
        #[arg(value_parser = remote_port)]
        ports: Vec<u16>,
    },
}

fn peer(text: &str) -> Result<(u16, SocketAddr), String> {
    text.split_once('=')
        .and_then(|(port, address)| Some((port.parse().ok()?, address.parse().ok()?)))
        .ok_or_else(|| format!("`{text}` is not PORT=ADDRESS"))
}

fn remote_port(text: &str) -> Result<u16, String> {
    let port = text.strip_prefix(':').and_then(|port| port.parse().ok());
    port.ok_or_else(|| format!("`{text}` is not :PORT"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn quantities_and_names_are_read() {
        let args = Args::try_parse_from([
            "podline-bench",
            "--rtt=50ms",
            "--transfer=1GiB",
            "--only=burst",
            "--only=first-byte",
            "--contenders=podline,kubectl",
        ])
        .unwrap();
        assert_eq!(args.rtt, Duration::from_millis(50));
        assert_eq!(args.transfer, Some(1 << 30));
        assert_eq!(args.only, [Measurement::Burst, Measurement::FirstByte]);
        assert_eq!(args.contenders, [Contender::Podline, Contender::Kubectl]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for wrong in [
            ["--rtt=fast"],
            ["--only=speed"],
            ["--transfer=1GB"],
            ["--context=here"],
        ] {
            assert!(
                Args::try_parse_from(["podline-bench"].iter().chain(&wrong)).is_err(),
                "{wrong:?}"
            );
        }
    }
}
