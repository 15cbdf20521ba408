//! What to record.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::flag;

/// The flags of captures.
#[derive(Args, Debug)]
#[command(next_help_heading = "Seeing the traffic")]
pub struct CaptureArguments {
    /// Record all connections into a new pcapng file, for Wireshark; `-` is standard output
    ///
    /// Nobody but the file's owner may read it. With `-`, podline's own lines go to standard error:
    /// `podline svc/web 8080:80 --pcap - | wireshark -k -i -`.
    #[arg(long, value_name = "FILE", value_parser = flag::path(), value_hint = ValueHint::FilePath)]
    pub pcap: Option<PathBuf>,

    /// Size at which the capture ends, such as `512MiB`; the forward goes on
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "1GiB",
        requires = "pcap",
        value_parser = flag::capture_limit,
        hide_short_help = true,
        allow_hyphen_values = true
    )]
    pub pcap_limit: u64,

    /// Replace the file if it exists
    #[arg(long, value_name = flag::BOOLEAN, requires = "pcap", hide_short_help = true)]
    pub pcap_overwrite: bool,

    /// Bytes of each packet that are recorded, its headers included; by default all
    #[arg(
        long,
        value_name = "BYTES",
        requires = "pcap",
        value_parser = flag::snaplen,
        hide_short_help = true,
        allow_hyphen_values = true
    )]
    pub pcap_snaplen: Option<u32>,
}
