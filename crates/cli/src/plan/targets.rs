//! From the words of the command line to targets and their ports.

use podline::{PortSpec, Target};

use crate::{arguments::ProgramName, output::Failure};

/// A target and what to forward to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TargetPlan {
    /// Whether to forward every TCP port that it declares, too.
    pub all_ports: bool,
    /// The listed ports, in the order in which they were typed.
    pub ports: Vec<PortSpec>,
    /// The target.
    pub target: Target,
}

/// Splits the words into targets and their ports: the first is a target, and so is every other one with a `/`.
pub(super) fn parse(
    words: &[String],
    all_ports: bool,
    name: ProgramName,
) -> Result<Vec<TargetPlan>, Failure> {
    let mut targets: Vec<TargetPlan> = Vec::new();
    for word in words {
        match targets.last_mut() {
            Some(last) if !word.contains('/') => last.ports.push(port(word)?),
            _ => targets.push(TargetPlan {
                all_ports,
                ports: Vec::new(),
                target: target(word)?,
            }),
        }
    }
    if targets.is_empty() {
        return Err(Failure::new("a target and its ports are required").hinted([
            format!("for example: `{name} svc/web 8080:80`"),
            format!("without a cluster: `{name} demo`; all flags: `{name} --help`"),
        ]));
    }
    if let Some(bare) = targets
        .iter()
        .find(|target| target.ports.is_empty() && !target.all_ports)
    {
        let target = &bare.target;
        return Err(
            Failure::new(format!("no port is given for {target}")).hinted([format!(
                "for example: `{name} {target} 8080:80`, or `{name} {target} --all-ports`"
            )]),
        );
    }
    Ok(targets)
}

pub(super) fn target(word: &str) -> Result<Target, Failure> {
    word.parse().map_err(|error: podline::cluster::TargetError| {
        let failure = Failure::of(&error).hinted(error.hint());
        // Nobody names a pod `8080:80`; the target was forgotten.
        match word.parse::<PortSpec>() {
            Ok(_) if word.contains(':') => {
                failure.hinted(["the first argument is the target, then its ports".to_owned()])
            }
            _ => failure,
        }
    })
}

pub(super) fn port(word: &str) -> Result<PortSpec, Failure> {
    word.parse()
        .map_err(|error: podline::InvalidPort| Failure::of(&error).hinted(error.hint()))
}
