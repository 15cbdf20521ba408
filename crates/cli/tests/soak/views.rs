//! What the terminal view and the web page cost while a lot goes on: the same load with each of them and without.

use std::{
    fs::{self, File},
    io::Read as _,
    net::SocketAddr,
    path::Path,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use podline_minicluster::{Config, Minicluster, User, manifest};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::{Child, Command},
    task::{JoinHandle, JoinSet},
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use crate::{arguments::Arguments, process, program::program, pty};

/// Connections that stay open.
const OPEN: usize = 1000;

/// Apps that connect at the same time.
const AT_A_TIME: usize = 50;

/// From one connection that is opened, served and closed to the next: fifty a second.
const VISIT: Duration = Duration::from_millis(20);

/// Bytes that each of them takes, which makes 10 MB/s.
const BYTES: usize = 200_000;

/// How long the load goes on before anything is measured.
const WARM_UP: Duration = Duration::from_secs(5);

/// How often each of them is measured; in turns, so that whatever else the machine does comes to all of them.
const ROUNDS: usize = 3;

/// How much more of a core podline may need with a view than without, in percent.
const MOST: f64 = 5.0;

/// How long a step may take.
const STEP: Duration = Duration::from_secs(60);

/// The ports of the pod: what is said comes back; as many bytes come as are asked for.
const ECHO: u16 = 7;
const SOURCE: u16 = 20;

/// Who looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum View {
    None,
    Terminal,
    Web,
}

impl View {
    const ALL: [Self; 3] = [Self::None, Self::Terminal, Self::Web];

    fn name(self) -> &'static str {
        match self {
            Self::None => "without a view",
            Self::Terminal => "--tui",
            Self::Web => "--web, one page",
        }
    }

    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Terminal => &["--tui"],
            Self::Web => &["--web"],
        }
    }
}

/// Measures all of them in turns, and compares.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), String> {
    let minicluster = Minicluster::start(Config::empty().with(manifest::tools())).await;
    let minicluster = minicluster.map_err(|error| error.to_string())?;
    let folder = TempDir::new().map_err(|error| error.to_string())?;
    let kubeconfig = folder.path().join("config");
    fs::write(&kubeconfig, minicluster.kubeconfig(User::Admin)).map_err(|error| error.to_string())?;
    println!(
        "  {} for {ROUNDS} x {:?} each: {OPEN} connections open, {} opened and closed a second, {} MB/s",
        program().display(),
        arguments.duration,
        1000 / VISIT.as_millis(),
        BYTES as u128 / VISIT.as_millis() / 1000
    );
    let mut shares = [const { Vec::new() }; View::ALL.len()];
    for _ in 0..ROUNDS {
        for (view, shares) in View::ALL.into_iter().zip(&mut shares) {
            shares.push(measure(view, folder.path(), &kubeconfig, arguments.duration).await?);
        }
    }
    let mean = |shares: &[f64]| shares.iter().sum::<f64>() / shares.len() as f64;
    let without = mean(&shares[0]);
    let mut dear = Vec::new();
    for (view, shares) in View::ALL.into_iter().zip(&shares) {
        let each: Vec<String> = shares.iter().map(|share| format!("{share:.2}")).collect();
        let more = mean(shares) - without;
        println!(
            "  {:<15} {} % of a core, mean {:.2}: {more:+.2}",
            view.name(),
            each.join(" "),
            mean(shares)
        );
        if more > MOST {
            dear.push(view.name());
        }
    }
    match &*dear {
        [] => Ok(()),
        dear => Err(format!(
            "{} costs more than {MOST} % of a core",
            dear.join(" and ")
        )),
    }
}

