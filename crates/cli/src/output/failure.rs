//! What the program says when it cannot go on.

use std::error::Error;

use podline::reason;
use podline_wire::Untrusted;

/// One sentence that says what failed and why, and what can be done about it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    sentence: String,
    hints: Vec<String>,
    status: u8,
}

/// The exit status of a failure that has none of its own.
const STATUS: u8 = 1;

impl Failure {
    /// A failure in these words.
    #[must_use]
    pub fn new(sentence: impl Into<String>) -> Self {
        Self {
            sentence: one_line(&sentence.into()),
            hints: Vec::new(),
            status: STATUS,
        }
    }

    /// A failure in the words of an error and of what caused it.
    #[must_use]
    pub fn of(error: &dyn Error) -> Self {
        Self {
            sentence: reason(error).to_string(),
            hints: Vec::new(),
            status: STATUS,
        }
    }

    /// Puts what was being done in front of the sentence.
    #[must_use]
    pub fn while_doing(mut self, what: &str) -> Self {
        self.sentence = format!("{}: {}", one_line(what), self.sentence);
        self
    }

    /// Adds what can be done about it, each thing once.
    #[must_use]
    pub fn hinted(mut self, hints: impl IntoIterator<Item = String>) -> Self {
        for hint in hints {
            let hint = one_line(&hint);
            if !self.hints.contains(&hint) {
                self.hints.push(hint);
            }
        }
        self
    }

    /// Gives it another exit status than 1.
    #[must_use]
    pub fn exiting_with(mut self, status: u8) -> Self {
        self.status = status;
        self
    }

    /// The sentence, without a full stop.
    #[must_use]
    pub fn sentence(&self) -> &str {
        &self.sentence
    }

    /// What can be done about it.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// The exit status.
    #[must_use]
    pub fn status(&self) -> u8 {
        self.status
    }
}

/// Whatever a text holds, it stays on its line and does nothing to a terminal.
fn one_line(text: &str) -> String {
    Untrusted::new(text.trim_end()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_its_hints_apart() {
        let failure = Failure::new("no kubeconfig")
            .while_doing("svc/web")
            .hinted(["try\tthis".to_owned()]);
        assert_eq!(failure.sentence(), "svc/web: no kubeconfig");
        assert_eq!(failure.hints(), ["try\\tthis"]);
    }
}
