//! The reference of the command line, in Markdown.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command};

/// The whole reference.
pub(crate) fn render(command: &Command) -> String {
    let mut page = String::from(
        "# The command line\n\nWritten by `cargo run -p xtask -- generate` from the definitions in `crates/cli`; what differs from \
         kubectl is in\n[kubectl.md](kubectl.md).\n",
    );
    section(&mut page, command);
    for subcommand in commands(command) {
        section(&mut page, subcommand);
    }
    page
}

/// The commands that are worth a section: all but `help`.
pub(crate) fn commands(command: &Command) -> impl Iterator<Item = &Command> {
    command
        .get_subcommands()
        .filter(|command| command.get_name() != "help" && !command.is_hide_set())
}

fn section(page: &mut String, command: &Command) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let usage = command.clone().render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage);
    let usage: Vec<&str> = usage.lines().map(str::trim).collect();
    let _ = write!(page, "\n## `{name}`\n\n```text\n{}\n```\n", usage.join("\n"));
    if let Some(about) = command.get_long_about().or_else(|| command.get_about()) {
        let _ = write!(page, "\n{}\n", about.to_string().trim_end());
    }
    let mut headings: Vec<Option<&str>> = Vec::new();
    for argument in shown(command) {
        let heading = argument.get_help_heading();
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    for heading in headings {
        let _ = write!(page, "\n### {}\n\n", heading.unwrap_or("General"));
        for argument in shown(command).filter(|argument| argument.get_help_heading() == heading) {
            item(page, argument);
        }
    }
    if let Some(after) = command.get_after_long_help() {
        let _ = write!(page, "\n```text\n{}\n```\n", after.to_string().trim_end());
    }
}

fn shown(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|argument| !argument.is_hide_set())
}

/// One argument, as an item of a list.
fn item(page: &mut String, argument: &Arg) {
    let mut names: Vec<String> = Vec::new();
    names.extend(argument.get_short().map(|short| format!("-{short}")));
    names.extend(argument.get_long().map(|long| format!("--{long}")));
    let value = argument
        .get_value_names()
        .filter(|_| {
            argument.is_positional() || matches!(argument.get_action(), ArgAction::Set | ArgAction::Append)
        })
        .map(|names| {
            names
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .unwrap_or_default();
    let value = match (argument.is_positional(), argument.is_require_equals_set()) {
        (_, _) if value.is_empty() => String::new(),
        (true, _) => value,
        (false, true) => format!("[={value}]"),
        (false, false) => format!(" {value}"),
    };
    let _ = write!(page, "- `{}{value}`", names.join("`, `"));
    let help = argument
        .get_long_help()
        .or_else(|| argument.get_help())
        .map(ToString::to_string)
        .unwrap_or_default();
    let mut paragraphs = help.split("\n\n");
    if let Some(first) = paragraphs.next().filter(|first| !first.is_empty()) {
        let _ = write!(page, ": {first}.");
    }
    for paragraph in paragraphs {
        let _ = write!(page, " {}", paragraph.trim_end_matches('.'));
        page.push('.');
    }
    if argument.get_action().takes_values()
        && !argument.is_hide_default_value_set()
        && !argument.get_default_values().is_empty()
    {
        let defaults: Vec<_> = argument
            .get_default_values()
            .iter()
            .map(|value| value.to_string_lossy())
            .collect();
        let _ = write!(page, " Default: `{}`.", defaults.join(","));
    }
    let values = argument.get_possible_values();
    if values.iter().any(|value| value.get_help().is_some()) {
        page.push_str(" Values:");
        let values: Vec<String> = values
            .iter()
            .map(|value| match value.get_help() {
                Some(help) => format!(" `{}` ({help})", value.get_name()),
                None => format!(" `{}`", value.get_name()),
            })
            .collect();
        let _ = write!(page, "{}.", values.join(","));
    } else if argument.is_positional() && !values.is_empty() {
        let values: Vec<String> = values
            .iter()
            .map(|value| format!("`{}`", value.get_name()))
            .collect();
        let _ = write!(page, " One of {}.", values.join(", "));
    }
    page.push('\n');
}
