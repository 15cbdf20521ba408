//! One simulation of the shell.

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use podline_minicluster::node::runtime::ReplyFault;
use podline_tunnel::{PodAddress, Pool, PoolOptions, TransportChoice};
use tokio::{runtime::Builder, task::JoinSet, time::timeout};

use super::{caller, cluster::Cluster};
use crate::{
    oracle::{self, Circumstances},
    plan::patience,
    pool::{Happening, PoolPlan},
};

/// How long after a farewell the runtime may still have connections into pods: its own second, and the way there.
const FAREWELL: Duration = Duration::from_secs(30);

/// Runs one simulation. The error says what was wrong, and when.
pub(crate) fn run(plan: PoolPlan, rng: Rng) -> Result<(), String> {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let end = plan.end;
        let cluster = Cluster::new(plan, rng);
        let all = simulate(cluster.clone());
        let outcome = timeout(end.as_duration() + 2 * FAREWELL, all).await;
        let error = match outcome {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(_) => "it never came to its end".into(),
        };
        let state = cluster.lock();
        let mut told = format!(
            "at {:?}: {error}\n{:?}\n",
            cluster.now().as_duration(),
            state.plan
        );
        for (connection, caller) in state.plan.callers.iter().enumerate() {
            told += &format!(
                "\n{connection}: {caller:?}\n   {:?}\n   {:?}",
                state.plan.pods[connection], state.facts[connection]
            );
        }
        Err(told)
    })
}

async fn simulate(cluster: Cluster) -> Result<(), String> {
    let plan = cluster.lock().plan.clone();
    let transport = if plan.websocket {
        TransportChoice::Websocket
    } else {
        TransportChoice::Spdy
    };
    let pod = PodAddress {
        namespace: "default".into(),
        name: "web".into(),
    };
    let options = PoolOptions {
        transport,
        config: plan.config,
        ..PoolOptions::default()
    };
    let pool = Pool::new(Arc::new(cluster.clone()), pod, options);
    let mut callers = JoinSet::new();
    let longest = longest_answer(&plan);
    for (connection, caller) in plan.callers.iter().enumerate() {
        let mut caller = caller.clone();
        caller.app.patience = longest.saturating_add(plan.pods[connection].dial.0);
        let call = caller::run(cluster.clone(), pool.clone(), connection, caller);
        callers.spawn(async move {
            call.await
                .map_err(|error| format!("connection {connection}: {error}"))
        });
    }
    tokio::spawn(happen(cluster.clone(), pool.clone()));
    while let Some(call) = callers.join_next().await {
        call.map_err(|error| error.to_string())??;
    }
    check_connections(&cluster)?;

    // Sessions that are not needed are closed, and none is forgotten.
    cluster.until(plan.end).await;
    let kept = cluster
        .lock()
        .remotes
        .iter()
        .filter(|remote| remote.has_client())
        .count();
    let floors = plan
        .happenings
        .iter()
        .filter_map(|&(_, happening)| match happening {
            Happening::SetFloor(floor) => Some(floor),
            _ => None,
        });
    let most = floors.chain([plan.config.floor]).max().unwrap_or_default();
    if kept > most {
        return Err(format!("{kept} sessions are kept, and {most} should be"));
    }
    pool.shutdown().await;
    tokio::time::sleep(FAREWELL).await;
    let state = cluster.lock();
    if state.remotes.iter().any(super::remote::Remote::has_client) {
        return Err("a session outlived the pool".into());
    }
    if state.remotes.iter().any(|remote| remote.node.connections() > 0) {
        return Err("connections into pods are left".into());
    }
    match &state.error {
        Some(error) => Err(error.clone()),
        None => Ok(()),
    }
}

/// Lets happen what was drawn.
async fn happen(cluster: Cluster, pool: Pool) {
    let plan = cluster.lock().plan.clone();
    for &(at, happening) in plan.happenings.iter().rev() {
        cluster.until(at).await;
        match happening {
            Happening::Retire => pool.retire(),
            Happening::SetFloor(floor) => pool.set_floor(floor),
            _ => {}
        }
        cluster.lock().suffer(cluster.now(), happening);
    }
    drop(pool);
    cluster.until(plan.release).await;
    // Pods that are dialed later end as well, once they are connected.
    while cluster.now() <= plan.end {
        release(&cluster);
        cluster.until(cluster.now() + Duration::from_secs(1)).await;
    }
}

/// Pods end where they are, and the network does no harm any more.
fn release(cluster: &Cluster) {
    let now = cluster.now();
    let mut state = cluster.lock();
    state.released = true;
    state.outage = None;
    for remote in &mut state.remotes {
        remote.heal(now);
        remote.node.release();
    }
    state.step_all(now);
}

/// The longest time between a question and the whole answer: by the network, and where neighbours are slow apps, by
/// them too.
fn longest_answer(plan: &PoolPlan) -> Duration {
    // Where lanes are shared a neighbour may be waited for as long as it takes.
    if !plan.happenings.is_empty() || plan.shares_lanes() {
        return Duration::MAX;
    }
    let networks = plan
        .paths
        .iter()
        .map(|path| patience(&path.up, &path.down, plan.reply));
    let pauses = plan.callers.iter().filter_map(|caller| caller.app.pause);
    let slow = pauses.map(|(_, time)| time).max().unwrap_or_default();
    // The clock of tokio's timers goes by milliseconds.
    networks
        .max()
        .unwrap_or_default()
        .saturating_mul(2)
        .saturating_add(slow)
        .saturating_add(Duration::from_millis(100))
}

fn check_connections(cluster: &Cluster) -> Result<(), String> {
    let state = cluster.lock();
    let may_lose_session = state.remotes.iter().any(|remote| remote.may_be_lost);
    for (connection, facts) in state.facts.iter().enumerate() {
        if facts.opened.is_none() {
            continue;
        }
        let around = Circumstances {
            flavor: state.plan.flavor,
            reply: ReplyFault::None,
            pod: &state.plan.pods[connection],
            app: &state.plan.callers[connection].app,
            release: state.plan.release,
            may_lose_session,
        };
        oracle::check_connection(&around, facts)
            .map_err(|error| format!("connection {connection}: {error}"))?;
    }
    Ok(())
}
