//! What the program does: performs a plan, tells about it, and ends in order.

mod bench;
mod capture;
mod check;
mod command;
mod completion;
mod demo;
mod ending;
mod event_writer;
mod forward;
mod hints;
mod http_log;
mod limits;
mod monitor;
mod narrator;
mod own_file;
mod ports;
mod ports_file;
mod signals;
mod wait;

use std::{ffi::OsString, future::Future, io, process::ExitCode};

use podline_monitor::json;

use crate::{
    arguments::{Arguments, OutputFormat, Subcommand, UsageError},
    output::{Failure, Output, start_logging},
    plan::{BenchPlan, CheckPlan, Environment, ForwardPlan, StdoutOwner},
};

use ending::Ending;
use signals::Signals;

/// Runs the program on a command line, `arguments[0]` being its own name, and gives the exit status.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut output = Output::start(false);
    let ending = match Arguments::read(arguments) {
        Ok((typed, name)) => {
            output = output.quiet(typed.logging.quiet);
            start_logging(&output, typed.logging.verbosity);
            if typed.monitor.output == Some(OutputFormat::Json) {
                output = output.beside(StdoutOwner::Json);
                output.event(&json::started(env!("CARGO_PKG_VERSION")));
            }
            match typed.subcommand {
                Some(Subcommand::Bench(bench)) => {
                    BenchPlan::new(*bench, &Environment::read()).and_then(|plan| {
                        perform(Signals::install, |signals| {
                            bench::run(plan, output.clone(), signals)
                        })
                    })
                }
                Some(Subcommand::Check(check)) => CheckPlan::new(*check).and_then(|plan| {
                    perform(Signals::install, |signals| {
                        check::run(plan, output.clone(), signals)
                    })
                }),
                Some(Subcommand::Completion(completion)) => Ok(completion::print(&completion, name, &output)),
                Some(Subcommand::Demo(demo)) => perform(Signals::install, |signals| {
                    demo::run(demo, output.clone(), signals)
                }),
                None => ForwardPlan::new(
                    &typed.forward,
                    &typed.monitor,
                    &typed.capture,
                    typed.kubectl,
                    &Environment::read(),
                    name,
                )
                .and_then(|plan| run_forward(plan, output.clone())),
            }
        }
        Err(UsageError::Asked(text)) => {
            output.styled(&text);
            Ok(Ending::Done)
        }
        Err(UsageError::Wrong { sentence, hints }) => Err(Failure::new(sentence).hinted(hints)),
    };
    let ending = ending.unwrap_or_else(|failure| {
        output.failure(&failure);
        Ending::Status(failure.status())
    });
    output.finish();
    ending.into()
}

fn run_forward(plan: ForwardPlan, output: Output) -> Result<Ending, Failure> {
    let output = output.beside(plan.stdout);
    let install = if plan.command.is_some() {
        Signals::install_for_command
    } else {
        Signals::install
    };
    perform(install, |signals| forward::run(plan, output, signals))
}

/// Runs a task on a runtime of one thread: for copying between sockets, more threads cost CPU and memory and win nothing.
fn perform<T, F>(install: fn() -> io::Result<Signals>, task: T) -> Result<Ending, Failure>
where
    T: FnOnce(Signals) -> F,
    F: Future<Output = Result<Ending, Failure>>,
{
    limits::raise_open_files();
    // Fails only where a provider is there already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cannot_start = |error: io::Error| Failure::of(&error).while_doing("the program cannot start");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(cannot_start)?;
    let ending = runtime.block_on(async {
        let signals = install().map_err(cannot_start)?;
        task(signals).await
    });
    // A name that is still being looked up must not delay the end.
    runtime.shutdown_background();
    ending
}
