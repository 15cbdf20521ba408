//! Project chores: `cargo run -p xtask -- generate` writes what is made from the definitions of the command line, the reference,
//! the man pages and the completions; `cargo run -p xtask -- check` compares instead, and fails where a file is not as it
//! would be written. `cargo run -p xtask -- mutants` runs the simulation on deliberately wrong copies of the sources.

mod files;
mod mutants;
mod reference;

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

/// Project chores
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Fail if a generated file is not as it would be written
    Check,
    /// Write the generated files: docs/cli.md, docs/man, docs/completions
    Generate,
    /// Fail if the simulation does not find a deliberate mistake within 1,000 seeds
    Mutants {
        /// The mutations to try; all if there are none
        names: Vec<String>,
    },
}

/// What happens to the generated files.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Files {
    Compare,
    Write,
}

fn main() -> ExitCode {
    let workspace = workspace();
    let mut tell = |text: &str| io::stdout().write_all(text.as_bytes());
    let done = match Arguments::parse().chore {
        Chore::Check => see_to_files(Files::Compare, &workspace, &mut tell),
        Chore::Generate => see_to_files(Files::Write, &workspace, &mut tell),
        Chore::Mutants { names } => mutants::run(&workspace, &names, &mut tell),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Compares or writes the generated files; true if they are as they should be now.
fn see_to_files(
    what: Files,
    workspace: &Path,
    tell: &mut dyn FnMut(&str) -> io::Result<()>,
) -> io::Result<bool> {
    let mut changed = false;
    for (path, content) in files::generate()? {
        let place = workspace.join(&path);
        if fs::read(&place).is_ok_and(|present| same(&present, &content)) {
            continue;
        }
        changed = true;
        match what {
            Files::Compare => tell(&format!(
                "{} is not as `cargo run -p xtask -- generate` writes it\n",
                path.display()
            ))?,
            Files::Write => {
                if let Some(folder) = place.parent() {
                    fs::create_dir_all(folder)?;
                }
                fs::write(&place, &content)?;
                tell(&format!("wrote {}\n", path.display()))?;
            }
        }
    }
    if !changed {
        tell("all generated files are as they should be\n")?;
    }
    Ok(!changed || what == Files::Write)
}

/// Git may have checked a file out with other line ends.
fn same(present: &[u8], content: &[u8]) -> bool {
    let lines = |bytes: &[u8]| {
        bytes
            .iter()
            .copied()
            .filter(|byte| *byte != b'\r')
            .collect::<Vec<_>>()
    };
    lines(present) == lines(content)
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_path_buf)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generated_files_are_as_they_would_be_written() {
        let mut text = String::new();
        let mut tell = |line: &str| {
            text.push_str(line);
            Ok(())
        };
        assert!(
            see_to_files(Files::Compare, &workspace(), &mut tell).unwrap(),
            "{text}"
        );
    }
}