/// How much of a core podline needs under the load, in percent.
async fn measure(view: View, home: &Path, kubeconfig: &Path, duration: Duration) -> Result<f64, String> {
    let seen = Arc::new(Seen::default());
    let ports = home.join("ports");
    let mut child = start(view, home, kubeconfig, &ports, &seen)?;
    let id = child.id().ok_or("it has ended")?;
    let addresses = timeout(STEP, listening(&mut child, &ports)).await;
    let [echo, source] = addresses.map_err(|_| "it does not forward".to_owned())??;
    let page = match view {
        View::Web => Some(look(&seen.link()?, seen.clone()).await?),
        View::None | View::Terminal => None,
    };
    let open = open(echo).await?;
    let visits = Arc::new(AtomicU64::new(0));
    let load = tokio::spawn(visit(source, visits.clone()));
    sleep(WARM_UP).await;
    let (began, visited, shown) = (
        Instant::now(),
        visits.load(Ordering::Relaxed),
        seen.bytes.load(Ordering::Relaxed),
    );
    let before = process::processor_time(id).ok_or("nobody says what it costs")?;
    sleep(duration).await;
    let after = process::processor_time(id).ok_or("nobody says what it costs")?;
    let passed = began.elapsed();
    let visited = visits.load(Ordering::Relaxed) - visited;
    let shown = seen.bytes.load(Ordering::Relaxed) - shown;
    load.abort();
    if let Some(page) = page {
        page.abort();
    }
    drop(open);
    child.kill().await.map_err(|error| error.to_string())?;
    // It had no chance to do so itself.
    fs::remove_file(&ports).map_err(|error| error.to_string())?;

    let wanted = passed.as_millis() / VISIT.as_millis();
    if u128::from(visited) < wanted * 9 / 10 {
        return Err(format!(
            "{}: {visited} of {wanted} connections were served: the machine is too busy to measure",
            view.name()
        ));
    }
    // Something changes each second: ages, rates.
    if view != View::None && shown < 100 * passed.as_secs() {
        return Err(format!("{} showed {shown} bytes in {passed:?}", view.name()));
    }
    Ok(100.0 * (after - before).as_secs_f64() / passed.as_secs_f64())
}

/// Starts podline on a terminal, whatever its view is.
fn start(
    view: View,
    home: &Path,
    kubeconfig: &Path,
    ports: &Path,
    seen: &Arc<Seen>,
) -> Result<Child, String> {
    let (keys, terminal) = pty::open(120, 40);
    let terminal = || {
        terminal
            .try_clone()
            .map(Stdio::from)
            .map_err(|error| error.to_string())
    };
    let mut command = Command::new("setsid");
    command
        .arg("--ctty")
        .arg(program())
        .args(["--namespace=default", "--address=127.0.0.1"])
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .arg("--ports-file")
        .arg(ports)
        .args(view.flags())
        .args(["tools", ":7", ":20"])
        .env_clear()
        .env("HOME", home)
        .env("TERM", "xterm-256color")
        .stdin(terminal()?)
        .stdout(terminal()?)
        .stderr(terminal()?)
        .kill_on_drop(true);
    let child = command.spawn().map_err(|error| error.to_string())?;
    let seen = seen.clone();
    thread::spawn(move || seen.watch(keys, view != View::Web));
    Ok(child)
}

/// Where it listens, once it says so.
async fn listening(child: &mut Child, ports: &Path) -> Result<[SocketAddr; 2], String> {
    loop {
        if let Ok(text) = fs::read_to_string(ports) {
            return Ok([find(&text, ECHO)?, find(&text, SOURCE)?]);
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("it ended with {status}"));
        }
        // Nobody tells of it.
        sleep(Duration::from_millis(50)).await;
    }
}

fn find(text: &str, port: u16) -> Result<SocketAddr, String> {
    let port = port.to_string();
    let found = text.lines().find_map(|line| {
        let mut words = line.split(' ');
        let (ip, local) = (words.next()?, words.next()?);
        (words.next()? == port).then(|| format!("{ip}:{local}").parse().ok())?
    });
    found.ok_or_else(|| format!("port {port} is nowhere"))
}

/// What podline has shown.
#[derive(Default)]
struct Seen {
    /// How much its view has, on the terminal or to the page.
    bytes: AtomicU64,
    /// What it said first.
    text: Mutex<Vec<u8>>,
}

