//! The generated files and what is in them.

use std::{collections::BTreeMap, io, path::PathBuf};

use clap::{Command, ValueEnum as _};
use clap_complete::Shell;
use podline_cli::arguments::{Arguments, ProgramName};

use crate::reference;

/// Every generated file, by its path in the workspace.
pub(crate) fn generate() -> io::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    files.insert(
        PathBuf::from("docs/cli.md"),
        reference::render(&command()).into_bytes(),
    );
    man_pages(&command(), &mut files)?;
    for shell in Shell::value_variants() {
        let mut script = Vec::new();
        clap_complete::generate(*shell, &mut command(), ProgramName::Podline.as_str(), &mut script);
        let name = clap_complete::Generator::file_name(shell, ProgramName::Podline.as_str());
        files.insert(PathBuf::from("docs/completions").join(name), script);
    }
    Ok(files)
}

/// The definitions, in the same state whatever terminal this runs on.
fn command() -> Command {
    let mut command = Arguments::command(ProgramName::Podline).term_width(100);
    command.build();
    command
}

/// A page for the program and one for each of its commands.
fn man_pages(command: &Command, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> io::Result<()> {
    let words = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let name = words.replace(' ', "-");
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone().name(name.clone()).version(None)).render(&mut page)?;
    files.insert(PathBuf::from("docs/man").join(format!("{name}.1")), page);
    for subcommand in reference::commands(command) {
        man_pages(subcommand, files)?;
    }
    Ok(())
}
