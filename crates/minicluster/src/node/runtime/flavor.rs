use std::time::Duration;

/// Which container runtime a node has. They differ in how a failed connection ends and in what they say.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Flavor {
    /// containerd from 1.6.22 and 1.7.3 on, before 2.0: where the pod reset the connection, a reset without text;
    /// otherwise as [`Self::Containerd20`].
    Containerd17,
    /// containerd 2.0, and 1.6 and 1.7 before those: text, then an orderly end of both streams. Early data of a
    /// connection that failed jams its worker.
    Containerd20,
    /// containerd from 2.1 on: text, then resets. Two frames after the end of a connection jam its worker.
    #[default]
    Containerd21,
    /// CRI-O: as containerd 2.1, but reads on after the end, so that nothing jams.
    CriO,
    /// No spdystream at all: one queue for each stream, a PING is answered at once, and what SPDY/3.1 forbids ends the
    /// session. What stands behind a gateway that terminates SPDY itself.
    Strict,
}

/// How the streams end when a connection into the pod failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum FailureEnd {
    Reset,
    TextAndFin,
    TextAndReset,
}

impl Flavor {
    /// `broken`: an established connection was reset or had its pipe broken.
    pub(super) fn failure_end(self, broken: bool) -> FailureEnd {
        match self {
            Self::Containerd17 if broken => FailureEnd::Reset,
            Self::Containerd17 | Self::Containerd20 => FailureEnd::TextAndFin,
            Self::Containerd21 | Self::CriO | Self::Strict => FailureEnd::TextAndReset,
        }
    }

    /// Whether DATA is still read, and dropped, after the connection ended.
    pub(super) fn drains(self) -> bool {
        matches!(self, Self::CriO | Self::Strict)
    }

    /// Whether frames go through five workers by stream id, as spdystream has them.
    pub(super) fn has_workers(self) -> bool {
        self != Self::Strict
    }
}

/// When a SYN_STREAM is answered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum ReplyFault {
    /// After this time. The worker waits meanwhile: SYN_REPLY is synchronous.
    Delayed(Duration),
    /// Never: the worker is stuck.
    Never,
    /// At once.
    #[default]
    None,
}
