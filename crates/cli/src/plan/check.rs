//! From the words of `podline check` to what is walked.

use podline::{Ask, Check};

use super::{options, targets};
use crate::arguments::{CheckArguments, CheckFormat};
use crate::output::Failure;

/// What `podline check` is to do.
#[derive(Debug)]
pub struct CheckPlan {
    /// The walk.
    pub check: Check,
    /// How to tell what was found.
    pub format: CheckFormat,
    /// The target, as it is called.
    pub target: String,
}

impl CheckPlan {
    /// Makes a plan of what was typed.
    ///
    /// # Errors
    ///
    /// Says what cannot be a target or a port.
    pub fn new(arguments: CheckArguments) -> Result<Self, Failure> {
        let target = targets::target(&arguments.target)?;
        let name = target.to_string();
        let mut check = Check::new(options(arguments.kubectl), target);
        for word in &arguments.ports {
            check = check.port(targets::port(word)?.remote);
        }
        let path = arguments.http_path;
        let ask = if arguments.https {
            Some(Ask::Https(path.unwrap_or_default()))
        } else {
            path.map(Ask::Http)
        };
        if let Some(ask) = ask {
            check = check.ask(ask);
        }
        Ok(Self {
            check,
            format: arguments.output,
            target: name,
        })
    }
}
