//! Ten thousand connections at once. The pods' processes and the apps are processes of their own, for a file limit of 20,000
//! has no room for both ends of all connections in one.

use std::{
    io::{BufRead as _, Write as _},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use podline_minicluster::{
    Config, Minicluster, User, manifest,
    workload::{Workload, serve},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

use crate::{
    arguments::Arguments,
    process::{self, Figures},
    program::Program,
};

/// The variable that makes this program one of its own children.
const ROLE: &str = "PODLINE_SOAK_ROLE";

/// How long any step of all connections together may take.
const STEP: Duration = Duration::from_secs(240);

/// Apps that connect at the same time.
const AT_A_TIME: usize = 200;

/// Files that a process needs besides those of its connections.
const OTHERS: u64 = 200;

/// How the connections are spread.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Spread {
    /// Over four pods of a service.
    FourPods,
    /// To one pod, where one more of them stalls.
    OnePod,
}

impl Spread {
    fn pods(self) -> u32 {
        match self {
            Self::FourPods => 4,
            Self::OnePod => 1,
        }
    }
}

/// Runs what this process was started as, if it was started by another of these.
pub(crate) fn child_role() -> Option<Result<(), String>> {
    let role = std::env::var(ROLE).ok()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    Some(match role.as_str() {
        "apps" => runtime.block_on(apps()),
        "pods" => runtime.block_on(pods()),
        other => Err(format!("there is no role `{other}`")),
    })
}

/// Opens the connections, has each served twice, and says what they cost.
pub(crate) async fn run(arguments: &Arguments, spread: Spread) -> Result<(), String> {
    let number = arguments.connections;
    // podline has a socket for each connection and one for each session; the most there can be is 512 a pod.
    let needed = number + 512 * u64::from(spread.pods()) + OTHERS;
    if let Some(limit) = process::file_limit()
        && limit < needed
    {
        println!("  skipped: {number} connections need {needed} files, and the hard limit is {limit}");
        return Ok(());
    }
    let mut pods = Role::start("pods")?;
    let (echo, stalled) = (pods.address()?, pods.address()?);
    let minicluster = cluster(spread, echo, stalled).await?;
    let folder = tempfile::TempDir::new().map_err(|error| error.to_string())?;
    let kubeconfig = folder.path().join("config");
    std::fs::write(&kubeconfig, minicluster.kubeconfig(User::Admin)).map_err(|error| error.to_string())?;
    let forwards = ["--namespace=default", "svc/many", ":7", ":25"];
    let program = Program::start(folder.path(), &kubeconfig, &forwards, 2, &[]).await?;
    let id = program.id().ok_or("it has ended")?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle = process::figures(id).unwrap_or_default();
    let mut stalled = JoinSet::new();
    if spread == Spread::OnePod {
        let address = program.address(25);
        stalled.spawn(async move {
            let bytes = vec![0; 64 * 1024];
            if let Ok(mut stream) = TcpStream::connect(address).await {
                while stream.write_all(&bytes).await.is_ok() {}
            }
        });
    }

    let mut apps = Role::start("apps")?;
    let began = Instant::now();
    apps.tell(&format!("{number} {}", program.address(7)))?;
    apps.expect("open").await?;
    let opened = began.elapsed();
    let open = process::figures(id).unwrap_or_default();
    println!(
        "  {number} connections {spread:?}, open and served once after {:.1} s: podline {open}, {} sessions",
        opened.as_secs_f64(),
        minicluster.sessions()
    );
    println!(
        "  {:.1} KiB of podline's memory for each idle connection ({} KiB when there was none)",
        per_connection(idle, open, number),
        idle.memory
    );
    apps.tell("again")?;
    apps.expect("served").await?;
    println!(
        "  all were served again, {:.1} s in all",
        began.elapsed().as_secs_f64()
    );
    if spread == Spread::OnePod && !stalled.is_empty() && stalled.try_join_next().is_some() {
        println!("  the stalled one was ended for its neighbours' sake");
    }
    apps.tell("close")?;
    apps.expect("closed").await?;
    stalled.shutdown().await;
    // A runtime holds on to a connection into a pod that never reads, whatever its client does.
    let held = usize::from(spread == Spread::OnePod);
    let left = async {
        while minicluster.pod_connections() > held {
            // Nobody tells of it.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(STEP, left)
        .await
        .map_err(|_| format!("{} connections into pods are left", minicluster.pod_connections()))?;
    program.end().await
}

fn per_connection(idle: Figures, open: Figures, number: u64) -> f64 {
    open.memory.saturating_sub(idle.memory) as f64 / number as f64
}

async fn cluster(spread: Spread, echo: SocketAddr, stalled: SocketAddr) -> Result<Minicluster, String> {
    let (echo, stalled) = (
        Workload::Outside(echo).to_string(),
        Workload::Outside(stalled).to_string(),
    );
    let ports = [("echo", 7, echo.as_str()), ("stalled", 25, stalled.as_str())];
    let config = Config::empty()
        .with(manifest::deployment("many", spread.pods(), &ports))
        .with(manifest::service(
            "many",
            &[("echo", 7, "echo"), ("stalled", 25, "stalled")],
        ));
    Minicluster::start(config)
        .await
        .map_err(|error| error.to_string())
}

/// This program again, as something else.
struct Role {
    child: Child,
    stdin: ChildStdin,
    stdout: Option<std::io::BufReader<ChildStdout>>,
}

impl Role {
    fn start(role: &str) -> Result<Self, String> {
        let this: PathBuf = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut child = Command::new(this)
            .env(ROLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let stdin = child.stdin.take().expect("it was asked for");
        let stdout = child.stdout.take().map(std::io::BufReader::new);
        Ok(Self { child, stdin, stdout })
    }

    fn tell(&mut self, line: &str) -> Result<(), String> {
        writeln!(self.stdin, "{line}").map_err(|error| error.to_string())
    }

    fn address(&mut self) -> Result<SocketAddr, String> {
        let stdout = self.stdout.as_mut().expect("nobody reads it at the moment");
        let mut line = String::new();
        stdout.read_line(&mut line).map_err(|error| error.to_string())?;
        line.trim()
            .parse()
            .map_err(|_| format!("the pods are nowhere: `{line}`"))
    }

    /// Waits for a line.
    async fn expect(&mut self, wanted: &str) -> Result<(), String> {
        let mut stdout = self.stdout.take().expect("nobody reads it at the moment");
        let reading = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            let read = stdout.read_line(&mut line);
            (stdout, read.map(|_| line))
        });
        let (stdout, line) = timeout(STEP, reading)
            .await
            .map_err(|_| format!("not {wanted} after {} s", STEP.as_secs()))?
            .map_err(|error| error.to_string())?;
        self.stdout = Some(stdout);
        let line = line.map_err(|error| error.to_string())?;
        match line.trim() == wanted {
            true => Ok(()),
            false => Err(format!("not {wanted}, but `{}`", line.trim())),
        }
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The pods' processes: an echo, and one that never reads. They end with their parent.
async fn pods() -> Result<(), String> {
    let mut servers = JoinSet::new();
    for workload in [Workload::Echo, Workload::Blackhole] {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(|error| error.to_string())?;
        println!("{}", listener.local_addr().map_err(|error| error.to_string())?);
        servers.spawn(serve(listener, workload, "many".into()).map_err(|error| error.to_string())?);
    }
    tokio::task::spawn_blocking(|| std::io::stdin().lines().count())
        .await
        .map_err(|error| error.to_string())?;
    Ok(())
}

/// The apps: they connect, say something and hear it, and do so again when they are told.
async fn apps() -> Result<(), String> {
    let (number, address) = match next_line().await? {
        Some(line) => {
            let (number, address) = line.split_once(' ').ok_or("how many, and where?")?;
            let number: usize = number.parse().map_err(|_| "how many?".to_owned())?;
            (
                number,
                address.parse::<SocketAddr>().map_err(|_| "where?".to_owned())?,
            )
        }
        None => return Ok(()),
    };
    let mut streams = Vec::with_capacity(number);
    let mut connecting = JoinSet::new();
    for index in 0..number {
        if connecting.len() >= AT_A_TIME
            && let Some(opened) = connecting.join_next().await
        {
            streams.push(opened.map_err(|error| error.to_string())??);
        }
        connecting.spawn(async move {
            let stream = TcpStream::connect(address)
                .await
                .map_err(|error| error.to_string())?;
            said(stream, index).await
        });
    }
    while let Some(opened) = connecting.join_next().await {
        streams.push(opened.map_err(|error| error.to_string())??);
    }
    println!("open");
    next_line().await?;
    let mut saying = JoinSet::new();
    for (index, stream) in streams.drain(..).enumerate() {
        saying.spawn(said(stream, index));
    }
    while let Some(stream) = saying.join_next().await {
        streams.push(stream.map_err(|error| error.to_string())??);
    }
    println!("served");
    next_line().await?;
    drop(streams);
    println!("closed");
    next_line().await?;
    Ok(())
}

/// Says something of its own and hears it.
async fn said(mut stream: TcpStream, index: usize) -> Result<TcpStream, String> {
    let text = format!("this is connection {index}");
    let mut heard = vec![0; text.len()];
    let talk = async {
        stream.write_all(text.as_bytes()).await?;
        stream.read_exact(&mut heard).await
    };
    match timeout(STEP, talk).await {
        Ok(Ok(_)) if heard == text.as_bytes() => Ok(stream),
        Ok(Ok(_)) => Err(format!("connection {index} heard something else")),
        Ok(Err(error)) => Err(format!("connection {index}: {error}")),
        Err(_) => Err(format!("connection {index} was not served")),
    }
}

async fn next_line() -> Result<Option<String>, String> {
    let line = tokio::task::spawn_blocking(|| std::io::stdin().lines().next()).await;
    line.map_err(|error| error.to_string())?
        .transpose()
        .map_err(|error| error.to_string())
}
