use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

/// One of the programs that are measured beside each other.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contender {
    Podline,
    Kubectl,
    /// A local program that only copies between a socket and TLS: the least that any forwarder of this kind can use.
    Pipe,
}

impl Contender {
    pub(crate) const ALL: [Self; 3] = [Self::Podline, Self::Kubectl, Self::Pipe];
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Podline => "podline",
            Self::Kubectl => "kubectl",
            Self::Pipe => "TLS pipe",
        })
    }
}
