//! The program `podline`.

use std::process::ExitCode;

fn main() -> ExitCode {
    podline_cli::run(std::env::args_os())
}
