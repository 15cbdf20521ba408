//! Runs the program in a world of its own.

use std::{
    fs,
    io::Read as _,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
};

use tempfile::TempDir;

/// One command line, and the home it runs in.
pub(crate) struct Podline {
    command: Command,
    home: TempDir,
}

/// What a command line came to. The home's path reads `$HOME` in it.
#[must_use = "assert what was printed, or at least the status"]
pub(crate) struct Finished {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Podline {
    /// `podline` in an empty environment and an empty home.
    pub(crate) fn new() -> Self {
        Self::at(PathBuf::from(env!("CARGO_BIN_EXE_podline")))
    }

    /// The same program under another file name.
    pub(crate) fn named(name: &str) -> Self {
        let mut podline = Self::new();
        let path = podline.home.path().join(name);
        fs::hard_link(env!("CARGO_BIN_EXE_podline"), &path)
            .or_else(|_| fs::copy(env!("CARGO_BIN_EXE_podline"), &path).map(drop))
            .unwrap();
        let mut command = Command::new(path);
        command.env_clear().envs(
            podline
                .command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        podline.command = command;
        podline
    }

    fn at(path: PathBuf) -> Self {
        let home = TempDir::new().unwrap();
        let mut command = Command::new(path);
        command
            .env_clear()
            .env("HOME", home.path())
            .env("USERPROFILE", home.path())
            .current_dir(home.path());
        // Windows finds its own libraries by these.
        for name in ["SystemRoot", "SystemDrive"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        Self { command, home }
    }

    pub(crate) fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Puts a file into the home.
    pub(crate) fn file(self, path: &str, content: &str) -> Self {
        let path = self.home.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(mut self) -> Finished {
        let mut child = self
            .command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let errors = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        let mut stdout = String::new();
        child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        let status = child.wait().unwrap().code();
        let home = self.home.path().to_str().unwrap().to_owned();
        let text = |text: String| {
            let text = text.replace(&home, "$HOME").replace("\r\n", "\n");
            if cfg!(windows) {
                text.replace('\\', "/")
            } else {
                text
            }
        };
        Finished {
            status,
            stdout: text(stdout),
            stderr: text(errors.join().unwrap()),
        }
    }
}

impl Finished {
    /// It ended well and said exactly this.
    pub(crate) fn prints(self, stdout: &str) {
        assert_eq!((self.status, &*self.stdout, &*self.stderr), (Some(0), stdout, ""));
    }

    /// It ended well and its words, here given back, are to be looked at.
    pub(crate) fn succeeds(self) -> String {
        assert_eq!((self.status, &*self.stderr), (Some(0), ""));
        self.stdout
    }

    pub(crate) fn status(&self) -> Option<i32> {
        self.status
    }

    pub(crate) fn stdout(&self) -> &str {
        &self.stdout
    }

    pub(crate) fn stderr(&self) -> &str {
        &self.stderr
    }

    /// It ended with status 1, and what it said on standard error, here given back, is to be looked at.
    pub(crate) fn error(self) -> String {
        assert_eq!((self.status, &*self.stdout), (Some(1), ""), "{}", self.stderr);
        self.stderr
    }

    /// It ended with status 1 and said exactly this on standard error.
    pub(crate) fn fails(self, stderr: &str) {
        assert_eq!((self.status, &*self.stdout, &*self.stderr), (Some(1), "", stderr));
    }
}
