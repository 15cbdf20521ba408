//! A terminal with a program in its foreground.

use std::{fs::File, io::Write as _, process::Stdio};

use tokio::process::Command;

use crate::{forwarding::Forwarding, pty};

/// What a key with Ctrl sends.
const CTRL: u8 = 0x1f;

/// The side of the terminal where somebody types.
pub(crate) struct Terminal {
    keys: File,
}

impl Terminal {
    /// Starts a program whose terminal this is.
    pub(crate) fn start(program: &Command) -> (Self, Forwarding) {
        let (keys, terminal) = pty::open(80, 24);
        // It becomes the terminal of a session, whose one group is in its foreground.
        let mut command = Command::new("setsid");
        let program = program.as_std();
        command
            .arg("--ctty")
            .arg(program.get_program())
            .args(program.get_args())
            .env_clear();
        command.envs(
            program
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        if let Some(folder) = program.get_current_dir() {
            command.current_dir(folder);
        }
        let forwarding = Forwarding::begin(command, Stdio::from(terminal));
        (Self { keys }, forwarding)
    }

    /// Presses a key together with Ctrl.
    pub(crate) fn press_ctrl(&mut self, key: u8) {
        self.keys.write_all(&[key & CTRL]).unwrap();
    }
}
