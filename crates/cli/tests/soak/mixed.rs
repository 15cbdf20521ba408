//! The soak: visitors, faults, and what is left of both when they are gone.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use fastrand::Rng;
use podline_minicluster::{Config, Minicluster, User, manifest};
use tokio::{task::JoinSet, time::sleep};

use crate::{
    arguments::Arguments,
    faults::Fault,
    ledger::{Ledger, Place},
    process::{self, Figures},
    program::Program,
    visitors::Kind,
};

pub(crate) const NAMESPACE: &str = "soak";

// Remote ports: those of the pod `tools` are the workload's own, those of the deployment `echo` a thousand higher.
pub(crate) const TOOLS_ECHO: u16 = 7;
pub(crate) const TOOLS_GENERATOR: u16 = 19;
pub(crate) const TOOLS_SOURCE: u16 = 20;
pub(crate) const TOOLS_SINK: u16 = 21;
pub(crate) const TOOLS_BLACKHOLE: u16 = 25;
pub(crate) const TOOLS_REFUSED: u16 = 83;
pub(crate) const ECHO_ECHO: u16 = 1007;
pub(crate) const ECHO_SOURCE: u16 = 1020;
pub(crate) const ECHO_SINK: u16 = 1021;
pub(crate) const WEB: u16 = 8080;

/// Visitors at a time.
const VISITORS: usize = 20;

/// How long everything that visitors left behind may take to go: longer than podline lets a pod be silent after an app's
/// half-close, and longer than it keeps a session that it does not need.
const REST: Duration = Duration::from_secs(90);

/// Sessions that are kept ready while nobody comes: six a forward over its pods and one a pod at least.
const IDLE_SESSIONS: usize = 64;

/// How much more memory, in KiB, an idle podline may have at the end than after its first visitors: it may keep more sessions
/// then, of which each has some 200 KiB where it was used hard.
const SLACK: u64 = 12 * 1024;

/// Has glibc give memory back when it is freed, if it was 8 KiB or more. It keeps it otherwise, 10 MiB after the first minute
/// and no more after an hour, and that would have to be told from what podline forgot to free.
const ALLOCATOR: [(&str, &str); 3] = [
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_MMAP_MAX_", "60000"),
    ("MALLOC_MMAP_THRESHOLD_", "8192"),
];

/// How often a long run says how it is.
const NEWS: Duration = Duration::from_secs(60);

/// Runs it.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), String> {
    let seed = arguments.seed;
    println!(
        "  {} s of traffic with faults, seed {seed}",
        arguments.duration.as_secs()
    );
    let minicluster = cluster().await?;
    let folder = tempfile::TempDir::new().map_err(|error| error.to_string())?;
    let kubeconfig = folder.path().join("config");
    std::fs::write(&kubeconfig, minicluster.kubeconfig(User::Admin)).map_err(|error| error.to_string())?;
    let forwards = [
        "-v=1",
        "--namespace",
        NAMESPACE,
        "pod/tools",
        ":7",
        ":19",
        ":20",
        ":21",
        ":25",
        ":83",
        "deployment/echo",
        ":1007",
        ":1020",
        ":1021",
        "svc/web",
        ":80",
    ];
    let mut program = Program::start(folder.path(), &kubeconfig, &forwards, 10, &ALLOCATOR).await?;
    let ledger = Arc::new(Ledger::default());

    // What podline is like when it has seen every kind of visitor and nothing is wrong.
    let mut visitors = Visitors::start(&program, &ledger, seed);
    sleep(Duration::from_secs(3)).await;
    visitors.end().await;
    rest(&minicluster, &ledger, false).await?;
    let before = figures(&program);
    say("before", before, &minicluster);

    let faults: Vec<Fault> = (Fault::ALL.into_iter())
        .filter(|fault| fault.name().contains(&arguments.fault))
        .collect();
    let mut random = Rng::with_seed(seed);
    let mut visitors = Visitors::start(&program, &ledger, seed.wrapping_add(1));
    let (began, mut told) = (Instant::now(), Instant::now());
    while began.elapsed() < arguments.duration && program.runs() {
        sleep(Duration::from_millis(random.u64(500..4000))).await;
        let fault = *random.choice(&faults).ok_or("no fault has that name")?;
        if let Err(error) = fault.happen(&minicluster, &ledger, &mut random).await {
            ledger.complain(format!("the fault `{}` could not be made: {error}", fault.name()));
        }
        if told.elapsed() >= NEWS {
            told = Instant::now();
            news(began, &ledger, figures(&program), &minicluster);
        }
    }
    minicluster.faults().clear();
    visitors.end().await;
    if !program.runs() {
        ledger.complain("podline has ended".to_owned());
        return conclude(&ledger, seed);
    }
    all_is_well(&program, &ledger).await;
    let long = arguments.duration >= NEWS;
    if let Err(problem) = rest(&minicluster, &ledger, long).await {
        ledger.complain(problem);
    }
    let after = figures(&program);
    say("after", after, &minicluster);
    compare(&ledger, before, after);
    println!("  {} lines of warnings and notes", program.warnings());
    if let Err(problem) = program.end().await {
        ledger.complain(problem);
    }
    if let Err(problem) = until(|| minicluster.sessions() + minicluster.pod_connections() == 0).await {
        ledger.complain(format!(
            "{problem} when podline had ended: {}",
            server(&minicluster)
        ));
    }
    conclude(&ledger, seed)
}

