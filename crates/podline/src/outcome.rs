use std::fmt;
use std::time::Duration;

use podline_tunnel::SessionError;
use podline_wire::Untrusted;
use podline_wire::session::dial_failure;

/// How one connection went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Bytes that the app sent and that were handed on towards the pod.
    pub sent: u64,
    /// Bytes that came from the pod and that the app's socket took.
    pub received: u64,
    /// From the moment the connection was accepted until its end.
    pub duration: Duration,
    /// How it ended.
    pub end: End,
}

/// How a connection ended. Only after [`End::Clean`] the app saw an orderly end; after every other one its connection
/// was reset, once it had all the bytes that came; an app that took nothing of them cannot be waited for, so
/// [`End::StalledReader`] does not wait.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum End {
    /// The app reset its connection, or went away while there was something to tell it.
    AppReset,
    /// Both sides ended, and nothing shows that anything was lost.
    Clean {
        /// Whether it is known that the pod ended by itself: a killed process and a deleted pod look the same on the
        /// wire.
        verified: bool,
    },
    /// The app had half-closed, its end was passed on at last, and the pod was still sending when the runtime
    /// ended the connection for that.
    CutShort,
    /// It was ended on request: [`ForwardView::end_connection`](crate::ForwardView::end_connection).
    Killed,
    /// There was no pod, or no way to it, for as long as the connection was held.
    NoPod(NoPod),
    /// The port cannot be looked up in the pod that took over: a named port that it does not have.
    NoPort(Untrusted),
    /// A process of the pod was ended, or the pod itself, while the connection was open: it looked like a close, and was
    /// none.
    PodDied(Untrusted),
    /// The runtime told an error of this connection.
    PodError(Untrusted),
    /// The pod is gone: its sandbox is not there any more.
    PodGone(Untrusted),
    /// The pod reset the connection.
    PodReset,
    /// Nothing listens on the pod's port, or it cannot be reached.
    Refused(Untrusted),
    /// The session that carried the connection is over.
    SessionLost(SessionError),
    /// The forward was shut down.
    ShutDown,
    /// The app, or the pod, took nothing for so long that the connections waiting behind it had to be freed of it.
    StalledReader,
    /// The container runtime did not answer the opening of the connection.
    Unanswered,
    /// Bytes of the app were not taken before the pod ended.
    Unsent,
}

/// Why a connection that was held got no pod.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NoPod {
    /// How long it was held.
    pub held: Duration,
    /// What kept it from getting one, if anything was said.
    pub reason: Option<Untrusted>,
}

impl End {
    /// Whether the app saw an orderly end.
    pub fn is_clean(&self) -> bool {
        matches!(self, Self::Clean { .. })
    }

    /// A short name of the kind of end, the same in every output: lower case words with `_` between them.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AppReset => "app_reset",
            Self::Clean { .. } => "clean",
            Self::CutShort => "cut_short",
            Self::Killed => "killed",
            Self::NoPod(_) => "no_pod",
            Self::NoPort(_) => "no_port",
            Self::PodDied(_) => "pod_died",
            Self::PodError(_) => "pod_error",
            Self::PodGone(_) => "pod_gone",
            Self::PodReset => "pod_reset",
            Self::Refused(_) => "refused",
            Self::SessionLost(_) => "session_lost",
            Self::ShutDown => "shut_down",
            Self::StalledReader => "stalled_reader",
            Self::Unanswered => "unanswered",
            Self::Unsent => "unsent",
        }
    }

    /// Whether the connection was lost with its pod.
    pub fn is_loss_of_pod(&self) -> bool {
        matches!(self, Self::PodDied(_) | Self::PodGone(_))
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AppReset => f.write_str("the app reset the connection"),
            Self::Clean { verified: false } => f.write_str("ended"),
            Self::Clean { verified: true } => f.write_str("ended, verified"),
            Self::CutShort => f.write_str("the container runtime cut the pod's answer short"),
            Self::Killed => f.write_str("it was ended on request"),
            Self::NoPod(NoPod { held, reason: None }) => {
                write!(f, "no pod to connect to for {} s", held.as_secs())
            }
            Self::NoPod(NoPod {
                held,
                reason: Some(reason),
            }) => write!(f, "no pod to connect to for {} s: {reason}", held.as_secs()),
            Self::NoPort(text) | Self::PodDied(text) | Self::PodError(text) | Self::PodGone(text) => {
                text.fmt(f)
            }
            Self::Refused(text) => match dial_failure(text.as_raw()) {
                Some((port, why)) => write!(
                    f,
                    "the pod takes no connections on port {}: {}",
                    Untrusted::new(port),
                    Untrusted::new(why)
                ),
                None => text.fmt(f),
            },
            Self::PodReset => f.write_str("the pod reset the connection"),
            Self::SessionLost(error) => error.fmt(f),
            Self::ShutDown => f.write_str("the forward was shut down"),
            Self::StalledReader => {
                f.write_str("nothing was taken for too long while other connections waited behind it")
            }
            Self::Unanswered => f.write_str("the container runtime did not answer"),
            Self::Unsent => f.write_str("the pod ended before it had taken all that the app sent"),
        }
    }
}
