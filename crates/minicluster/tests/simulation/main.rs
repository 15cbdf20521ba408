//! podline's sessions against a container runtime, over a network that does its worst, in virtual time.
//!
//! A seed stands for a whole world: the network's delays and faults, the runtime, the pods and the apps. The same seed
//! gives the same run. `PODLINE_SIMULATION_SEED=n` runs that one alone; `PODLINE_SIMULATION_SEEDS=n` runs so many.

mod app;
mod client;
mod facts;
mod framing;
mod link;
mod network;
mod node;
mod oracle;
mod pattern;
mod plan;
mod pod;
mod trace;
mod world;

use fastrand::Rng;

use crate::{plan::Plan, world::World};

/// Seeds of one run.
const SEEDS: u64 = 2000;

#[test]
fn whatever_happens_every_connection_gets_its_bytes_and_its_end() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let one = number("PODLINE_SIMULATION_SEED");
    let seeds = match one {
        Some(seed) => seed..seed + 1,
        None => 0..number("PODLINE_SIMULATION_SEEDS").unwrap_or(SEEDS),
    };
    let failures: Vec<(u64, String)> = seeds
        .filter_map(|seed| run(seed, one.is_some()).err().map(|error| (seed, error)))
        .collect();
    let Some((seed, error)) = failures.first() else {
        return;
    };
    let others: String = failures
        .iter()
        .map(|(seed, error)| format!("\n{seed}: {}", error.lines().next().unwrap_or_default()))
        .collect();
    panic!(
        "PODLINE_SIMULATION_SEED={seed}\n{error}\n{} seeds fail:{others}",
        failures.len()
    );
}

fn run(seed: u64, traced: bool) -> Result<(), String> {
    let mut rng = Rng::with_seed(seed);
    let plan = Plan::draw(&mut rng);
    World::new(plan, &mut rng, traced).run()
}
