//! The program on a cluster, from a command line to bytes in a pod and back.
//!
//! By default the cluster is the one in this process. `PODLINE_E2E_KUBECONFIG` names another one's kubeconfig; then `kubectl`
//! makes the namespace and the pods, whose image is `PODLINE_E2E_IMAGE` (`local/podline-workload:1`), and
//! `PODLINE_E2E_CONTROL` may name a program that is called with `apiserver` or `kubelet` and `stop` or `start`. The cases are
//! the same on both; those that cannot run are named and counted as skipped. `PODLINE_E2E_PROGRAM` is another podline to test than
//! the one that cargo built with the suite.
//!
//! Arguments are those of Rust's own test programs as far as they make sense: words that a case's name must contain,
//! `--exact`, `--skip WORD`, `--list`, `--test-threads N`.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test program says how it went"
)]

mod app;
mod browser;
mod cases;
mod forwarding;
mod harness;
#[cfg(unix)]
#[path = "../../../monitor/tests/support/pty.rs"]
mod pty;
mod relay;
#[path = "../../../monitor/tests/support/schema.rs"]
mod schema;
#[cfg(unix)]
mod terminal;
mod tmux;
mod tshark;
mod world;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Where and what; a trace through the runtime says no more.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(harness::run(cases::all()))
}
