mod json;
mod table;

pub(crate) use json::json;
pub(crate) use table::table;

use std::fs;
use std::thread;
use std::time::Duration;

use serde::Serialize;

use crate::args::Args;
use crate::contender::Contender;
use crate::plan::Plan;
use crate::programs::Programs;

/// Under which circumstances a run was made.
#[derive(Debug, Serialize)]
pub(crate) struct Circumstances {
    cluster: &'static str,
    transport: &'static str,
    round_trip_ms: f64,
    podline: Option<String>,
    kubectl: Option<String>,
    system: String,
    processors: usize,
    profile: &'static str,
    plan: Plan,
    quick: bool,
}

impl Circumstances {
    pub(crate) fn new(args: &Args, programs: &Programs, plan: &Plan) -> Self {
        Self {
            cluster: if args.kubeconfig.is_some() {
                "the kubeconfig's cluster"
            } else {
                "minicluster"
            },
            transport: if args.spdy { "SPDY" } else { "WebSocket" },
            round_trip_ms: args.rtt.as_secs_f64() * 1e3,
            podline: programs.version(Contender::Podline),
            kubectl: programs.version(Contender::Kubectl),
            system: system(),
            processors: thread::available_parallelism().map_or(0, usize::from),
            profile: if cfg!(debug_assertions) {
                "debug"
            } else {
                "release"
            },
            plan: plan.clone(),
            quick: args.quick,
        }
    }

    /// One line each, for people.
    fn lines(&self) -> Vec<String> {
        let plan = &self.plan;
        let seconds = |time: Duration| time.as_secs();
        let mut lines = vec![
            format!(
                "{}, {}, {} ms of round trip added; {}, {} processors",
                self.cluster, self.transport, self.round_trip_ms, self.system, self.processors
            ),
            format!(
                "podline: {}; kubectl: {}",
                self.podline.as_deref().unwrap_or("absent"),
                self.kubectl.as_deref().unwrap_or("absent")
            ),
            format!(
                "burst: {} connections {} s after start; rate: {} workers, {} s, the first {} not counted; \
                 transfers: {} MiB each way; memory: {} s after start, then with {} connections open",
                plan.burst,
                seconds(plan.settle),
                plan.workers,
                seconds(plan.rate_time),
                seconds(plan.rate_dropped),
                plan.transfer >> 20,
                seconds(plan.settle),
                plan.open
            ),
        ];
        if self.quick {
            lines.push(
                "a quick run: it shows that everything works, its figures are not for comparison".to_owned(),
            );
        }
        if self.profile == "debug" {
            lines.push("the bench itself is a debug build: its figures are not for comparison".to_owned());
        }
        lines
    }
}

fn system() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{} {} {}",
        std::env::consts::OS,
        release.trim(),
        std::env::consts::ARCH
    )
}
