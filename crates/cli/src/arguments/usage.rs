//! A command line that cannot be followed, in podline's words.

use clap::{
    builder::StyledStr,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::ProgramName;

const NOT_TEXT: &str = "an argument is not UTF-8";

/// Why a command line was not taken, or the text that it asked for.
#[derive(Debug)]
pub enum UsageError {
    /// Help or the version, which are to be printed on standard output and are no error.
    Asked(StyledStr),
    /// What is wrong with it, and what to do.
    Wrong {
        /// One sentence.
        sentence: String,
        /// What would be right, if anything is known of it.
        hints: Vec<String>,
    },
}

impl UsageError {
    /// clap's finding in podline's form.
    pub(crate) fn new(error: clap::Error, name: ProgramName) -> Self {
        if matches!(
            error.kind(),
            ErrorKind::DisplayHelp
                | ErrorKind::DisplayVersion
                | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        ) {
            return Self::Asked(error.render());
        }
        let text = |kind| error.get(kind).map(words).unwrap_or_default();
        let flag = bare(&text(ContextKind::InvalidArg));
        let value = text(ContextKind::InvalidValue);
        let sentence = match error.kind() {
            ErrorKind::UnknownArgument if flag.starts_with('-') => format!("unknown flag: {flag}"),
            ErrorKind::UnknownArgument => format!("unexpected argument: {flag}"),
            ErrorKind::InvalidValue if value.is_empty() => format!("flag needs a value: {flag}"),
            ErrorKind::InvalidValue => format!("invalid value `{value}` for {flag}"),
            ErrorKind::ValueValidation => match std::error::Error::source(&error) {
                Some(cause) => format!("invalid value `{value}` for {flag}: {cause}"),
                None => format!("invalid value `{value}` for {flag}"),
            },
            ErrorKind::TooManyValues => format!("{flag} takes no value, but was given `{value}`"),
            ErrorKind::NoEquals => format!("{flag} takes its value behind `=`"),
            ErrorKind::MissingRequiredArgument => format!("missing: {flag}"),
            ErrorKind::InvalidSubcommand => {
                format!("unknown command: {}", text(ContextKind::InvalidSubcommand))
            }
            ErrorKind::InvalidUtf8 => NOT_TEXT.to_owned(),
            _ => first_line(&error.render().to_string()),
        };
        let mut hints = Vec::new();
        let suggestion = [
            ContextKind::SuggestedArg,
            ContextKind::SuggestedValue,
            ContextKind::SuggestedSubcommand,
        ]
        .into_iter()
        .map(text)
        .find(|text| !text.is_empty());
        if let Some(suggestion) = suggestion {
            hints.push(format!("did you mean `{suggestion}`?"));
        }
        let allowed = text(ContextKind::ValidValue);
        if !allowed.is_empty() {
            hints.push(format!("one of: {allowed}"));
        }
        hints.push(help_hint(name));
        Self::Wrong { sentence, hints }
    }

    /// An argument of podline's own that is no text.
    pub(crate) fn not_text(name: ProgramName) -> Self {
        Self::Wrong {
            sentence: NOT_TEXT.to_owned(),
            hints: vec![help_hint(name)],
        }
    }

    /// A flag of the forward before a command that has no use for it.
    pub(crate) fn misplaced(flag: &str, command: &str, name: ProgramName) -> Self {
        Self::Wrong {
            sentence: format!("{flag} means nothing to `{name} {command}`"),
            hints: vec![
                format!("`{name} {command} --help` lists its flags"),
                format!("to forward to a pod of that name: `{name} pod/{command}`"),
            ],
        }
    }
}

fn help_hint(name: ProgramName) -> String {
    format!("`{name} --help` lists all flags")
}

/// A flag without the placeholder of its value: `--address <ADDRESS>` is `--address`.
fn bare(flag: &str) -> String {
    let name = flag.split([' ', '[', '=']).next().unwrap_or_default();
    name.trim_matches(['<', '>']).to_owned()
}

fn words(value: &ContextValue) -> String {
    match value {
        ContextValue::String(text) => text.clone(),
        ContextValue::Strings(texts) => texts.join(", "),
        ContextValue::StyledStr(text) => text.to_string(),
        ContextValue::Number(number) => number.to_string(),
        ContextValue::Bool(truth) => truth.to_string(),
        _ => String::new(),
    }
}

/// What clap says before its own tips, without its label.
fn first_line(rendered: &str) -> String {
    let line = rendered.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
