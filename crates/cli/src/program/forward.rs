//! Performs a plan: one `Forward` for each target, until somebody ends it.

use std::{net::SocketAddr, pin::pin};

use futures_util::{StreamExt as _, future, stream::FuturesOrdered};
use podline::{Ended, Forward, ForwardError, Target, cluster::Cluster};
use podline_monitor::{ForwardMonitor, run_tui};

use super::{
    Ending,
    capture::Recording,
    command, hints,
    monitor::Watch,
    narrator,
    own_file::OwnFile,
    ports, ports_file,
    signals::{Signal, Signals},
    wait,
};
use crate::{
    output::{Failure, Output},
    plan::{ForwardPlan, TargetPlan},
};

/// Forwards until a signal comes, a forward ends by itself, or the command that needs it has ended.
pub(crate) async fn run(plan: ForwardPlan, output: Output, mut signals: Signals) -> Result<Ending, Failure> {
    let recording = Recording::start(&plan, &output)?;
    let mut forwards = Vec::with_capacity(plan.targets.len());
    let mut watch = None;
    let lender = signals.clone();
    let mut told = None;
    let (ending, is_asked) = tokio::select! {
        biased;
        signal = signals.asked() => (Ok(asked(&plan, signal)), true),
        ending = forward(&plan, &output, recording.as_ref(), &mut forwards, &mut watch, &mut told, &lender) => (ending, false),
    };
    // Who reads it should not find an address that nobody listens on any more.
    drop(told);
    let has_forwarded = !forwards.is_empty();
    let shutdown = future::join_all(forwards.into_iter().map(Forward::shutdown));
    tokio::select! {
        _ = shutdown => {}
        // Of a command that has ended, the status is known: it is not lost to somebody's impatience.
        _ = signals.asked(), if plan.command.is_some() && !is_asked => {}
    }
    if let Some(watch) = watch {
        watch.finish().await;
    }
    if let Some(recording) = recording {
        recording.finish(has_forwarded).await;
    }
    ending
}

/// How to end on a signal. A command that was not run is no success.
fn asked(plan: &ForwardPlan, signal: Signal) -> Ending {
    match plan.command {
        Some(_) => Ending::Status(128 + signal.number()),
        None => signal.into(),
    }
}

/// Starts everything, and tells where it is: in words and, if that is wanted, by a file that is to be there as long as
/// the forwards are. Returns when something of it has failed for good, or the command has ended.
async fn forward(
    plan: &ForwardPlan,
    output: &Output,
    recording: Option<&Recording>,
    forwards: &mut Vec<Forward>,
    watch: &mut Option<Watch>,
    told: &mut Option<OwnFile>,
    signals: &Signals,
) -> Result<Ending, Failure> {
    for flag in &plan.without_meaning {
        tracing::debug!("{flag} changes nothing here");
    }
    let capture = recording.map(|recording| &recording.capture);
    *watch = Watch::start(plan, capture, output).await?;
    let watch = watch.as_ref();
    let cluster = connect(plan).await?;
    // All start at the same time, and tell where they listen in the order of the command line.
    let mut starting: FuturesOrdered<_> = plan
        .targets
        .iter()
        .map(|target| {
            let watched = watch.map(|watch| watch.forward(&target.target));
            if let (Some(watched), Some(capture)) = (&watched, capture) {
                watched.record_as(capture.interface(&target.target.typed()));
            }
            start(plan, target, cluster.clone(), watched)
        })
        .collect();
    while let Some(started) = starting.next().await {
        let (target, forward) = started?;
        // On a terminal that shows everything, lines would be in the way.
        if plan.tui.is_none() {
            if plan.wait.is_none() {
                narrator::announce(&forward, output);
            }
            narrator::follow(&forward, target, output);
        }
        forwards.push(forward);
    }
    drop(starting);
    let forwards: Vec<(&Target, &Forward)> = plan
        .targets
        .iter()
        .map(|plan| &plan.target)
        .zip(&*forwards)
        .collect();
    let endings = forwards
        .iter()
        .map(|(target, forward)| Box::pin(async move { ended(target, &forward.ended().await) }));
    let mut lost = pin!(async { future::select_all(endings).await.0 });
    if let Some(timeout) = plan.wait {
        let tell = |number, found: &_| {
            if let Some(watch) = watch {
                watch.probed(number, found);
            }
        };
        tokio::select! {
            biased;
            failure = &mut lost => return Err(failure),
            open = wait::until_open(&forwards, timeout, tell) => open?,
        }
        if let Some(watch) = watch {
            watch.ready();
        }
        for (_, forward) in forwards.iter().filter(|_| plan.tui.is_none()) {
            narrator::announce(forward, output);
        }
    }
    if let Some(path) = &plan.ports_file {
        let listening = forwards.iter().flat_map(|(target, forward)| {
            forward
                .local_addrs()
                .iter()
                .map(move |address| (*target, address))
        });
        let file = ports_file::write(path, listening);
        *told = Some(file.map_err(|error| Failure::of(&error).hinted(error.hint()))?);
    }
    if let (Some(watch), Some(recording), Some(look)) = (watch, recording, plan.tui) {
        let view = run_tui(watch.monitor(), &recording.capture, &recording.next, look);
        return tokio::select! {
            failure = lost => Err(failure),
            left = view => left.map(|()| Ending::Done).map_err(|error| Failure::of(&error)),
        };
    }
    match &plan.command {
        Some(command) => {
            let addresses: Vec<SocketAddr> = forwards
                .iter()
                .flat_map(|(_, forward)| ports::of(forward))
                .filter_map(|addresses| addresses.first())
                .map(|address| address.socket)
                .collect();
            command::run(command, &addresses, lost, signals, output).await
        }
        None => Err(lost.await),
    }
}

