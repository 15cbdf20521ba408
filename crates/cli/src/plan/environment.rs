//! What the environment says about a forward.

use std::io::{self, IsTerminal};

use anstream::{AutoStream, ColorChoice};

/// What changes a plan and is not typed: variables and where the standard streams lead, read once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Environment {
    /// The user wants colours, and standard output has them.
    pub has_colours: bool,
    /// Standard input and standard output are a terminal.
    pub is_terminal: bool,
    /// `KUBECTL_PORT_FORWARD_WEBSOCKETS` is `false`, in any case of letters.
    pub websockets_are_disabled: bool,
}

impl Environment {
    /// Reads the environment of this process.
    #[must_use]
    pub fn read() -> Self {
        let websockets = std::env::var_os("KUBECTL_PORT_FORWARD_WEBSOCKETS");
        Self {
            has_colours: AutoStream::choice(&io::stdout()) != ColorChoice::Never,
            is_terminal: io::stdin().is_terminal() && io::stdout().is_terminal(),
            websockets_are_disabled: websockets.is_some_and(|value| value.eq_ignore_ascii_case("false")),
        }
    }
}
