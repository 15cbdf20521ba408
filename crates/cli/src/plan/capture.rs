//! What is recorded, and where.

use std::path::Path;

use podline_monitor::pcap::{CaptureOptions, Destination};

use crate::{arguments::CaptureArguments, output::Failure};

/// What standard output is called where a file is named.
const STANDARD_OUTPUT: &str = "-";

/// The capture that was asked for, if one was.
pub(super) fn options(typed: &CaptureArguments) -> Result<Option<CaptureOptions>, Failure> {
    let Some(path) = &typed.pcap else {
        return Ok(None);
    };
    if path.as_os_str().is_empty() {
        return Err(
            Failure::new("--pcap needs the name of a file").hinted(["`-` is standard output".to_owned()])
        );
    }
    let destination = if path == Path::new(STANDARD_OUTPUT) {
        Destination::StandardOutput
    } else {
        Destination::File(path.clone())
    };
    let mut options = CaptureOptions::new(destination);
    options.limit = typed.pcap_limit;
    options.overwrite = typed.pcap_overwrite;
    options.snaplen = typed.pcap_snaplen;
    Ok(Some(options))
}
