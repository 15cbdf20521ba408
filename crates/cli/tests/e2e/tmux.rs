//! A terminal that can be looked at: a shell in tmux.

use std::{path::PathBuf, process::Stdio, time::Duration};

use tokio::{process::Command, time};

use crate::{forwarding::clean, world::World};

/// How long something may take to be on the screen.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the screen is looked at; tmux does not say when it changes.
const LOOK: Duration = Duration::from_millis(100);

/// A shell in a terminal of 110 columns and 30 lines, until this is dropped.
pub(crate) struct Tmux {
    folder: PathBuf,
    socket: PathBuf,
}

impl Tmux {
    /// Starts a shell with an empty environment.
    pub(crate) async fn start(world: &World) -> Self {
        let number = fastrand::u32(..);
        let tmux = Self {
            folder: world.folder().to_owned(),
            socket: world.folder().join(format!("tmux-{number:08x}")),
        };
        tmux.run(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "110",
            "-y",
            "30",
            "PS1='$ ' sh",
        ])
        .await;
        tmux.shows("$").await;
        tmux
    }

    /// Whether there is a tmux.
    pub(crate) fn is_there() -> bool {
        let version = std::process::Command::new("tmux")
            .arg("-V")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        version.is_ok_and(|status| status.success())
    }

    /// Types `text` as it is.
    pub(crate) async fn types(&self, text: &str) {
        self.run(&["send-keys", "-l", text]).await;
    }

    /// Presses a key, by tmux's name for it.
    pub(crate) async fn presses(&self, key: &str) {
        self.run(&["send-keys", key]).await;
    }

    /// Waits until `text` is on the screen; gives the screen.
    pub(crate) async fn shows(&self, text: &str) -> String {
        let mut screen = String::new();
        let wait = async {
            loop {
                screen = self.run(&["capture-pane", "-p"]).await;
                if screen.contains(text) {
                    return;
                }
                time::sleep(LOOK).await;
            }
        };
        let shown = time::timeout(PATIENCE, wait).await;
        assert!(shown.is_ok(), "the screen never showed `{text}`:\n{screen}");
        screen
    }

    async fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("tmux");
        clean(&mut command, &self.folder);
        command.arg("-S").arg(&self.socket).args(arguments);
        command.env("LC_ALL", "C.UTF-8").env("TERM", "xterm-256color");
        let output = command.stdin(Stdio::null()).output().await.unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tmux {arguments:?}: {error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // The server may be gone already, which is as good.
        let _ = std::process::Command::new("tmux")
            .arg("-S")
            .arg(&self.socket)
            .arg("kill-server")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}
