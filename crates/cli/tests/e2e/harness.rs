//! Runs cases, some at a time, and says of each how it went; what is skipped is named and counted.

use std::{
    any::Any,
    future::Future,
    pin::Pin,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use tokio::time::timeout;

use crate::world::World;

/// How long one case may take, on a slow machine with a debug build.
const PATIENCE: Duration = Duration::from_secs(180);

/// How long a pod does not read in the cases of one that stalls, unless `PODLINE_E2E_STALL` says other seconds: longer than any
/// deadline of podline's, three PINGs and more.
const STALL: Duration = Duration::from_secs(35);

/// Cases that run at the same time.
const AT_A_TIME: usize = 4;

/// What a case is to a case that runs beside it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Manners {
    /// It breaks the cluster for a while: it runs alone, after all others.
    Alone,
    /// It minds its own business.
    Social,
}

/// What a case cannot do without.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Need {
    /// A browser that can be told what to do.
    Chromium,
    /// A way to stop and start parts of the cluster.
    Control,
    /// Faults on demand, which only the cluster in this process has. Such a case has one for itself: `World::own`.
    Faults,
    /// The real kubectl.
    Kubectl,
    /// More than one address of loopback, which Linux has.
    LoopbackNet,
    /// The kubectl whose behaviour was measured.
    MeasuredKubectl,
    /// SIGINT and SIGTERM.
    Signals,
    /// Wireshark's command.
    Tshark,
    /// A terminal whose keys are signals, and that tells signals of a process from its own.
    #[cfg(unix)]
    Terminal,
    /// A terminal that can be looked at.
    Tmux,
}

impl Need {
    /// Why a case that has this need is skipped.
    fn lack(self) -> &'static str {
        match self {
            Self::Chromium => "no chromium, and no chrome, is on the PATH",
            Self::Control => {
                "PODLINE_E2E_CONTROL names no program that stops and starts parts of the cluster"
            }
            Self::Faults => "a real cluster has no faults on demand",
            Self::Kubectl => "kubectl is not on the PATH",
            Self::LoopbackNet => "this system has one address of loopback",
            Self::MeasuredKubectl => "the kubectl on the PATH is not 1.37, which was measured",
            Self::Signals => "this system has no signals",
            Self::Tshark => "tshark is not on the PATH",
            #[cfg(unix)]
            Self::Terminal => "this system does not say who sent a signal",
            Self::Tmux => "tmux is not on the PATH",
        }
    }
}

type Run = fn(Arc<World>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// One behaviour.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) manners: Manners,
    pub(crate) needs: &'static [Need],
    pub(crate) run: Run,
}

impl Case {
    pub(crate) const fn new(name: &'static str, run: Run) -> Self {
        Self {
            name,
            manners: Manners::Social,
            needs: &[],
            run,
        }
    }

    pub(crate) const fn needs(mut self, needs: &'static [Need]) -> Self {
        self.needs = needs;
        self
    }

    pub(crate) const fn alone(mut self) -> Self {
        self.manners = Manners::Alone;
        self
    }
}

/// Makes a list of cases of the functions of a module: `cases! { alpha; beta [Control] alone; }`.
macro_rules! cases {
    ($($name:ident $([$($need:ident),+])? $($alone:ident)?;)+) => {
        pub(crate) fn cases() -> Vec<crate::harness::Case> {
            vec![$(
                crate::harness::Case::new(
                    concat!(module_path!(), "::", stringify!($name)),
                    |world| Box::pin($name(world)),
                )
                $(.needs(&[$(crate::harness::Need::$need),+]))?
                $(.$alone())?
            ),+]
        }
    };
}
pub(crate) use cases;

/// What the command line asks for.
#[derive(Default)]
struct Wishes {
    words: Vec<String>,
    skipped: Vec<String>,
    exact: bool,
    list: bool,
    nothing: bool,
    at_a_time: Option<usize>,
}

impl Wishes {
    fn read() -> Self {
        let mut wishes = Self::default();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--exact" => wishes.exact = true,
                // No case is marked as one that is left out.
                "--ignored" => wishes.nothing = true,
                "--list" => wishes.list = true,
                "--skip" => wishes.skipped.extend(arguments.next()),
                "--test-threads" => {
                    wishes.at_a_time = arguments.next().and_then(|number| number.parse().ok());
                }
                "--color" | "--format" | "--logfile" => drop(arguments.next()),
                flag if flag.starts_with("--") => {}
                word => wishes.words.push(word.to_owned()),
            }
        }
        wishes
    }

    fn want(&self, name: &str) -> bool {
        let fits = |word: &String| {
            if self.exact {
                name == word
            } else {
                name.contains(word.as_str())
            }
        };
        !self.nothing
            && (self.words.is_empty() || self.words.iter().any(fits))
            && !self.skipped.iter().any(fits)
    }
}

