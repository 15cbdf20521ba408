//! A running forward, as a child process.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    net::TcpStream,
    process::{Child, Command},
    sync::watch,
    time::timeout,
};

use crate::{app::App, world::World};

/// How long a forward may take to start, to say something, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A `podline`, or a kubectl, that forwards until this is dropped.
pub(crate) struct Forwarding {
    child: Child,
    stdout: Heard,
    stderr: Heard,
}

/// What a stream has said so far.
#[derive(Clone)]
struct Heard {
    bytes: Arc<Mutex<Vec<u8>>>,
    news: watch::Receiver<()>,
}

/// What a program that ended has said.
pub(crate) struct Said {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: Vec<String>,
}

impl Forwarding {
    /// Starts `podline` with these arguments and waits until it forwards `ports` ports, each on one address.
    pub(crate) async fn start(world: &World, arguments: &[&str]) -> Self {
        Self::start_with(world, arguments, &[]).await
    }

    /// The same with variables.
    pub(crate) async fn start_with(world: &World, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = podline(world, arguments);
        command.envs(variables.iter().copied());
        Self::of(command).await
    }

    /// Starts a program that says where it is `Forwarding from`.
    pub(crate) async fn of(command: Command) -> Self {
        let mut forwarding = Self::begin(command, Stdio::null());
        let began = forwarding
            .stdout
            .until(|lines| lines.iter().any(|line| line.starts_with("Forwarding from")));
        if timeout(PATIENCE, began).await != Ok(true) {
            let _ = forwarding.child.start_kill();
            panic!("it did not start:\n{}", forwarding.all());
        }
        forwarding
    }

    /// Starts a program, and waits for nothing.
    pub(crate) fn begin(mut command: Command, stdin: Stdio) -> Self {
        let mut child = command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdout = Heard::listen(child.stdout.take().unwrap());
        let stderr = Heard::listen(child.stderr.take().unwrap());
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// Runs `podline` to an end that it comes to by itself.
    pub(crate) async fn run(world: &World, arguments: &[&str]) -> Said {
        Self::run_to_end(podline(world, arguments)).await
    }

    /// Runs a program to an end that it comes to by itself.
    pub(crate) async fn run_to_end(command: Command) -> Said {
        Self::begin(command, Stdio::null()).end().await
    }

    /// The local address for a remote port, of the family of the first that was said.
    pub(crate) async fn address_of(&self, remote: u16) -> SocketAddr {
        let end = format!(" -> {remote}");
        let find = |lines: &[String]| {
            lines.iter().find_map(|line| {
                line.strip_prefix("Forwarding from ")?
                    .strip_suffix(&end)?
                    .parse()
                    .ok()
            })
        };
        let found = self.stdout.until(|lines| find(lines).is_some());
        assert!(
            timeout(PATIENCE, found).await == Ok(true),
            "nothing leads to {remote}:\n{}",
            self.all()
        );
        find(&self.stdout.now()).unwrap()
    }

    /// A new connection to a remote port. It is made as a blocking app makes it: tokio asks once more after the handshake, and
    /// would take a reset that has come by then for a failure to connect.
    pub(crate) async fn connect(&self, remote: u16) -> App {
        let address = self.address_of(remote).await;
        let connect = move || std::net::TcpStream::connect(address);
        let stream = tokio::task::spawn_blocking(connect).await.unwrap().unwrap();
        stream.set_nonblocking(true).unwrap();
        App::new(TcpStream::from_std(stream).unwrap())
    }

    /// Makes a connection to a remote port, which must be reset without a byte.
    pub(crate) async fn is_reset(&self, remote: u16) {
        self.connect(remote).await.is_reset().await;
    }

    /// Waits for a line of standard error that contains `text`.
    pub(crate) async fn warns(&self, text: &str) -> String {
        let said = self
            .stderr
            .until(|lines| lines.iter().any(|line| line.contains(text)));
        assert!(
            timeout(PATIENCE, said).await == Ok(true),
            "it never said `{text}`:\n{}",
            self.all()
        );
        self.stderr
            .now()
            .into_iter()
            .find(|line| line.contains(text))
            .unwrap()
    }

    /// Whether a line of standard error contains `text` so far.
    pub(crate) fn has_warned(&self, text: &str) -> bool {
        self.stderr.now().iter().any(|line| line.contains(text))
    }

    /// Waits until as many lines of standard error contain `text`.
    pub(crate) async fn logs(&self, text: &str, number: usize) {
        let said = self
            .stderr
            .until(|lines| lines.iter().filter(|line| line.contains(text)).count() >= number);
        assert!(
            timeout(PATIENCE, said).await == Ok(true),
            "it never said `{text}` {number} times:\n{}",
            self.all()
        );
    }

    /// Waits until every session is known to have ended, six at least. Only a forward with `-v=4` says so. A session whose end
    /// has not come through yet could take a new connection with it.
    pub(crate) async fn loses_all_sessions(&self) {
        let is_over = |lines: &[String]| {
            let count = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
            let ready = count("a session is ready");
            ready >= 6 && count("a session is over") >= ready
        };
        assert!(
            timeout(PATIENCE, self.stderr.until(is_over)).await == Ok(true),
            "there are sessions:\n{}",
            self.all()
        );
    }

    /// Waits until standard output has this many lines, and gives them.
    pub(crate) async fn says(&self, number: usize) -> Vec<String> {
        let said = self.stdout.until(|lines| lines.len() >= number);
        assert!(
            timeout(PATIENCE, said).await == Ok(true),
            "there are no {number} lines:\n{}",
            self.all()
        );
        self.stdout.now()
    }

    /// Waits until the lines of standard output are enough, and gives them.
    pub(crate) async fn says_enough(&self, are_enough: impl Fn(&[String]) -> bool) -> Vec<String> {
        assert!(
            timeout(PATIENCE, self.stdout.until(are_enough)).await == Ok(true),
            "that is not enough:\n{}",
            self.all()
        );
        self.stdout.now()
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Sends a signal by name, as `INT`.
    pub(crate) async fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.id().to_string())
            .status();
        assert!(status.await.unwrap().success());
    }

