//! Runs the simulation on deliberately wrong copies of the sources, each of which it has to find out.

mod mutation;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output},
};

pub(crate) use mutation::ALL;
use mutation::Mutation;

/// What the simulation is built from.
const SOURCES: &[&str] = &[
    "crates/minicluster",
    "crates/tunnel",
    "crates/wire",
    "fuzz/targets",
];

/// The members of the workspace of the copy.
const MEMBERS: &str = r#"members = ["crates/*"]"#;

/// Seeds within which a mistake has to be found.
const SEEDS: u64 = 1000;

/// The tests of the simulation that judge the pure half: of a session, and of a pool.
const TESTS: &str = "whatever_happens_every_connection_of_a_";

/// A copy of the sources under `target`.
struct Copy {
    folder: PathBuf,
    /// What is built of it. Not beside what is built of the sources themselves: cargo gives both the same names, and would
    /// take one for the other, mistakes and all.
    target: PathBuf,
}

/// How the simulation ended.
enum Verdict {
    /// The simulation's test, the seed and the first line of what was wrong.
    Caught {
        test: String,
        seed: u64,
        error: String,
    },
    Survived,
}

/// Tries the mutations with these names, or all; tells each verdict as it is known. True if all were found.
pub(crate) fn run(
    workspace: &Path,
    names: &[String],
    tell: &mut dyn FnMut(&str) -> io::Result<()>,
) -> io::Result<bool> {
    if let Some(unknown) = names
        .iter()
        .find(|name| ALL.iter().all(|known| known.name != **name))
    {
        return Err(io::Error::other(format!("there is no mutation {unknown}")));
    }
    let copy = Copy::make(workspace)?;
    if let Verdict::Caught { test, seed, error } = copy.simulate()? {
        return Err(io::Error::other(format!(
            "without a mutation, seed {seed} of {test} fails: {error}"
        )));
    }
    tell(&format!("{:<20} {:>5}  {}\n", "mutation", "seeds", "found by"))?;
    let mut is_good = true;
    for mutation in ALL
        .iter()
        .filter(|known| names.is_empty() || names.iter().any(|name| name == known.name))
    {
        let line = match copy.try_mutation(mutation)? {
            Verdict::Caught { test, seed, error } => {
                let seeds = seed + 1;
                format!("{:<20} {seeds:>5}  {test}: {error}\n", mutation.name)
            }
            Verdict::Survived => {
                is_good = false;
                format!("{:<20}  none  {}: NOT FOUND\n", mutation.name, mutation.what)
            }
        };
        tell(&line)?;
    }
    Ok(is_good)
}

impl Copy {
    fn make(workspace: &Path) -> io::Result<Self> {
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
        let folder = target.join("mutants");
        let copy = Self {
            target: folder.join("target"),
            folder,
        };
        for source in SOURCES {
            copy_folder(&workspace.join(source), &copy.folder.join(source))?;
        }
        fs::copy(workspace.join("Cargo.lock"), copy.folder.join("Cargo.lock"))?;
        let manifest = fs::read_to_string(workspace.join("Cargo.toml"))?;
        let manifest: String = manifest
            .lines()
            .filter(|line| !line.starts_with("default-members"))
            .map(|line| {
                if line.starts_with("members") {
                    MEMBERS
                } else {
                    line
                }
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        write_if_changed(&copy.folder.join("Cargo.toml"), manifest.as_bytes())?;
        Ok(copy)
    }

    fn try_mutation(&self, mutation: &Mutation) -> io::Result<Verdict> {
        let before = mutation.apply(&self.folder)?;
        let verdict = self.simulate();
        for (file, text) in before {
            fs::write(self.folder.join(file), text)?;
        }
        verdict
    }

    /// Builds and runs the simulation.
    fn simulate(&self) -> io::Result<Verdict> {
        let built = self.cargo(&["--no-run"])?;
        if !built.status.success() {
            return Err(io::Error::other(
                String::from_utf8_lossy(&built.stderr).into_owned(),
            ));
        }
        let run = self.cargo(&["--", TESTS])?;
        if run.status.success() {
            return Ok(Verdict::Survived);
        }
        let text = String::from_utf8_lossy(&run.stdout).into_owned();
        verdict(&text).ok_or_else(|| io::Error::other(text))
    }

    fn cargo(&self, arguments: &[&str]) -> io::Result<Output> {
        // Offline and not locked: the copy needs fewer packages than the lock file holds.
        Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args([
                "test",
                "--offline",
                "--package",
                "podline-minicluster",
                "--test",
                "simulation",
            ])
            .args(arguments)
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("PODLINE_SIMULATION_SEEDS", SEEDS.to_string())
            .env("PODLINE_SIMULATION_FAILURES", "1")
            .env("RUST_BACKTRACE", "0")
            .output()
    }
}

/// The failure with the smallest seed that the output of the tests tells of.
fn verdict(output: &str) -> Option<Verdict> {
    let mut test = "";
    let mut lines = output.lines();
    let mut found: Vec<(u64, String, String)> = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(name) = line
            .strip_prefix("---- ")
            .and_then(|rest| rest.strip_suffix(" stdout ----"))
        {
            let short = name.strip_prefix(TESTS).and_then(|rest| rest.split('_').next());
            test = short.unwrap_or(name);
        }
        if let Some(seed) = line.strip_prefix("PODLINE_SIMULATION_SEED=") {
            let seed = seed.parse().ok()?;
            let error = lines.next().unwrap_or_default();
            found.push((seed, test.to_owned(), error.to_owned()));
        }
    }
    let (seed, test, error) = found.into_iter().min()?;
    Some(Verdict::Caught { test, seed, error })
}

/// Copies what has changed, so that no more is built again than needed, and removes what is gone.
fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if !from.join(entry.file_name()).exists() {
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &place)?;
        } else {
            write_if_changed(&place, &fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

fn write_if_changed(path: &Path, content: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    fs::write(path, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutation_still_applies_to_the_sources() {
        let workspace = crate::workspace();
        let folder = tempfile::tempdir().unwrap();
        copy_folder(&workspace.join("crates/wire"), &folder.path().join("crates/wire")).unwrap();
        for mutation in ALL {
            let before = mutation.apply(folder.path()).unwrap();
            for (file, text) in before {
                let path = folder.path().join(file);
                assert_ne!(fs::read_to_string(&path).unwrap(), text, "{}", mutation.name);
                fs::write(path, text).unwrap();
            }
        }
    }

    #[test]
    fn every_mutation_is_documented() {
        let text = fs::read_to_string(crate::workspace().join("docs/reliability.md")).unwrap();
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| `")).collect();
        for Mutation { name, what, .. } in ALL {
            let row = format!("| `{name}` | {what} |");
            assert!(rows.contains(&row.as_str()), "{row}");
        }
    }

    #[test]
    fn the_smallest_seed_of_all_failures_is_told() {
        let output = "---- a stdout ----\n\nthread 'a' panicked at x:\nPODLINE_SIMULATION_SEED=7\nat 1s: late\n\
                      ---- b stdout ----\nPODLINE_SIMULATION_SEED=3\nat 2s: lost\n";
        let Some(Verdict::Caught { test, seed, error }) = verdict(output) else {
            panic!("nothing was found");
        };
        assert_eq!((test.as_str(), seed, error.as_str()), ("b", 3, "at 2s: lost"));
    }
}
