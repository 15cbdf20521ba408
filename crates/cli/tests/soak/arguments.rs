//! What the command line asks for. It understands as much of Rust's own test programs as makes sense.

use std::time::Duration;

/// How long the traffic goes on by itself.
const SHORT: Duration = Duration::from_secs(15);

/// The command line.
pub(crate) struct Arguments {
    /// How many connections are open at once where that is the point.
    pub(crate) connections: u64,
    /// What a fault's name must contain.
    pub(crate) fault: String,
    /// How long the traffic goes on.
    pub(crate) duration: Duration,
    pub(crate) list: bool,
    /// Where the random choices begin.
    pub(crate) seed: u64,
    /// What a part's name must contain.
    pub(crate) words: Vec<String>,
    exact: bool,
    nothing: bool,
    skipped: Vec<String>,
}

impl Arguments {
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut read = Self {
            connections: 10_000,
            duration: SHORT,
            fault: String::new(),
            list: false,
            seed: fastrand::u64(..),
            words: Vec::new(),
            exact: false,
            nothing: false,
            skipped: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            let mut number = |what: &str| {
                let text = arguments.next().unwrap_or_default();
                text.parse::<u64>()
                    .map_err(|_| format!("{what} needs a number, not `{text}`"))
            };
            match argument.as_str() {
                "--connections" => read.connections = number("--connections")?,
                "--exact" => read.exact = true,
                "--fault" => read.fault = arguments.next().unwrap_or_default(),
                // No part is marked as one that is ignored.
                "--ignored" => read.nothing = true,
                "--list" => read.list = true,
                "--seconds" => read.duration = Duration::from_secs(number("--seconds")?),
                "--seed" => read.seed = number("--seed")?,
                "--skip" => read.skipped.extend(arguments.next()),
                "--color" | "--format" | "--logfile" | "--test-threads" => drop(arguments.next()),
                flag if flag.starts_with("--") => {}
                word => read.words.push(word.to_owned()),
            }
        }
        Ok(read)
    }

    /// Whether a part is to be run. One that is only for those who name it is not run otherwise.
    pub(crate) fn wants(&self, name: &str, named_only: bool) -> bool {
        let fits = |word: &String| {
            if self.exact {
                name == word
            } else {
                name.contains(word.as_str())
            }
        };
        let wanted = if self.words.is_empty() {
            !named_only
        } else {
            self.words.iter().any(fits)
        };
        wanted && !self.nothing && !self.skipped.iter().any(fits)
    }
}