    /// Waits for it to end.
    pub(crate) async fn ended(&mut self) {
        let _ = self.child.wait().await;
    }

    /// Waits for it to end, and gives what it has said.
    pub(crate) async fn end(mut self) -> Said {
        let Ok(status) = timeout(PATIENCE, self.child.wait()).await else {
            panic!("it does not end:\n{}", self.all());
        };
        let status = status.unwrap();
        // The streams end with the process.
        let _ = timeout(PATIENCE, async {
            tokio::join!(self.stdout.until(|_| false), self.stderr.until(|_| false))
        })
        .await;
        Said {
            status,
            stdout: self.stdout.now(),
            stderr: self.stderr.now(),
        }
    }

    fn all(&self) -> String {
        let mut text = String::new();
        for (name, heard) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            for line in heard.now() {
                let _ = writeln!(text, "{name}: {line}");
            }
        }
        text
    }
}

/// A case that fails shows what the program said.
impl Drop for Forwarding {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.all());
        }
    }
}

impl Heard {
    fn listen(mut stream: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let (tell, news) = watch::channel(());
        let heard = Self {
            bytes: Arc::clone(&bytes),
            news,
        };
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                bytes.lock().unwrap().extend_from_slice(&buffer[..length]);
                tell.send_replace(());
            }
        });
        heard
    }

    fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }

    /// The lines that are complete.
    fn now(&self) -> Vec<String> {
        let bytes = self.bytes();
        let end = bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
        let text = String::from_utf8_lossy(&bytes[..end]);
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until the lines are as they should be, or no more can come.
    async fn until(&self, fits: impl Fn(&[String]) -> bool) -> bool {
        let mut news = self.news.clone();
        loop {
            news.mark_unchanged();
            if fits(&self.now()) {
                return true;
            }
            if news.changed().await.is_err() {
                return fits(&self.now());
            }
        }
    }
}

/// The podline that is tested.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("PODLINE_E2E_PROGRAM")
        .map_or_else(|| env!("CARGO_BIN_EXE_podline").into(), PathBuf::from)
}

/// `podline` on this world's cluster, with nothing else of the environment.
pub(crate) fn podline(world: &World, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    clean(&mut command, world.folder());
    command
        .arg("--kubeconfig")
        .arg(world.kubeconfig())
        .arg("--namespace")
        .arg(world.namespace())
        .args(arguments);
    command
}

/// The real kubectl on this world's cluster.
pub(crate) fn kubectl(world: &World, arguments: &[&str]) -> Command {
    let mut command = Command::new(world.kubectl_path().unwrap());
    clean(&mut command, world.folder());
    command
        .arg("--kubeconfig")
        .arg(world.kubeconfig())
        .arg("--namespace")
        .arg(world.namespace())
        .args(arguments);
    command
}

/// An empty environment but for the PATH, and another home.
pub(crate) fn clean(command: &mut Command, home: &Path) {
    command
        .env_clear()
        .env("HOME", home)
        .env("USERPROFILE", home)
        .current_dir(home);
    for name in ["PATH", "SystemRoot", "SystemDrive"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
}
