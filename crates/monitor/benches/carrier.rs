//! Counts the instructions that a carrier takes for 1 GiB each way, without taps, with them off, and with the monitor's,
//! and fails where taps cost more than they may. Instructions, because a busy machine does not change their number.
//!
//! Needs valgrind. What is counted is the program's own, not the system's behind its calls.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that prints its results"
)]

use std::env;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, ExitCode};

use podline::trial::{self, Direction, Observation};
use podline::{Connection, TapSource};
use podline_monitor::Monitor;

/// Pieces of 64 KiB in 1 GiB.
const PIECES: u64 = 16 * 1024;

/// What the program calls itself with, under valgrind.
const CARRY: &str = "--carry";

const DIRECTIONS: [(&str, Direction); 2] = [
    ("to the pod", Direction::ToPod),
    ("from the pod", Direction::FromPod),
];

/// Who observes, and how many percent more than without taps that may cost.
const OBSERVERS: [(&str, f64); 3] = [("compiled out", 0.0), ("off", 1.0), ("statistics", 3.0)];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [CARRY, direction, observer, pieces] => carry(direction, observer, pieces).map(|()| true),
        _ => compare(),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Counts and prints all; says whether the limits are kept.
fn compare() -> Result<bool, Box<dyn Error>> {
    println!("| millions of instructions for 1 GiB | taps compiled out | taps off | statistics |");
    println!("|---|---|---|---|");
    let mut is_kept = true;
    for (direction, _) in DIRECTIONS {
        let mut row = format!("| {direction} |");
        let mut least = None;
        for (observer, limit) in OBSERVERS {
            // What the program takes before and after is not the carrier's.
            let count = count(direction, observer, PIECES)? - count(direction, observer, 0)?;
            let more = 100.0 * (count / *least.get_or_insert(count) - 1.0);
            let is_over = more > limit;
            is_kept &= !is_over;
            let verdict = if is_over { ", too much" } else { "" };
            row += &format!(" {:.1} ({more:+.2} %{verdict}) |", count / 1e6);
        }
        println!("{row}");
    }
    Ok(is_kept)
}

/// The instructions of one run.
fn count(direction: &str, observer: &str, pieces: u64) -> Result<f64, Box<dyn Error>> {
    let output = Command::new("valgrind")
        .args([
            "--tool=cachegrind",
            "--cache-sim=no",
            "--cachegrind-out-file=/dev/null",
        ])
        .arg(env::current_exe()?)
        .args([CARRY, direction, observer, &pieces.to_string()])
        .output()
        .map_err(|error| format!("valgrind cannot be started: {error}"))?;
    let report = String::from_utf8_lossy(&output.stderr);
    // "==123== I   refs:      1,234,567"
    let count = report.lines().find_map(|line| line.split_once("refs:"));
    match count {
        Some((_, count)) if output.status.success() => Ok(count.trim().replace(',', "").parse()?),
        _ => Err(format!("valgrind did not count: {report}").into()),
    }
}

/// What is counted.
fn carry(direction: &str, observer: &str, pieces: &str) -> Result<(), Box<dyn Error>> {
    let known = DIRECTIONS.iter().find(|(name, _)| *name == direction);
    let &(_, direction) = known.ok_or("no such direction")?;
    let pieces: u64 = pieces.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let monitor = Monitor::start();
        let observation = match observer {
            "compiled out" => Observation::CompiledOut,
            "off" => Observation::Off,
            "statistics" => {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
                let taps = monitor.forward(&"pod/web".parse()?);
                let tap = taps.tap(&Connection::new(1, address, address));
                Observation::On(tap.ok_or("the monitor gave no tap")?)
            }
            _ => return Err("no such observer".into()),
        };
        trial::carry(direction, pieces, observation).await?;
        Ok(())
    })
}
