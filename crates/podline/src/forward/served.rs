use std::mem;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use podline_cluster::{Found, Pod, Target};
use podline_tunnel::PodAddress;
use podline_wire::Untrusted;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::life::Life;
use crate::clock::Clock;

/// A pod that connections go to, or went to: what all of them share, for as long as one of them is open.
pub(super) struct ServedPod {
    pub(super) address: PodAddress,
    /// The pod's identity: a successor of the same name has another.
    pub(super) uid: String,
    pub(super) ip: Option<IpAddr>,
    /// What would replace the pod, where the forward's target is the pod itself.
    pub(super) owner: Option<Target>,
    pub(super) life: watch::Sender<Life>,
    pub(super) clock: Clock,
    /// Cancelled some time after the pod has ceased to exist: what is left of its connections is dead.
    pub(super) gone: CancellationToken,
    open: AtomicUsize,
    /// Nothing is open any more.
    emptied: Notify,
    tally: Mutex<Tally>,
    /// When a connection ended last that the pod seemed to end, in milliseconds of `clock`.
    last_end: AtomicU64,
}

/// Connections that were lost with a pod, or with a container of it, and are to be told of by their number.
#[derive(Debug, Default)]
struct Tally {
    /// The number will be told.
    is_open: bool,
    lost: usize,
}

impl ServedPod {
    pub(super) fn new(found: &Found, pod: &Pod) -> Self {
        let owner = pod.owner.as_ref().filter(|_| found.target.kind.is_pod());
        Self {
            address: address_of(pod),
            uid: pod.uid.clone(),
            ip: pod.ip,
            owner: owner.map(|owner| owner.target.clone()),
            life: watch::Sender::new(Life::new(pod)),
            clock: Clock::new(),
            gone: CancellationToken::new(),
            open: AtomicUsize::new(0),
            emptied: Notify::new(),
            tally: Mutex::default(),
            last_end: AtomicU64::new(u64::MAX),
        }
    }

    /// The pod was seen again. Says how a container of it died, if one did since; then its losses are counted until
    /// [`ServedPod::take_lost`].
    pub(super) fn handle_sight(&self, pod: &Pod) -> Option<Untrusted> {
        let mut death = None;
        self.life.send_modify(|life| {
            death = life.handle_sight(self.clock.now(), pod);
            // Whoever judges by what is known counts by it too.
            if death.is_some() || pod.deleting {
                self.tally().is_open = true;
            }
        });
        death
    }

    /// The pod does not exist any more. Says whether that is news.
    pub(super) fn handle_gone(&self) -> bool {
        let name = Untrusted::new(&*self.address.name);
        let text = Untrusted::new(format!("pod {name} does not exist any more"));
        self.life.send_if_modified(|life| {
            self.tally().is_open = true;
            life.handle_gone(text)
        })
    }

    /// The pod is not among the target's any more, and may still exist.
    pub(super) fn handle_left(&self) {
        let name = Untrusted::new(&*self.address.name);
        let text = Untrusted::new(format!("pod {name} was being deleted"));
        self.life.send_modify(|life| life.handle_left(text));
    }

    /// The pod still exists, though it is not among the target's any more.
    pub(super) fn handle_stayed(&self) {
        self.life.send_modify(Life::handle_stayed);
    }

    /// Open connections.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    pub(super) fn handle_opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection is lost. Says whether it is counted, and will be told of by the number.
    pub(super) fn count_lost(&self) -> bool {
        let mut tally = self.tally();
        tally.lost += usize::from(tally.is_open);
        tally.is_open
    }

    /// A connection ended.
    pub(super) fn handle_ended(&self) {
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.emptied.notify_waiters();
        }
    }

    /// How many connections were counted as lost. The next one is not, unless there is something new to count for.
    pub(super) fn take_lost(&self) -> usize {
        mem::take(&mut *self.tally()).lost
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        // Whole between any two statements.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nothing is open.
    pub(super) async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.open() == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// A connection ended in order, and not because its app did. Says how many milliseconds after the one before.
    pub(super) fn note_end(&self) -> u64 {
        let now = self.clock.now().as_duration().as_millis();
        let now = u64::try_from(now).unwrap_or(u64::MAX - 1);
        let last = self.last_end.swap(now, Ordering::Relaxed);
        if last == u64::MAX {
            u64::MAX
        } else {
            now.saturating_sub(last)
        }
    }
}

pub(super) fn address_of(pod: &Pod) -> PodAddress {
    PodAddress {
        namespace: pod.namespace.clone(),
        name: pod.name.clone(),
    }
}
