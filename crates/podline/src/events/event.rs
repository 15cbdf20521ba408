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
    /// One family of `localhost` belongs to another process: an app that prefers it gets there, not here.
    HeldElsewhere(Arc<ListenError>),
    /// The forward listens here.
    Listening(LocalAddress),
    /// No pod is ready, so one that runs and is not ready is used. Said once.
    NotReady(PodAddress),
    /// The system has no room for another connection; accepting goes on as soon as there is. Said once.
    OutOfFiles(Arc<io::Error>),
    /// The pod that was lost can be connected to again.
    PodBack(PodAddress),
    /// Connections go to another pod from now on.
    PodChanged {
        /// The pod before.
        from: PodAddress,
        /// The pod now; a successor may have the same name.
        to: PodAddress,
    },
    /// Connections are held from now on, for there is no pod or no way to it.
    PodLost {
        /// The pod until now.
        pod: PodAddress,
        /// What would replace the pod, if something does: where to forward to so that the forward outlives its pod.
        /// Only told where the target is the pod itself.
        owner: Option<Target>,
        /// What was said.
        reason: Untrusted,
    },
    /// A session ended, or could not be made; others take over. For the curious.
    SessionLost(SessionError),
    /// A session is ready. For the curious.
    SessionUp(Transport),
    /// The watcher was too slow: these were not queued.
    Skipped(Skipped),
    /// WebSocket did not work and SPDY did; SPDY is used from now on.
    TransportFellBack(SessionError),
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
