//! podline's sessions, the pool of them, and the tokio shell around both, against a container runtime, over a network that does its worst, in
//! virtual time.
//!
//! A seed stands for a whole world: the network's delays and faults, the runtime, the pods and the apps. The same seed
//! gives the same run. `PODLINE_SIMULATION_SEED=n` runs that one alone; `PODLINE_SIMULATION_SEEDS=n` runs so many.

mod app;
mod client;
mod clockwork;
mod facts;
mod framing;
mod link;
mod network;
mod node;
mod oracle;
mod pattern;
mod plan;
mod pod;
mod pool;
mod seeds;
mod shell;
mod trace;
mod world;

use fastrand::Rng;

use crate::{
    plan::Plan,
    pool::{PoolPlan, PoolWorld},
    world::World,
};

/// Seeds of one run with one session.
const SESSION_SEEDS: u64 = 1000;

/// Seeds of one run with a whole pool.
const POOL_SEEDS: u64 = 2000;

/// Seeds of one run with the tokio shell.
const SHELL_SEEDS: u64 = 300;

#[test]
fn whatever_happens_every_connection_of_a_session_gets_its_bytes_and_its_end() {
    seeds::check(SESSION_SEEDS, |seed, traced| {
        let mut rng = Rng::with_seed(seed);
        let plan = Plan::draw(&mut rng);
        World::new(plan, &mut rng, traced).run()
    });
}

#[test]
fn whatever_happens_every_connection_of_a_pool_gets_its_bytes_and_its_end() {
    seeds::check(POOL_SEEDS, |seed, traced| {
        let mut rng = Rng::with_seed(seed);
        let plan = PoolPlan::draw(&mut rng);
        PoolWorld::new(plan, rng, traced).run()
    });
}

/// The shell draws entropy of its own, so a seed gives nearly the same run each time, but not the same.
#[test]
fn the_shell_does_what_the_pure_pool_decides() {
    seeds::check(SHELL_SEEDS, |seed, _| {
        let mut rng = Rng::with_seed(seed);
        let plan = PoolPlan::draw(&mut rng);
        shell::run(plan, rng)
    });
}
