//! The podline that is tested, as a child.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    task::JoinHandle,
    time::timeout,
};

/// How long it may take to start, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A forward that runs.
pub(crate) struct Program {
    child: Child,
    addresses: BTreeMap<u16, SocketAddr>,
    warnings: Arc<AtomicU64>,
    _readers: [JoinHandle<()>; 2],
}

impl Program {
    /// Starts podline, with these variables in its environment, and waits until it forwards from `ports` remote ports. All of
    /// them differ.
    pub(crate) async fn start(
        home: &Path,
        kubeconfig: &Path,
        arguments: &[&str],
        ports: usize,
        variables: &[(&str, &str)],
    ) -> Result<Self, String> {
        let mut command = Command::new(program());
        command
            .env_clear()
            .env("HOME", home)
            .env("USERPROFILE", home)
            .envs(variables.iter().copied())
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .arg("--address=127.0.0.1")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        for name in ["PATH", "SystemRoot", "SystemDrive"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let mut stdout = BufReader::new(child.stdout.take().expect("it was asked for")).lines();
        let mut stderr = BufReader::new(child.stderr.take().expect("it was asked for")).lines();
        let warnings = Arc::new(AtomicU64::new(0));
        let said = Arc::clone(&warnings);
        let shows = std::env::var_os("PODLINE_SOAK_SHOW").is_some();
        let errors = tokio::spawn(async move {
            while let Ok(Some(line)) = stderr.next_line().await {
                said.fetch_add(1, Ordering::Relaxed);
                if shows || line.starts_with("error:") {
                    eprintln!("podline: {line}");
                }
            }
        });
        let mut addresses = BTreeMap::new();
        let forwards = async {
            while addresses.len() < ports {
                let line = stdout.next_line().await.ok().flatten();
                let line = line.ok_or("it ended before it forwarded")?;
                let named = line.strip_prefix("Forwarding from ");
                if let Some((local, remote)) = named.and_then(|line| line.split_once(" -> ")) {
                    let remote: u16 = remote.parse().map_err(|_| format!("what is `{line}`?"))?;
                    let local = local.parse().map_err(|_| format!("what is `{line}`?"))?;
                    addresses.insert(remote, local);
                }
            }
            Ok::<(), String>(())
        };
        timeout(PATIENCE, forwards)
            .await
            .map_err(|_| "it does not forward".to_owned())??;
        let lines = tokio::spawn(async move { while let Ok(Some(_)) = stdout.next_line().await {} });
        Ok(Self {
            child,
            addresses,
            warnings,
            _readers: [errors, lines],
        })
    }

    /// Where a remote port is to be had.
    pub(crate) fn address(&self, remote: u16) -> SocketAddr {
        self.addresses[&remote]
    }

    /// How many lines it has said on standard error.
    pub(crate) fn warnings(&self) -> u64 {
        self.warnings.load(Ordering::Relaxed)
    }

    /// The number of the process, while it runs.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Interrupts it as Ctrl-C does, and waits for its end. Where there are no signals, it is killed.
    pub(crate) async fn end(mut self) -> Result<(), String> {
        let id = self.child.id().ok_or("it had ended before it was interrupted")?;
        if cfg!(unix) {
            let interrupt = Command::new("kill").arg("-INT").arg(id.to_string()).status();
            interrupt.await.map_err(|error| error.to_string())?;
        } else {
            self.child.start_kill().map_err(|error| error.to_string())?;
        }
        let status = timeout(PATIENCE, self.child.wait())
            .await
            .map_err(|_| "it does not end".to_owned())?
            .map_err(|error| error.to_string())?;
        if cfg!(unix) && !status.success() {
            return Err(format!("it ended with {status}"));
        }
        Ok(())
    }
}

/// The podline that cargo built with this, or another.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("PODLINE_E2E_PROGRAM")
        .map_or_else(|| env!("CARGO_BIN_EXE_podline").into(), PathBuf::from)
}
