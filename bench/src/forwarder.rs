use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use crate::contender::Contender;
use crate::process::{self, ProcessError};

/// How long a forwarder may take until it listens on all its ports.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How long the errors of an ended process are read to their end.
const LAST_WORDS_LIMIT: Duration = Duration::from_secs(1);

/// Output kept while a forwarder starts, and the end of its errors kept for messages.
const KEPT_OUTPUT: usize = 64 << 10;
const KEPT_ERRORS: usize = 2 << 10;

/// How a contender is started, but for the ports.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) contender: Contender,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(&'static str, String)>,
}

/// A running contender: a process that carries connections from local ports to the workload's.
pub(crate) struct Forwarder {
    contender: Contender,
    child: Child,
    id: u32,
    local: BTreeMap<u16, SocketAddr>,
    ready: Duration,
    errors: Arc<Mutex<Vec<u8>>>,
    /// Where it may write; empty at its start, so that nothing is cached.
    _home: TempDir,
}

/// Why a forwarder does not run.
#[derive(Debug, Error)]
pub(crate) enum ForwarderError {
    /// By itself, and what it said last.
    #[error("ended ({status}): {errors}")]
    Ended { status: ExitStatus, errors: String },
    #[error("ended before it forwarded: {0}")]
    EndedAtStart(String),
    #[error("did not forward within {START_LIMIT:?}: {0}")]
    Slow(String),
    #[error("{program} cannot be started")]
    Spawn { program: PathBuf, source: io::Error },
}

impl Forwarder {
    /// Starts the program with one free local port for each of `ports` and waits until it says that it listens on all.
    pub(crate) async fn start(launch: &Launch, ports: &[u16]) -> Result<Self, ForwarderError> {
        let failed = |source| ForwarderError::Spawn {
            program: launch.program.clone(),
            source,
        };
        let home = TempDir::new().map_err(failed)?;
        let mut command = Command::new(&launch.program);
        command
            .args(&launch.arguments)
            .args(ports.iter().map(|port| format!(":{port}")))
            .envs(launch.environment.iter().map(|(name, value)| (name, value)))
            .env_remove("KUBECONFIG")
            .env("HOME", home.path())
            .env("XDG_CACHE_HOME", home.path().join(".cache"))
            .env_remove("KUBECACHEDIR")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let started = Instant::now();
        let mut child = command.spawn().map_err(failed)?;
        let id = child.id().expect("a child that was not waited for has an id");
        let mut stdout = child.stdout.take().expect("standard output is piped");
        let errors = Arc::new(Mutex::new(Vec::new()));
        let stderr = child.stderr.take().expect("standard error is piped");
        let errors_read = tokio::spawn(keep_tail(stderr, errors.clone()));
        let mut startup = Startup::default();
        let wait = async {
            let mut chunk = [0; 4096];
            loop {
                match stdout.read(&mut chunk).await {
                    Ok(0) | Err(_) => return false,
                    Ok(length) => startup.feed(&chunk[..length], started),
                }
                if ports.iter().all(|port| startup.local.contains_key(port)) {
                    return true;
                }
            }
        };
        let in_time = tokio::time::timeout(START_LIMIT, wait).await;
        if in_time != Ok(true) {
            let _ = child.start_kill();
            let _ = child.wait().await;
            // Bounded, since a child of the child may hold its errors open.
            let _ = tokio::time::timeout(LAST_WORDS_LIMIT, errors_read).await;
            let said = said(&errors);
            return Err(if in_time.is_err() {
                ForwarderError::Slow(said)
            } else {
                ForwarderError::EndedAtStart(said)
            });
        }
        tokio::spawn(async move { tokio::io::copy(&mut stdout, &mut tokio::io::sink()).await });
        let ready = startup.first.unwrap_or_default();
        Ok(Self {
            contender: launch.contender,
            child,
            id,
            local: startup.local,
            ready,
            errors,
            _home: home,
        })
    }

    /// Ends the process and waits until it is gone.
    pub(crate) async fn stop(mut self) {
        let _ = self.child.start_kill();
        let _ = self.child.wait().await;
    }

    /// An error where the process has ended by itself.
    pub(crate) fn check(&mut self) -> Result<(), ForwarderError> {
        match self.child.try_wait() {
            Ok(Some(status)) => Err(ForwarderError::Ended {
                status,
                errors: said(&self.errors),
            }),
            Ok(None) | Err(_) => Ok(()),
        }
    }

    pub(crate) fn contender(&self) -> Contender {
        self.contender
    }

    /// Where connections to the workload's `port` are accepted.
    ///
    /// # Panics
    /// If the forwarder was not started with that port.
    pub(crate) fn address(&self, port: u16) -> SocketAddr {
        self.local[&port]
    }

    /// From before the process was made to its first `Forwarding from`.
    pub(crate) fn ready(&self) -> Duration {
        self.ready
    }

    /// User and system time that the process has used so far, where the system tells it.
    pub(crate) fn processor_time(&self) -> Result<Option<Duration>, ProcessError> {
        process::processor_time(self.id)
    }

