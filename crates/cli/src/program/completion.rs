//! `podline completion`.

use super::Ending;
use crate::{
    arguments::{Arguments, CompletionArguments, ProgramName},
    output::Output,
};

/// Prints the script of a shell. It completes `podline`, whatever name it is asked under: kubectl has its own way for
/// plugins.
pub(crate) fn print(arguments: &CompletionArguments, _name: ProgramName, output: &Output) -> Ending {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Arguments::command(ProgramName::Podline),
        ProgramName::Podline.as_str(),
        &mut script,
    );
    output.text(&String::from_utf8_lossy(&script));
    Ending::Done
}
