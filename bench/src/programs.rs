use std::env::{self, consts::EXE_SUFFIX};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use thiserror::Error;

use crate::args::Args;
use crate::contender::Contender;

/// The contenders' programs.
pub(crate) struct Programs {
    podline: Result<PathBuf, Absent>,
    kubectl: Result<PathBuf, Absent>,
}

/// Why a contender takes no part.
#[derive(Clone, Debug, Error)]
pub(crate) enum Absent {
    #[error("there is no kubectl on the PATH")]
    NotOnPath,
    #[error("there is no {0}")]
    NoFile(PathBuf),
    #[error("it was not asked for")]
    NotAsked,
    #[error("podline could not be built")]
    NotBuilt,
    #[error("it forwards nothing through the API server")]
    NoForwarder,
}

impl Programs {
    /// Looks for the programs. Under cargo the podline beside this program is built first: it would be absent or old.
    pub(crate) fn find(args: &Args) -> Self {
        Self {
            podline: match &args.podline {
                Some(path) => existing(path),
                None if args.takes_part(Contender::Podline) => podline_beside(),
                None => Err(Absent::NotAsked),
            },
            kubectl: args.kubectl.as_deref().map_or_else(kubectl_on_path, existing),
        }
    }

    pub(crate) fn path(&self, contender: Contender) -> Result<&Path, Absent> {
        let found = match contender {
            Contender::Podline => &self.podline,
            Contender::Kubectl => &self.kubectl,
            Contender::Pipe => return Err(Absent::NoForwarder),
        };
        found.as_deref().map_err(Clone::clone)
    }

    /// What the program says about its version, in one line.
    pub(crate) fn version(&self, contender: Contender) -> Option<String> {
        let arguments: &[&str] = match contender {
            Contender::Podline => &["--version"],
            Contender::Kubectl => &["version", "--client"],
            Contender::Pipe => return None,
        };
        let output = Command::new(self.path(contender).ok()?)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stdout);
        Some(
            text.lines()
                .next()?
                .chars()
                .filter(|c| !c.is_control())
                .take(100)
                .collect(),
        )
    }
}

fn existing(path: &Path) -> Result<PathBuf, Absent> {
    if path.is_file() {
        Ok(path.to_owned())
    } else {
        Err(Absent::NoFile(path.to_owned()))
    }
}

fn podline_beside() -> Result<PathBuf, Absent> {
    let this = env::current_exe().map_err(|_| Absent::NotBuilt)?;
    let directory = this.parent().unwrap_or_else(|| Path::new("."));
    if let (Some(cargo), Some(manifest)) = (env::var_os("CARGO"), env::var_os("CARGO_MANIFEST_DIR")) {
        let profile = match directory.file_name().and_then(|name| name.to_str()) {
            None | Some("debug") => "dev",
            Some(other) => other,
        };
        let built = Command::new(cargo)
            .args([
                "build",
                "--quiet",
                "--package",
                "podline-cli",
                "--bin",
                "podline",
                "--profile",
                profile,
            ])
            .arg("--manifest-path")
            .arg(Path::new(&manifest).join("Cargo.toml"))
            .status();
        if !built.is_ok_and(|status| status.success()) {
            return Err(Absent::NotBuilt);
        }
    }
    existing(&directory.join(format!("podline{EXE_SUFFIX}")))
}

fn kubectl_on_path() -> Result<PathBuf, Absent> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|directory| directory.join(format!("kubectl{EXE_SUFFIX}")))
        .find(|file| file.is_file())
        .ok_or(Absent::NotOnPath)
}