    /// Resident memory in KiB, where the system tells it.
    pub(crate) fn resident_memory(&self) -> Result<Option<u64>, ProcessError> {
        process::resident_memory(self.id)
    }
}

/// What a forwarder has said since its start.
#[derive(Default)]
struct Startup {
    output: Vec<u8>,
    /// Bytes of `output` whose lines are read.
    read: usize,
    first: Option<Duration>,
    local: BTreeMap<u16, SocketAddr>,
}

impl Startup {
    fn feed(&mut self, chunk: &[u8], started: Instant) {
        let room = KEPT_OUTPUT - self.output.len();
        self.output.extend(&chunk[..chunk.len().min(room)]);
        while let Some(length) = self.output[self.read..].iter().position(|&byte| byte == b'\n') {
            let line = String::from_utf8_lossy(&self.output[self.read..self.read + length]);
            if let Some((local, remote)) = forwarding(&line) {
                self.first.get_or_insert_with(|| started.elapsed());
                self.local.entry(remote).or_insert(local);
            }
            self.read += length + 1;
        }
    }
}

/// Reads `Forwarding from 127.0.0.1:40001 -> 7`. Lines about IPv6 are left out: each port has one about IPv4.
fn forwarding(line: &str) -> Option<(SocketAddr, u16)> {
    let (local, remote) = line.strip_prefix("Forwarding from ")?.split_once(" -> ")?;
    let local: SocketAddr = local.parse().ok()?;
    local
        .is_ipv4()
        .then_some((local, remote.trim_end().parse().ok()?))
}

async fn keep_tail(mut errors: impl AsyncRead + Unpin, tail: Arc<Mutex<Vec<u8>>>) {
    let mut chunk = [0; 1024];
    while let Ok(length @ 1..) = errors.read(&mut chunk).await {
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend(&chunk[..length]);
        let surplus = tail.len().saturating_sub(KEPT_ERRORS);
        tail.drain(..surplus);
    }
}

/// The end of a process's errors in one line, without control characters.
fn said(errors: &Mutex<Vec<u8>>) -> String {
    const SHOWN: usize = 300;
    let errors = errors.lock().unwrap_or_else(PoisonError::into_inner);
    let text = String::from_utf8_lossy(&errors);
    let words: Vec<&str> = text
        .split(|c: char| c.is_control())
        .map(str::trim)
        .filter(|s| !s.is_empty())
        .collect();
    let text = words.join("; ");
    let surplus = text.chars().count().saturating_sub(SHOWN);
    if text.is_empty() {
        "it said nothing".to_owned()
    } else {
        text.chars().skip(surplus).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_however_they_are_cut() {
        let text = b"Forwarding from [::1]:40001 -> 7\nForwarding from 127.0.0.1:40001 -> 7\nother\n\
                     Forwarding from 127.0.0.1:40002 -> 20\nForwarding from 127.0.0.1:9 -> 2";
        for cut in 1..text.len() {
            let mut startup = Startup::default();
            for piece in text.chunks(cut) {
                startup.feed(piece, Instant::now());
            }
            let local: Vec<_> = startup
                .local
                .iter()
                .map(|(port, local)| (*port, local.port()))
                .collect();
            assert_eq!(local, [(7, 40_001), (20, 40_002)]);
        }
    }

    #[test]
    fn endless_output_is_not_kept() {
        let mut startup = Startup::default();
        for _ in 0..100 {
            startup.feed(&[b'x'; 4096], Instant::now());
        }
        assert_eq!(startup.output.len(), KEPT_OUTPUT);
        assert!(startup.local.is_empty());
    }

    #[test]
    fn errors_come_out_in_one_harmless_line() {
        let errors = Mutex::new(b"error: no\n\x1b[31mhint\r\n".to_vec());
        assert_eq!(said(&errors), "error: no; [31mhint");
        assert_eq!(said(&Mutex::default()), "it said nothing");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_program_that_ends_is_told_with_its_words() {
        let launch = Launch {
            contender: Contender::Kubectl,
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), "echo 'error: no such pod' >&2; exit 1".into()],
            environment: Vec::new(),
        };
        let error = Forwarder::start(&launch, &[7]).await.err().unwrap();
        assert!(
            matches!(&error, ForwarderError::EndedAtStart(said) if said == "error: no such pod"),
            "{error}"
        );
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_program_that_forwards_is_held_until_it_is_stopped() {
        let script = r#"echo "Forwarding from 127.0.0.1:4000 -> 7"; echo "home $HOME"; sleep 60"#;
        let launch = Launch {
            contender: Contender::Podline,
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            environment: Vec::new(),
        };
        let mut forwarder = Forwarder::start(&launch, &[7]).await.unwrap();
        assert_eq!(forwarder.address(7).port(), 4000);
        assert!(forwarder.ready() > Duration::ZERO);
        forwarder.check().unwrap();
        forwarder.stop().await;
    }
}
