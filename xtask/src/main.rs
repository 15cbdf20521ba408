//! Project chores: `cargo run -p xtask -- generate` writes what is made from the definitions of the command line, the reference,
//! the man pages and the completions; `cargo run -p xtask -- check` compares instead, and fails where a file is not as it
//! would be written.

mod files;
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

#[derive(Clone, Copy, Subcommand)]
enum Chore {
    /// Fail if a generated file is not as it would be written
    Check,
    /// Write the generated files: docs/cli.md, docs/man, docs/completions
    Generate,
}

fn main() -> ExitCode {
    let chore = Arguments::parse().chore;
    match perform(chore, &workspace()) {
        Ok(report) => {
            let _ = io::stdout().write_all(report.text.as_bytes());
            if report.is_good {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What a chore has to say.
struct Report {
    text: String,
    is_good: bool,
}

fn perform(chore: Chore, workspace: &Path) -> io::Result<Report> {
    let mut text = String::new();
    let mut is_good = true;
    for (path, content) in files::generate()? {
        let place = workspace.join(&path);
        if fs::read(&place).is_ok_and(|present| same(&present, &content)) {
            continue;
        }
        match chore {
            Chore::Check => {
                is_good = false;
                text.push_str(&format!(
                    "{} is not as `cargo run -p xtask -- generate` writes it\n",
                    path.display()
                ));
            }
            Chore::Generate => {
                if let Some(folder) = place.parent() {
                    fs::create_dir_all(folder)?;
                }
                fs::write(&place, &content)?;
                text.push_str(&format!("wrote {}\n", path.display()));
            }
        }
    }
    if text.is_empty() {
        text.push_str("all generated files are as they should be\n");
    }
    Ok(Report { text, is_good })
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
        let report = perform(Chore::Check, &workspace()).unwrap();
        assert!(report.is_good, "{}", report.text);
    }
}
