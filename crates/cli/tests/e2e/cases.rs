//! All cases, by theme.

mod bench;
mod bytes;
mod check;
#[cfg(unix)]
mod command;
mod demo;
mod ends;
mod errors;
mod events;
mod flags;
mod http;
mod isolation;
mod kubectl;
mod listening;
mod network;
mod output;
mod pcap;
mod pods;
mod rights;
mod scripts;
mod server;
mod targets;
mod transports;
mod troubles;
mod tui;
mod web;

use crate::harness::Case;

pub(crate) fn all() -> Vec<Case> {
    [
        bench::cases(),
        bytes::cases(),
        check::cases(),
        #[cfg(unix)]
        command::cases(),
        demo::cases(),
        ends::cases(),
        errors::cases(),
        events::cases(),
        flags::cases(),
        http::cases(),
        isolation::cases(),
        kubectl::cases(),
        listening::cases(),
        network::cases(),
        output::cases(),
        pcap::cases(),
        pods::cases(),
        rights::cases(),
        scripts::cases(),
        server::cases(),
        targets::cases(),
        transports::cases(),
        troubles::cases(),
        tui::cases(),
        web::cases(),
    ]
    .concat()
}