/// How long a pod does not read in the cases of one that stalls.
pub(crate) fn stall() -> Duration {
    std::env::var("PODLINE_E2E_STALL").map_or(STALL, |seconds| {
        let seconds = seconds.parse().expect("PODLINE_E2E_STALL is a number of seconds");
        Duration::from_secs(seconds)
    })
}

/// Runs those of the cases that the command line asks for.
pub(crate) async fn run(cases: Vec<Case>) -> ExitCode {
    let wishes = Wishes::read();
    let wanted: Vec<Case> = cases
        .into_iter()
        .filter(|case| wishes.want(short(case.name)))
        .collect();
    if wishes.list {
        for case in &wanted {
            println!("{}: test", short(case.name));
        }
        return ExitCode::SUCCESS;
    }
    if wanted.is_empty() {
        println!("\nno case has that name");
        return ExitCode::SUCCESS;
    }
    let world = match World::make().await {
        Ok(world) => Arc::new(world),
        Err(error) => {
            eprintln!("the cluster cannot be made ready: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ending = {
        let world = Arc::clone(&world);
        tokio::select! {
            ending = run_on(world, wanted, wishes.at_a_time.unwrap_or(AT_A_TIME)) => ending,
            _ = tokio::signal::ctrl_c() => {
                println!("\ninterrupted");
                ExitCode::FAILURE
            }
        }
    };
    world.tidy().await;
    ending
}

async fn run_on(world: Arc<World>, wanted: Vec<Case>, at_a_time: usize) -> ExitCode {
    println!("\nrunning {} cases on {}", wanted.len(), world.description());
    let began = Instant::now();
    let (skipped, able): (Vec<Case>, Vec<Case>) = wanted
        .into_iter()
        .partition(|case| case.needs.iter().any(|need| !world.has(*need)));
    let (alone, social): (Vec<Case>, Vec<Case>) =
        able.into_iter().partition(|case| case.manners == Manners::Alone);
    let mut passed = 0;
    let mut failed: Vec<(&str, String)> = Vec::new();
    for (cases, at_a_time) in [(social, at_a_time), (alone, 1)] {
        let mut results = stream::iter(cases.into_iter().map(|case| attempt(case, Arc::clone(&world))))
            .buffer_unordered(at_a_time.max(1));
        while let Some((name, taken, result)) = results.next().await {
            let mark = if result.is_ok() { "ok" } else { "FAILED" };
            println!("test {name} ... {mark} ({:.1} s)", taken.as_secs_f64());
            passed += usize::from(result.is_ok());
            failed.extend(result.err().map(|error| (name, error)));
        }
    }
    for (name, error) in &failed {
        println!("\n---- {name}\n{error}");
    }
    for case in &skipped {
        let lacks: Vec<&str> = (case.needs.iter())
            .filter(|need| !world.has(**need))
            .map(|need| need.lack())
            .collect();
        println!("skipped: {}: {}", short(case.name), lacks.join("; "));
    }
    println!(
        "\ntest result: {}. {passed} passed; {} failed; {} skipped; finished in {:.1} s\n",
        if failed.is_empty() { "ok" } else { "FAILED" },
        failed.len(),
        skipped.len(),
        began.elapsed().as_secs_f64()
    );
    if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn attempt(case: Case, world: Arc<World>) -> (&'static str, Duration, Result<(), String>) {
    let began = Instant::now();
    let task = tokio::spawn((case.run)(world));
    let abort = task.abort_handle();
    let patience = PATIENCE + stall();
    let result = match timeout(patience, task).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(match error.try_into_panic() {
            Ok(panic) => words(&*panic),
            Err(error) => error.to_string(),
        }),
        Err(_) => {
            abort.abort();
            Err(format!("not done after {} s", patience.as_secs()))
        }
    };
    (short(case.name), began.elapsed(), result)
}

/// A case's name without the modules above its own.
fn short(name: &str) -> &str {
    name.strip_prefix("e2e::cases::").unwrap_or(name)
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
        .to_owned()
}
