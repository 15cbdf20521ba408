use std::fmt;
use std::time::Duration;

use podline_cluster::Target;
use podline_wire::Untrusted;

use super::Finding;

/// What a walk found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// Where to.
    pub target: Target,
    /// The hops that were made, in their order. The last one failed, or all of them are made.
    pub hops: Vec<Hop>,
}

/// A hop of the way.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Hop {
    /// Which part of the way it belongs to. Sessions and ports may have several hops.
    pub stage: Stage,
    /// How it stands.
    pub state: State,
    /// How long it took.
    pub took: Duration,
    /// What was found, if anything.
    pub finding: Option<Finding>,
    /// What is wrong, or good to know.
    pub problems: Vec<Problem>,
}

/// Something that is wrong with a hop, or good to know.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Problem {
    /// What it is.
    pub reason: Untrusted,
    /// What can be done about it.
    pub hint: Option<Untrusted>,
}

/// How a hop stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum State {
    /// The way goes on, but not as it should.
    Doubtful,
    /// The way ends here.
    Failed,
    /// The way goes on.
    Good,
    /// There is nothing to be looked at.
    Skipped,
}

/// A part of the way, in the order in which it is walked.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Stage {
    /// The kubeconfig and its context.
    Configuration,
    /// What proves who asks.
    Credentials,
    /// The name of the API server, or of its proxy.
    Dns,
    /// A TCP connection there.
    Tcp,
    /// The proxy lets it through.
    Proxy,
    /// TLS with the API server.
    Tls,
    /// The API server answers.
    Server,
    /// The API server knows the user.
    Identity,
    /// The user may do what is needed.
    Rights,
    /// The target exists.
    Target,
    /// The target has a pod that runs.
    Pods,
    /// A session to the pod.
    Session,
    /// How long the ways take.
    RoundTrip,
    /// A port inside the pod.
    Port,
}

impl Report {
    /// The hop that failed, if one did.
    pub fn failed(&self) -> Option<&Hop> {
        self.hops.iter().find(|hop| hop.state == State::Failed)
    }
}

impl Hop {
    pub(super) fn new(stage: Stage, state: State, took: Duration) -> Self {
        Self {
            stage,
            state,
            took,
            finding: None,
            problems: Vec::new(),
        }
    }

    pub(super) fn found(mut self, finding: Finding) -> Self {
        self.finding = Some(finding);
        self
    }

    pub(super) fn problem(mut self, reason: impl Into<String>, hint: Option<String>) -> Self {
        self.problems.push(Problem::new(reason, hint));
        self
    }

    /// Something is wrong with it that does not end the way.
    pub(super) fn doubt(mut self, reason: impl Into<String>, hint: Option<String>) -> Self {
        self.state = State::Doubtful;
        self.problem(reason, hint)
    }
}

impl State {
    /// The worse of two: failed before doubtful before all else.
    pub(super) fn worse(self, other: Self) -> Self {
        let weight = |state| match state {
            Self::Failed => 2,
            Self::Doubtful => 1,
            Self::Good | Self::Skipped => 0,
        };
        if weight(other) > weight(self) { other } else { self }
    }
}

impl Problem {
    pub(crate) fn new(reason: impl Into<String>, hint: Option<String>) -> Self {
        Self {
            reason: Untrusted::new(reason),
            hint: hint.map(Untrusted::new),
        }
    }
}

impl Stage {
    /// Every part of the way, in its order.
    pub const ALL: [Self; 14] = [
        Self::Configuration,
        Self::Credentials,
        Self::Dns,
        Self::Tcp,
        Self::Proxy,
        Self::Tls,
        Self::Server,
        Self::Identity,
        Self::Rights,
        Self::Target,
        Self::Pods,
        Self::Session,
        Self::RoundTrip,
        Self::Port,
    ];

    /// Its name, in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Credentials => "credentials",
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
            Self::Server => "server",
            Self::Identity => "identity",
            Self::Rights => "rights",
            Self::Target => "target",
            Self::Pods => "pods",
            Self::Session => "session",
            Self::RoundTrip => "round-trip",
            Self::Port => "port",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
