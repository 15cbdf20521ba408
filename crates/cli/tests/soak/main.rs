//! Hours in a minute: mixed traffic through podline, with faults in the cluster every few seconds; and ten thousand
//! connections at once; and what looking at it costs. All run the program as a child against a minicluster in this process.
//!
//! `cargo test -p podline-cli --test soak` takes half a minute; `-- --seconds 3600` an hour; `-- --seed N` the same faults
//! and visitors again, as far as time allows; `-- --fault WORD` has only faults with that in their names. `-- ten_thousand` opens
//! the ten thousand connections, `-- capture` records a GiB, `-- views` compares podline with its views and without; these are left
//! out otherwise. `PODLINE_E2E_PROGRAM` is another podline to run than the one that cargo built with this.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test program says how it went"
)]

mod arguments;
mod capture;
mod faults;
mod ledger;
mod many;
mod mixed;
mod process;
mod program;
#[cfg(target_os = "linux")]
#[path = "../../../monitor/tests/support/pty.rs"]
mod pty;
#[cfg(target_os = "linux")]
mod views;
mod visitors;

use std::process::ExitCode;

use arguments::Arguments;
use many::Spread;

/// What can be run, and whether it is left out where nobody names it.
const PARTS: [(&str, bool); 5] = [
    ("a_capture_of_one_gib_is_read_back", true),
    ("mixed_traffic_with_faults", false),
    ("ten_thousand_connections_over_four_pods", true),
    ("ten_thousand_connections_to_one_pod_with_one_stalled", true),
    ("views_of_a_thousand_connections", true),
];

fn main() -> ExitCode {
    if let Some(result) = many::child_role() {
        return match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(problem) => {
                println!("{problem}");
                ExitCode::FAILURE
            }
        };
    }
    let arguments = match Arguments::read(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::FAILURE;
        }
    };
    if arguments.list {
        for (name, _) in PARTS {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let mut failed = false;
    for (name, named_only) in PARTS {
        if !arguments.wants(name, named_only) {
            if named_only && arguments.words.is_empty() {
                println!("skipped: {name}: it takes minutes; `-- {name}` runs it");
            }
            continue;
        }
        println!("\nrunning {name}");
        let result = match name {
            "a_capture_of_one_gib_is_read_back" => runtime.block_on(capture::run()),
            "mixed_traffic_with_faults" => runtime.block_on(mixed::run(&arguments)),
            "ten_thousand_connections_over_four_pods" => {
                runtime.block_on(many::run(&arguments, Spread::FourPods))
            }
            "ten_thousand_connections_to_one_pod_with_one_stalled" => {
                runtime.block_on(many::run(&arguments, Spread::OnePod))
            }
            #[cfg(target_os = "linux")]
            _ => runtime.block_on(views::run(&arguments)),
            #[cfg(not(target_os = "linux"))]
            _ => {
                println!("  skipped: the system does not say what a process costs");
                Ok(())
            }
        };
        match result {
            Ok(()) => println!("test {name} ... ok"),
            Err(problem) => {
                println!("test {name} ... FAILED\n{problem}");
                failed = true;
            }
        }
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
