use std::net::SocketAddr;

use super::{DialFailure, PodEnd, PodError};

/// Copies between a stream and a connection into the pod, as containerd and CRI-O do: whichever direction ends first
/// gives the other one second, then both are over. Nothing is half closed on the way.
#[derive(Debug)]
pub(crate) struct Forwarder {
    local: Option<SocketAddr>,
    upstream: Upstream,
    downstream: Downstream,
    /// How the direction that ended first did; its failure wins.
    first: Option<Result<(), ForwardFailure>>,
    linger: Linger,
    end: Option<Result<(), ForwardFailure>>,
}

/// The copy from the stream to the pod.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Upstream {
    /// No connection yet: nobody reads the stream.
    Dialing,
    Ended,
    /// Waits for DATA.
    Reading,
    /// Waits until the pod's socket has taken everything.
    Writing,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Downstream {
    Ended,
    /// Ready to read.
    Idle,
    Reading,
    /// Waits for room in the session's output.
    Waiting,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Linger {
    NotYet,
    Started,
    Told,
}

/// Why forwarding a connection failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum ForwardFailure {
    Dial(DialFailure),
    /// The stream's session is lost; nobody can be told.
    Disconnected,
    /// Reading from the pod.
    Read {
        local: SocketAddr,
        error: PodError,
    },
    /// Writing to the pod.
    Write {
        local: SocketAddr,
        error: PodError,
    },
}

impl Forwarder {
    /// A forwarder whose dial is under way.
    pub(crate) fn new() -> Self {
        Self {
            local: None,
            upstream: Upstream::Dialing,
            downstream: Downstream::Idle,
            first: None,
            linger: Linger::NotYet,
            end: None,
        }
    }

    pub(crate) fn upstream(&self) -> Upstream {
        self.upstream
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.local.is_some()
    }

    pub(crate) fn handle_dialed(&mut self, local: SocketAddr) {
        if self.upstream == Upstream::Dialing {
            self.local = Some(local);
            self.upstream = Upstream::Reading;
        }
    }

    pub(crate) fn handle_dial_failure(&mut self, failure: DialFailure) {
        if self.upstream == Upstream::Dialing {
            self.upstream = Upstream::Ended;
            self.end = Some(Err(ForwardFailure::Dial(failure)));
        }
    }

    /// The stream has no more DATA.
    pub(crate) fn handle_client_end(&mut self) {
        if self.upstream == Upstream::Reading {
            self.upstream = Upstream::Ended;
            self.copy_ended(Ok(()));
        }
    }

    /// DATA was taken and is being written.
    pub(crate) fn handle_taken(&mut self) {
        self.upstream = Upstream::Writing;
    }

    pub(crate) fn handle_written(&mut self, result: Result<(), PodError>) {
        if self.upstream != Upstream::Writing {
            return;
        }
        match (result, self.local) {
            (Err(error), Some(local)) => {
                self.upstream = Upstream::Ended;
                self.copy_ended(Err(ForwardFailure::Write { local, error }));
            }
            _ => self.upstream = Upstream::Reading,
        }
    }

    /// What was read from the pod was sent on.
    pub(crate) fn handle_sent(&mut self) {
        if self.downstream == Downstream::Reading {
            self.downstream = Downstream::Idle;
        }
    }

    /// What was read from the pod cannot be sent: the session is lost.
    pub(crate) fn handle_disconnected(&mut self) {
        self.downstream_ended(Err(ForwardFailure::Disconnected));
    }

    pub(crate) fn handle_pod_end(&mut self, end: PodEnd) {
        let result = match (end, self.local) {
            (PodEnd::Failed(error), Some(local)) => Err(ForwardFailure::Read { local, error }),
            _ => Ok(()),
        };
        self.downstream_ended(result);
    }

    /// The second of the other direction is over.
    pub(crate) fn handle_linger_end(&mut self) {
        if self.end.is_none() {
            self.end = self.first.take();
        }
    }

    /// Whether the pod is to be read now; the caller does so.
    pub(crate) fn poll_read(&mut self) -> bool {
        let ready = self.is_connected() && self.downstream == Downstream::Idle;
        if ready {
            self.downstream = Downstream::Reading;
        }
        ready
    }

    /// Waits for room instead of reading; true if the caller has to remember that.
    pub(crate) fn pause(&mut self) -> bool {
        let ready = self.is_connected() && self.downstream == Downstream::Idle;
        if ready {
            self.downstream = Downstream::Waiting;
        }
        ready
    }

    /// There is room again.
    pub(crate) fn resume(&mut self) {
        if self.downstream == Downstream::Waiting {
            self.downstream = Downstream::Idle;
        }
    }

    /// Whether the one second begins now; true once.
    pub(crate) fn poll_linger(&mut self) -> bool {
        let started = self.linger == Linger::Started;
        if started {
            self.linger = Linger::Told;
        }
        started
    }

    /// How forwarding ended, once.
    pub(crate) fn poll_end(&mut self) -> Option<Result<(), ForwardFailure>> {
        self.end.take()
    }

    fn downstream_ended(&mut self, result: Result<(), ForwardFailure>) {
        if self.downstream == Downstream::Reading {
            self.downstream = Downstream::Ended;
            self.copy_ended(result);
        }
    }

    fn copy_ended(&mut self, result: Result<(), ForwardFailure>) {
        match self.first.take() {
            None => {
                self.first = Some(result);
                self.linger = Linger::Started;
            }
            Some(first) => self.end = Some(first.and(result)),
        }
    }
}

impl ForwardFailure {
    /// Whether a connection that was there was broken by the pod.
    pub(crate) fn is_broken(&self) -> bool {
        match self {
            Self::Dial(_) | Self::Disconnected => false,
            Self::Read { error, .. } | Self::Write { error, .. } => error.is_broken(),
        }
    }

    /// Whether there was no sandbox to dial in.
    pub(crate) fn is_without_sandbox(&self) -> bool {
        matches!(
            self,
            Self::Dial(DialFailure::NamespaceClosed | DialFailure::NoSandbox)
        )
    }
}
