//! Measures podline beside its peers on the same work, alternating in one run.
mod args;
mod client;
mod contender;
mod failure;
mod forwarder;
mod helper;
mod kubeconfig;
mod lineup;
mod measure;
mod pattern;
mod pipe;
mod plan;
mod process;
mod programs;
mod quantity;
mod relay;
mod report;
mod setting;
mod sheet;
mod signal;
mod statistics;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use podline_minicluster::{Config, Minicluster, User};
use tokio::runtime::Runtime;

use args::{Args, HelperArgs};
use contender::Contender;
use failure::told;
use measure::Measurement;
use programs::Programs;
use report::Circumstances;
use setting::{MiniclusterAnswer, Setting};
use sheet::Sheet;

fn main() -> ExitCode {
    let mut args = Args::parse();
    let done = match args.helper.take() {
        Some(helper) => help(helper).map(|()| ExitCode::SUCCESS),
        None => one_thread().map_err(Into::into).and_then(|runtime| {
            runtime.block_on(async {
                // When this is interrupted, what it started is ended as it is dropped.
                tokio::select! {
                    done = bench(&args) => done,
                    _ = signal::ended() => Err("interrupted".into()),
                }
            })
        }),
    };
    done.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "error: {}", told(&*error));
        ExitCode::FAILURE
    })
}

/// Runs the whole bench; fails where podline failed in something.
async fn bench(args: &Args) -> Result<ExitCode, Box<dyn Error>> {
    let setting = Setting::prepare(args, Programs::find(args)).await?;
    let circumstances = Circumstances::new(args, &setting.programs, &setting.plan);
    let measurements = if args.only.is_empty() {
        Measurement::value_variants()
    } else {
        &args.only
    };
    let mut sheet = Sheet::default();
    for (index, measurement) in measurements.iter().enumerate() {
        let progress = format!(
            "measuring {} ({} of {})",
            measurement.name(),
            index + 1,
            measurements.len()
        );
        let _ = writeln!(io::stderr(), "{progress}");
        measurement.run(&setting, &mut sheet).await;
    }
    let report = if args.json {
        report::json(&circumstances, &sheet)? + "\n"
    } else {
        report::table(&circumstances, &sheet)
    };
    io::stdout().write_all(report.as_bytes())?;
    Ok(if sheet.has_failures(Contender::Podline) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Runs one part of a run that has a process of its own.
fn help(helper: HelperArgs) -> Result<(), Box<dyn Error>> {
    match helper {
        HelperArgs::Minicluster => {
            helper::lift_descriptor_limit();
            // The one part with more threads than one: API server, kubelet and pods are programs of their own in real life.
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(async {
                let cluster = Minicluster::start(Config::default()).await?;
                let kubeconfig = cluster.kubeconfig(User::Admin);
                helper::serve(&MiniclusterAnswer { kubeconfig }).await?;
                Ok::<_, Box<dyn Error>>(())
            })?;
        }
        HelperArgs::Relay { server, one_way } => {
            helper::lift_descriptor_limit();
            one_thread()?.block_on(async {
                let delay = relay::DelayLine::start(one_way)?;
                let relay = relay::Relay {
                    delay: Some(delay),
                    recorder: None,
                };
                let (address, _tasks) = relay.start(server).await?;
                helper::serve(&helper::RelayAnswer { address }).await
            })?;
        }
        HelperArgs::Peer {
            certificate,
            recorded,
        } => {
            let recorded = recorded.as_deref().map(pipe::read_recorded).transpose()?;
            one_thread()?.block_on(async {
                let answer = pipe::serve(&certificate, recorded.as_ref()).await?;
                helper::serve(&answer).await
            })?;
        }
        HelperArgs::Pipe {
            certificate,
            recorded,
            mut peer,
            ports,
        } => {
            let recorded = recorded.as_deref().map(pipe::read_recorded).transpose()?;
            peer.retain(|(port, _)| ports.contains(port));
            one_thread()?.block_on(async {
                let local = pipe::originate(&certificate, recorded.as_ref(), &peer).await?;
                for ((port, _), local) in peer.iter().zip(local) {
                    writeln!(io::stdout(), "Forwarding from {local} -> {port}")?;
                }
                std::future::pending::<io::Result<()>>().await
            })?;
        }
    }
    Ok(())
}

/// Everything here runs on one thread: a second one would only take a processor from what is measured.
fn one_thread() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