impl Seen {
    /// Text that is kept: more than what comes before the link.
    const KEPT: usize = 16 * 1024;

    /// Reads what comes until the terminal is gone, and counts it if that `is_view`.
    fn watch(&self, mut keys: File, is_view: bool) {
        let mut piece = [0; 4096];
        while let Ok(length @ 1..) = keys.read(&mut piece) {
            if is_view {
                self.bytes.fetch_add(length as u64, Ordering::Relaxed);
            }
            let mut text = self.text.lock().unwrap();
            if text.len() < Self::KEPT {
                text.extend_from_slice(&piece[..length]);
            }
        }
    }

    /// The link to the page.
    fn link(&self) -> Result<String, String> {
        let text = self.text.lock().unwrap();
        let text = String::from_utf8_lossy(&text);
        let link = text.lines().find_map(|line| line.strip_prefix("Web page at "));
        link.map(|link| link.trim().to_owned())
            .ok_or_else(|| format!("there is no link in {text}"))
    }
}

/// Looks at the page as a browser does, at the fastest connections, and counts what comes.
async fn look(link: &str, seen: Arc<Seen>) -> Result<JoinHandle<()>, String> {
    let (place, token) = link.split_once("/#token=").ok_or("the link has no token")?;
    let authority = place.strip_prefix("http://").ok_or("the link leads elsewhere")?;
    let query = r#"{"rows":60,"sort":"speed","descending":true}"#;
    let request = format!(
        "POST /api/live HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{query}",
        query.len()
    );
    let text = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(authority).await.map_err(text)?;
    stream.write_all(request.as_bytes()).await.map_err(text)?;
    let mut piece = vec![0; 64 * 1024];
    let length = stream.read(&mut piece).await.map_err(text)?;
    if !piece[..length].starts_with(b"HTTP/1.1 200 ") {
        return Err(String::from_utf8_lossy(&piece[..length]).into_owned());
    }
    Ok(tokio::spawn(async move {
        while let Ok(length @ 1..) = stream.read(&mut piece).await {
            seen.bytes.fetch_add(length as u64, Ordering::Relaxed);
        }
    }))
}

/// Opens the connections that stay, each of which has been served once.
async fn open(echo: SocketAddr) -> Result<Vec<TcpStream>, String> {
    let mut streams = Vec::with_capacity(OPEN);
    let mut opening = JoinSet::new();
    for _ in 0..OPEN {
        if opening.len() >= AT_A_TIME
            && let Some(opened) = opening.join_next().await
        {
            streams.push(opened.map_err(|error| error.to_string())??);
        }
        opening.spawn(async move {
            let opened = async {
                let mut stream = TcpStream::connect(echo).await?;
                stream.write_all(b"hello").await?;
                stream.read_exact(&mut [0; 5]).await?;
                Ok(stream)
            };
            let opened: std::io::Result<TcpStream> =
                timeout(STEP, opened).await.map_err(|_| "it is not served")?;
            opened.map_err(|error| error.to_string())
        });
    }
    while let Some(opened) = opening.join_next().await {
        streams.push(opened.map_err(|error| error.to_string())??);
    }
    Ok(streams)
}

/// Opens a connection each time, and counts those that were served to the end.
async fn visit(source: SocketAddr, served: Arc<AtomicU64>) {
    let mut visits = JoinSet::new();
    let mut times = interval(VISIT);
    times.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        times.tick().await;
        while visits.try_join_next().is_some() {}
        let served = served.clone();
        visits.spawn(async move {
            if take(source).await.is_ok_and(|taken| taken == BYTES) {
                served.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
}

async fn take(source: SocketAddr) -> std::io::Result<usize> {
    let mut stream = TcpStream::connect(source).await?;
    stream.write_all(format!("{BYTES}\n").as_bytes()).await?;
    let mut piece = vec![0; 64 * 1024];
    let mut taken = 0;
    while taken < BYTES {
        match stream.read(&mut piece).await? {
            0 => break,
            length => taken += length,
        }
    }
    Ok(taken)
}
