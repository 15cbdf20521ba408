//! The terminal view: forwards and the pods behind them, connections, what happens; and captures, which it starts and ends.
//!
//! [`Model`] is what is shown and how keys change it, without a terminal; `draw` puts it on a frame; [`run`] does both on
//! the real terminal, which it leaves as it found it.

mod draw;

mod format;

mod look;
pub use look::Look;

mod model;
use model::{Command, Model};

mod key;
use key::Key;

mod prompt;
use prompt::Prompt;

mod recording;
use recording::Recording;

mod rows;
use rows::{Row, Sort};

mod run;
pub use run::{TuiError, run};

mod terminal;
use terminal::Screen;

#[cfg(test)]
mod tests;