async fn connect(plan: &ForwardPlan) -> Result<Cluster, Failure> {
    let cluster = Cluster::connect(plan.cluster.clone()).await;
    cluster.map_err(|error| Failure::of(&error).hinted(error.hint()))
}

/// Starts the forward to one target.
async fn start<'a>(
    plan: &ForwardPlan,
    TargetPlan {
        all_ports,
        ports,
        target,
    }: &'a TargetPlan,
    cluster: Cluster,
    watched: Option<ForwardMonitor>,
) -> Result<(&'a Target, Forward), Failure> {
    let mut builder = Forward::builder(cluster.clone(), target.clone())
        .all_ports(*all_ports)
        .exit_on_loss(plan.exit_on_loss)
        .half_close_linger(plan.half_close_linger)
        .hold(plan.hold)
        .max_sessions(plan.max_sessions)
        .pod_running_timeout(plan.wait.unwrap_or(plan.pod_running_timeout))
        .require_ready(plan.require_ready)
        .stalled_reader(plan.stalled_reader)
        .transport(plan.transport);
    if let Some(balance) = plan.balance {
        builder = builder.balance(balance);
    }
    for address in &plan.addresses {
        builder = builder.address(*address);
    }
    for port in ports {
        builder = builder.port(port.clone());
    }
    if let Some(watched) = &watched {
        builder = builder.taps(watched.clone());
    }
    match builder.start().await {
        Ok(forward) => {
            if let Some(watched) = watched {
                watched.follow(&forward);
                if plan.wait.is_none() {
                    watched.ready();
                }
            }
            Ok((target, forward))
        }
        Err(error) => {
            let namespace = target.namespace.as_deref().unwrap_or_else(|| cluster.namespace());
            Err(failure(&error).hinted(hints::of_place(&error, namespace)))
        }
    }
}

/// Why a forward did not start.
pub(super) fn failure(error: &ForwardError) -> Failure {
    Failure::of(error).hinted(error.hint()).hinted(hints::of(error))
}

/// Why a forward came to an end by itself.
pub(super) fn ended(target: &Target, ended: &Ended) -> Failure {
    match ended {
        Ended::Lost(reason) => {
            Failure::new(format!("lost connection to pod: {reason}")).while_doing(&target.to_string())
        }
        _ => Failure::new("the forward has ended").while_doing(&target.to_string()),
    }
}
