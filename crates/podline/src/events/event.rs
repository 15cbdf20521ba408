use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use podline_cluster::Target;
use podline_tunnel::{PodAddress, SessionError, Transport};
use podline_wire::Untrusted;

use crate::{ListenError, LocalAddress, Outcome};

/// Something that happened in a forward.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A connection ended.
    ConnectionEnded {
        /// Its number.
        id: u64,
        /// The address that it was accepted on.
        local: SocketAddr,
        /// How it went.
        outcome: Outcome,
        /// It was lost with its pod or a container of it, and is one of those whose number is told next, by
        /// [`Event::PodGone`] or [`Event::ContainerDied`].
        is_counted: bool,
    },
    /// A connection was accepted.
    ConnectionOpened {
        /// Its number in this forward, from 1.
        id: u64,
        /// The address that it was accepted on.
        local: SocketAddr,
        /// The app's address.
        peer: SocketAddr,
    },
    /// A container of a pod died, and connections with it; the pod is still there.
    ContainerDied {
        /// Which pod, which container and how.
        reason: Untrusted,
        /// How many connections were reset because of that, one at least.
        reset: usize,
    },
    /// One family of `localhost` belongs to another process: an app that prefers it gets there, not here.
    HeldElsewhere(Arc<ListenError>),
    /// The target can be looked at again.
    InSight,
    /// The forward listens here.
    Listening(LocalAddress),
    /// No pod is ready, so one that runs and is not ready is used. Said once.
    NotReady(PodAddress),
    /// The system has no room for another connection; accepting goes on as soon as there is. Said once.
    OutOfFiles(Arc<io::Error>),
    /// The target cannot be looked at any more: it does not exist, or may not be seen. Connections go on to the pods that
    /// are known.
    OutOfSight(Untrusted),
    /// A pod that connections went to does not exist any more.
    PodGone {
        /// Which.
        pod: PodAddress,
        /// How many connections were reset because of that.
        reset: usize,
        /// Connections are held from now on, for it was the last one.
        waiting: bool,
        /// What would replace the pod, as in [`Event::Waiting`]; only where connections are held.
        owner: Option<Target>,
    },
    /// Connections go to other pods from now on.
    PodsChanged {
        /// Those that are new; a successor may have the name of one that left.
        joined: Vec<PodAddress>,
        /// Those that get no new connections any more. Their connections go on.
        left: Vec<PodAddress>,
        /// How many pods there are.
        total: usize,
    },
    /// Connections are not held any longer, but go to the pods of before.
    Resumed(PodAddress),
    /// A session ended, or could not be made; others take over. For the curious.
    SessionLost(SessionError),
    /// A session is ready. For the curious.
    SessionUp(Transport),
    /// The watcher was too slow: these were not queued.
    Skipped(Skipped),
    /// WebSocket did not work and SPDY did; SPDY is used from now on.
    TransportFellBack(SessionError),
    /// Connections are held from now on, for there is no pod or no way to it.
    Waiting {
        /// Why.
        reason: Untrusted,
        /// What would replace the pod, if something does: where to forward to so that the forward outlives its pod.
        /// Only told where the target is the pod itself.
        owner: Option<Target>,
    },
}

/// What a slow watcher missed: the single events, not their sums.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Skipped {
    /// Connections that were accepted.
    pub opened: u64,
    /// Connections that ended.
    pub ended: u64,
    /// Those of the ended that did not end cleanly.
    pub failed: u64,
    /// Bytes that the ended ones sent.
    pub sent: u64,
    /// Bytes that the ended ones received.
    pub received: u64,
    /// Everything else.
    pub others: u64,
}

impl Event {
    /// Whether it belongs to one of many connections or sessions, so that a count can stand for it.
    pub(super) fn is_one_of_many(&self) -> bool {
        matches!(
            self,
            Self::ConnectionEnded { .. }
                | Self::ConnectionOpened { .. }
                | Self::SessionLost(_)
                | Self::SessionUp(_)
        )
    }

    /// Whether those who begin to watch later are told too.
    pub(super) fn is_lasting(&self) -> bool {
        matches!(
            self,
            Self::HeldElsewhere(_) | Self::Listening(_) | Self::NotReady(_) | Self::TransportFellBack(_)
        )
    }
}

impl Skipped {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn add(&mut self, event: &Event) {
        match event {
            Event::ConnectionEnded { outcome, .. } => {
                self.ended += 1;
                self.failed += u64::from(!outcome.end.is_clean());
                self.sent += outcome.sent;
                self.received += outcome.received;
            }
            Event::ConnectionOpened { .. } => self.opened += 1,
            _ => self.others += 1,
        }
    }
}