/// Visitors that come one after the other, many at a time, until they are told to stop.
struct Visitors {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Visitors {
    fn start(program: &Program, ledger: &Arc<Ledger>, seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for number in 0..VISITORS {
            let kinds = Kind::ALL.map(|kind| (kind, doors(kind, program)));
            let (stop, ledger) = (Arc::clone(&stop), Arc::clone(ledger));
            let mut random = Rng::with_seed(seed ^ ((number as u64) << 32));
            tasks.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let (kind, doors) = random.choice(&kinds).expect("there are kinds");
                    let (place, address) = *random.choice(doors).expect("every kind has a door");
                    let began = Instant::now();
                    let (verdict, bytes) = kind.visit(address, &mut random, &stop).await;
                    ledger.take(kind.name(), place, began, bytes, verdict);
                }
            });
        }
        Self { stop, tasks }
    }

    /// Lets each come to the end of its visit.
    async fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while self.tasks.join_next().await.is_some() {}
    }
}

fn doors(kind: Kind, program: &Program) -> Vec<(Place, SocketAddr)> {
    let doors = kind.doors().iter();
    doors
        .map(|&(place, port)| (place, program.address(port)))
        .collect()
}

async fn cluster() -> Result<Minicluster, String> {
    let echo = [
        ("echo", ECHO_ECHO, "echo"),
        ("source", ECHO_SOURCE, "source"),
        ("sink", ECHO_SINK, "sink"),
    ];
    let objects = [
        manifest::deployment("web", 2, &[("http", WEB, "web")]),
        manifest::service("web", &[("http", 80, "http")]),
        manifest::deployment("echo", 2, &echo),
        manifest::tools(),
    ];
    let namespace = serde_json::json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE},
    });
    let config = objects
        .into_iter()
        .fold(Config::empty().with(namespace), |config, mut object| {
            object["metadata"]["namespace"] = NAMESPACE.into();
            config.with(object)
        });
    Minicluster::start(config)
        .await
        .map_err(|error| error.to_string())
}

/// After all faults each place serves, one visitor of each kind after the other.
async fn all_is_well(program: &Program, ledger: &Ledger) {
    let mut random = Rng::with_seed(0);
    let stop = AtomicBool::new(true);
    for kind in Kind::ALL {
        for &(place, port) in kind.doors() {
            let began = Instant::now();
            let (verdict, bytes) = kind.visit(program.address(port), &mut random, &stop).await;
            ledger.take(kind.name(), place, began, bytes, verdict);
        }
    }
}

/// Waits until nothing is left of any visitor: no connection into a pod, and no more sessions than are kept ready.
async fn rest(minicluster: &Minicluster, ledger: &Ledger, sessions_too: bool) -> Result<(), String> {
    // A runtime holds on to a connection into a pod that never reads, whatever its client does, until the pod is gone.
    let mark = ledger.begin("a pod is replaced to end what it never reads", &[Place::Tools]);
    let replaced = minicluster.store().replace_pod(NAMESPACE, "tools");
    let replaced = replaced.await;
    ledger.end(mark, Duration::from_secs(4));
    replaced.map_err(|error| error.to_string())?;
    let quiet = until(|| {
        minicluster.pod_connections() == 0 && (!sessions_too || minicluster.sessions() <= IDLE_SESSIONS)
    });
    quiet
        .await
        .map_err(|problem| format!("{problem}: {}", server(minicluster)))
}

async fn until(condition: impl Fn() -> bool) -> Result<(), String> {
    let began = Instant::now();
    while !condition() {
        if began.elapsed() > REST {
            return Err(format!("something is left after {} s", REST.as_secs()));
        }
        // Nobody tells of it.
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn figures(program: &Program) -> Option<Figures> {
    process::figures(program.id()?)
}

fn compare(ledger: &Ledger, before: Option<Figures>, after: Option<Figures>) {
    let (Some(before), Some(after)) = (before, after) else {
        println!("  memory, files and threads are not judged: only Linux tells them");
        return;
    };
    if after.memory > before.memory + SLACK {
        ledger.complain(format!("memory grew: {before} before, {after} after"));
    }
    // A session is a socket.
    if after.files > before.files + IDLE_SESSIONS as u64 {
        ledger.complain(format!("files are left open: {before} before, {after} after"));
    }
    if after.threads > before.threads + 4 {
        ledger.complain(format!("threads are left: {before} before, {after} after"));
    }
}

fn server(minicluster: &Minicluster) -> String {
    format!(
        "{} sessions and {} connections into pods",
        minicluster.sessions(),
        minicluster.pod_connections()
    )
}

fn say(when: &str, figures: Option<Figures>, minicluster: &Minicluster) {
    let podline = figures.map_or_else(|| "not told".to_owned(), |figures| figures.to_string());
    println!(
        "  idle {when}: podline {podline}; the server {}",
        server(minicluster)
    );
}

fn news(began: Instant, ledger: &Ledger, figures: Option<Figures>, minicluster: &Minicluster) {
    let (connections, bytes, faults) = ledger.progress();
    let podline = figures.map_or_else(String::new, |figures| format!("; podline {figures}"));
    println!(
        "  {:>5} s: {connections} connections, {:.0} MiB, {faults} faults{podline}; {}",
        began.elapsed().as_secs(),
        bytes as f64 / 1_048_576.0,
        server(minicluster)
    );
}

fn conclude(ledger: &Ledger, seed: u64) -> Result<(), String> {
    print!("{}", ledger.report());
    let problems = ledger.problems();
    match problems.len() {
        0 => Ok(()),
        number => Err(format!(
            "{number} problems, the first: {}\n(--seed {seed} makes the same faults)",
            problems[0]
        )),
    }
}
