//! Runs many seeds on all cores, and tells which fail.
//!
//! | variable | meaning |
//! |---|---|
//! | `PODLINE_SIMULATION_SEED` | this seed alone, with a trace of it if it fails |
//! | `PODLINE_SIMULATION_SEEDS` | so many seeds |
//! | `PODLINE_SIMULATION_FIRST` | not from 0 but from this one on |
//! | `PODLINE_SIMULATION_FAILURES` | no further seeds after so many failures |

use std::{
    any::Any,
    collections::BTreeMap,
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// Failing seeds that are looked for, at most.
const FAILURES: usize = 20;

/// Runs `simulate` for the first `default` seeds, or as the environment says.
pub(crate) fn check(default: u64, simulate: impl Fn(u64, bool) -> Result<(), String> + Sync) {
    let one = number("PODLINE_SIMULATION_SEED");
    let seeds = match one {
        Some(seed) => seed..seed + 1,
        None => {
            let first = number("PODLINE_SIMULATION_FIRST").unwrap_or(0);
            first..first + number("PODLINE_SIMULATION_SEEDS").unwrap_or(default)
        }
    };
    let most = number("PODLINE_SIMULATION_FAILURES").map_or(FAILURES, |most| most as usize);
    let next = AtomicU64::new(seeds.start);
    let failures = Mutex::new(BTreeMap::new());
    let known = || failures.lock().unwrap_or_else(PoisonError::into_inner);
    let work = || {
        while known().len() < most {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let run = catch_unwind(AssertUnwindSafe(|| simulate(seed, one.is_some())));
            if let Err(error) = run.unwrap_or_else(|panic| Err(text(&*panic))) {
                known().insert(seed, error);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(work);
        }
    });
    let failures = known();
    let Some((seed, error)) = failures.first_key_value() else {
        return;
    };
    let all: String = failures
        .iter()
        .map(|(seed, error)| format!("\n{seed}: {}", error.lines().next().unwrap_or_default()))
        .collect();
    panic!(
        "PODLINE_SIMULATION_SEED={seed}\n{error}\n{} seeds fail:{all}",
        failures.len()
    );
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
    format!("it panicked: {}", text.unwrap_or_default())
}
