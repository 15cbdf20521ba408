//! What must be true of every connection and session, whatever happened.

use std::time::Duration;

use podline_minicluster::node::runtime::{Flavor, ReplyFault};
use podline_wire::{
    Time,
    session::{FailureKind, PairEnd},
};

use crate::{
    app::AppPlan,
    client::STALLED_READER,
    facts::{DialKind, End, Facts},
    link::Link,
    plan::{Plan, QUEUED},
    pod::{PodEndHow, PodEndWhen, PodPlan, Reads, Writes},
};

/// What a connection has to reckon with.
pub(crate) struct Circumstances<'a> {
    pub(crate) flavor: Flavor,
    pub(crate) reply: ReplyFault,
    pub(crate) pod: &'a PodPlan,
    pub(crate) app: &'a AppPlan,
    /// When every pod reads all and ends.
    pub(crate) release: Time,
    pub(crate) may_lose_session: bool,
}

/// Checks one connection that had a lane when all is over.
pub(crate) fn check_connection(around: &Circumstances<'_>, facts: &Facts) -> Result<(), String> {
    if facts.accepted > facts.sent && facts.aborted.is_none() && facts.stopped.is_none() {
        return Err("the pod got more than was sent".into());
    }
    if facts.received > facts.produced {
        return Err("the app got more than the pod has sent".into());
    }
    let Some(end) = &facts.end else {
        return Err("it never ended".into());
    };
    match end {
        End::Pair(end) => check_pair(around, facts, end),
        End::SessionLost if around.may_lose_session => Ok(()),
        End::SessionLost => Err("its session was lost".into()),
        End::Aborted => Ok(()),
        End::StalledReader => check_stalled(around),
        End::StalledWithSession if facts.shared => Ok(()),
        End::StalledWithSession => Err("it was reset for taking nothing, and had its lane to itself".into()),
    }
}

/// Only whose app or pod takes nothing for long is reset for it. An echo server that cannot send does not read either.
fn check_stalled(around: &Circumstances<'_>) -> Result<(), String> {
    let app = around.app.pause.is_some_and(|(_, time)| time >= STALLED_READER);
    let pod = around.pod.reads != Reads::All
        || around.pod.writes == Writes::Echo
        || around.pod.dial.0 >= STALLED_READER;
    if app || pod {
        Ok(())
    } else {
        Err("it was reset for taking nothing, and its app and its pod take all".into())
    }
}

fn check_pair(around: &Circumstances<'_>, facts: &Facts, end: &PairEnd) -> Result<(), String> {
    if *end == PairEnd::Unanswered {
        // A neighbour's pod that does not read holds up whoever opens behind it.
        return if around.reply == ReplyFault::Never || around.may_lose_session || facts.shared {
            Ok(())
        } else {
            Err("its opening was not answered".into())
        };
    }
    if facts.received != facts.produced {
        return Err("bytes that the runtime had read were lost".into());
    }
    match end {
        PairEnd::Clean { delivered } => check_clean(around, facts, *delivered),
        PairEnd::Failed { kind, text } => match facts.dial_failed.or_else(|| around.pod.dial.1.err()) {
            // The text may be cut off with the network.
            Some(_) if around.may_lose_session => Ok(()),
            Some(DialKind::NamespaceClosed) if *kind != FailureKind::SandboxGone => {
                Err(format!("no sandbox, but {kind:?}: {text}"))
            }
            Some(_) if *kind == FailureKind::Other => Err(format!("a failed dial, but {kind:?}: {text}")),
            None if *kind != FailureKind::Other => Err(format!("{kind:?} though it was connected: {text}")),
            None if !facts.pod_failed => Err(format!("nothing failed in the pod: {text}")),
            Some(_) | None => Ok(()),
        },
        PairEnd::Reset if facts.pod_failed && around.flavor == Flavor::Containerd17 => Ok(()),
        // The network carried one half of the end, and never the other.
        PairEnd::Reset if around.may_lose_session => Ok(()),
        other => Err(format!("an unexpected end: {other:?}")),
    }
}

fn check_clean(around: &Circumstances<'_>, facts: &Facts, delivered: bool) -> Result<(), String> {
    if facts.pod_failed || facts.dial_failed.is_some() {
        return Err("a clean end, but it failed".into());
    }
    if facts.finished.is_none() && !facts.pod_finished {
        return Err("a clean end that neither side has asked for".into());
    }
    if facts.finished.is_none() && facts.stopped.is_none() {
        return Err("a clean end before ours, and the app was not told to stop".into());
    }
    if let Writes::Source(total) = around.pod.writes
        && facts.finished.is_none()
        && facts.killed.is_none()
        && facts.received < total
        && facts.closed.is_some_and(|at| at < around.release)
    {
        return Err(format!("a clean end after {} of {total} bytes", facts.received));
    }
    if delivered && facts.finished.is_some() && !facts.pod_ended && facts.accepted != facts.sent {
        return Err(format!(
            "the pod has {} of {} bytes, and nothing was said",
            facts.accepted, facts.sent
        ));
    }
    Ok(())
}

/// Checks the session when all is over.
pub(crate) fn check_link(plan: &Plan, link: &Link, facts: &[Facts]) -> Result<(), String> {
    let client = &link.client;
    if client.loss().is_some() {
        if !plan.may_lose_session() {
            return Err(format!("the session was lost: {:?}", client.loss()));
        }
        return Ok(());
    }
    if client.session.pairs() > 0 {
        return Err("pairs are left".into());
    }
    if plan.reply == ReplyFault::Never {
        return Ok(());
    }
    if link.node.connections() > 0 {
        return Err("connections into pods are left".into());
    }
    if client.session.is_retired() {
        return if may_jam(plan, facts) || may_be_late(plan) || plan.flavor == Flavor::Strict {
            Ok(())
        } else {
            Err("the session was retired for nothing".into())
        };
    }
    if client.session.is_late() && may_jam(plan, facts) {
        return Err("a lane is jammed, and the session was not retired".into());
    }
    if !client.session.is_clean() {
        return Err(format!("the session is not clean: {:?}", client.session));
    }
    let lanes = if plan.flavor == Flavor::Strict {
        1..=5
    } else {
        5..=5
    };
    if !lanes.contains(&client.session.free_lanes()) {
        return Err(format!("{} lanes are free", client.session.free_lanes()));
    }
    Ok(())
}

/// Whether something happened that may block a worker of the runtime for good.
fn may_jam(plan: &Plan, facts: &[Facts]) -> bool {
    let half_closes = plan.pods.iter().any(|pod| pod.end.how == PodEndHow::HalfClose);
    let ends = plan
        .pods
        .iter()
        .any(|pod| pod.dial.1.is_err() || !matches!(pod.end.when, PodEndWhen::Never));
    // A pod that ends at the release may fail by it.
    let fails = ends || facts.iter().any(|facts| facts.pod_failed);
    let tells_by_fin = matches!(plan.flavor, Flavor::Containerd17 | Flavor::Containerd20);
    // While nothing is read the pod's end is not seen, and what is sent behind it jams its worker.
    let pauses = plan.apps.iter().any(|app| app.pause.is_some());
    half_closes || pauses || fails && tells_by_fin
}

/// Whether a lane's answer may take longer than a second.
fn may_be_late(plan: &Plan) -> bool {
    let round_trip = plan.up.slowest(QUEUED) + plan.down.slowest(QUEUED);
    let stops = plan.pods.iter().any(|pod| pod.reads != Reads::All);
    let delayed = matches!(plan.reply, ReplyFault::Delayed(_));
    stops || delayed || round_trip > Duration::from_millis(900)
}
