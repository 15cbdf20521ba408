use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

/// Longest first line of a helper: a kubeconfig with its certificates is a few KiB.
const LONGEST_ANSWER: u64 = 1 << 20;

/// A part of the run in a process of its own. It ends when this is dropped, or when the bench itself ends in whatever way:
/// its standard input closes then.
pub(crate) struct Helper {
    _child: Child,
}

impl Helper {
    /// Starts this program as a helper and reads its answer, which comes once it is ready.
    pub(crate) async fn start<Answer: DeserializeOwned>(
        arguments: Vec<OsString>,
    ) -> io::Result<(Self, Answer)> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().expect("standard output is piped");
        let mut line = String::new();
        BufReader::new(stdout.take(LONGEST_ANSWER))
            .read_line(&mut line)
            .await?;
        let answer = serde_json::from_str(&line).map_err(|_| {
            io::Error::other(format!(
                "the helper {} did not start",
                arguments[0].to_string_lossy()
            ))
        })?;
        Ok((Self { _child: child }, answer))
    }
}

/// Where a relay listens.
#[derive(Deserialize, Serialize)]
pub(crate) struct RelayAnswer {
    pub(crate) address: SocketAddr,
}

/// Starts a relay to `server` that makes the round trip `rtt` longer.
pub(crate) async fn relay(server: SocketAddr, rtt: Duration) -> io::Result<(Helper, SocketAddr)> {
    let one_way = format!("{}us", rtt.as_micros() / 2);
    let arguments = ["relay", "--server", &server.to_string(), "--one-way", &one_way].map(OsString::from);
    let (helper, RelayAnswer { address }) = Helper::start(arguments.into()).await?;
    Ok((helper, address))
}

/// The helper's side: says that it is ready and waits until its parent has no more use for it.
pub(crate) async fn serve(answer: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_string(answer)?;
    line.push('\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(line.as_bytes())?;
    stdout.flush()?;
    drop(stdout);
    let (closed, end) = oneshot::channel::<()>();
    thread::spawn(move || {
        let mut rest = [0; 64];
        while let Ok(1..) = io::stdin().lock().read(&mut rest) {}
        drop(closed);
    });
    let _ = end.await;
    Ok(())
}

/// Lets this process have as many sockets open as the system allows it.
pub(crate) fn lift_descriptor_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        // Where it is refused the run still works with as many as there were.
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: maximum,
                maximum,
            },
        );
    }
}
