//! A target's pods as they change.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use podline_wire::Untrusted;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::FindError;
use crate::target::{Found, Pod, Target};

/// What a target comes to, as it changes; from [`Cluster::watch`](crate::Cluster::watch). Ends when it is dropped.
pub struct PodWatch {
    target: Target,
    sights: watch::Receiver<Option<Sight>>,
    given: Option<Sight>,
    wishes: Arc<Wishes>,
    task: JoinHandle<()>,
}

/// What was seen last.
pub(super) type Sight = Result<Arc<Found>, FindError>;

/// What the holder of a watch wants of its task.
#[derive(Default)]
pub(super) struct Wishes {
    pub(super) is_asked: AtomicBool,
    pub(super) is_hurried: AtomicBool,
    pub(super) changed: Notify,
    /// Whether all changes are told, rather than looked for.
    #[cfg(test)]
    pub(super) is_told: AtomicBool,
    /// Whether a look is under way.
    #[cfg(test)]
    pub(super) is_looking: AtomicBool,
    /// They should be told, and are not at present.
    pub(super) is_blind: AtomicBool,
}

/// Knows how well a target is in sight; from [`PodWatch::eyes`].
#[derive(Clone)]
pub struct Eyes {
    wishes: Arc<Wishes>,
}

impl Eyes {
    /// Whether what is known may be old: changes are told as a rule, and are not at present, for a watch has ended or was
    /// not begun yet. Where there is no right to watch this is never so: what is known there is always as old as the last
    /// look.
    pub fn are_shut(&self) -> bool {
        self.wishes.is_blind.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Eyes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Eyes")
            .field("are_shut", &self.are_shut())
            .finish()
    }
}

impl PodWatch {
    pub(super) fn new(
        target: Target,
        sights: watch::Receiver<Option<Sight>>,
        wishes: Arc<Wishes>,
        task: JoinHandle<()>,
    ) -> Self {
        Self {
            target,
            sights,
            given: None,
            wishes,
            task,
        }
    }

    /// Waits until the target comes to something else than what was given last; the first call gives what it comes to
    /// now. It may come to no pods at all, which is no error.
    ///
    /// Nothing is lost when this is cancelled. What changed and changed back in between is not told.
    ///
    /// # Errors
    /// One for each change to trouble, such as a target that does not exist any more or a server that cannot be reached;
    /// it goes on trying by itself, and the next state is given when there is one, even if it is that of before.
    pub async fn changed(&mut self) -> Result<Found, FindError> {
        loop {
            let sight = self.sights.borrow_and_update().clone();
            if let Some(sight) = sight
                && self.given.as_ref().is_none_or(|given| differ(given, &sight))
            {
                self.given = Some(sight.clone());
                return sight.map(|found| Found::clone(&found));
            }
            if self.sights.changed().await.is_err() {
                // Only a runtime that ends has its tasks dropped.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until the target's pods `suit`, for `wait` at most and in a hurry. When that is over, pods of which one runs do
    /// too.
    ///
    /// # Errors
    /// There is trouble, no pod runs in time, or the target is a pod that is over.
    pub async fn running(
        &mut self,
        wait: Duration,
        suit: impl Fn(&[Pod]) -> bool,
    ) -> Result<Found, FindError> {
        self.hurry(true);
        let deadline = Instant::now() + wait;
        let mut found = self.changed().await?;
        while !suit(&found.pods) && !self.is_over(&found) {
            // A wait that runs out leaves what was found last.
            match timeout_at(deadline, self.changed()).await {
                Ok(changed) => found = changed?,
                Err(_) => break,
            }
        }
        self.hurry(false);
        if found.pods.iter().any(Pod::is_running) {
            return Ok(found);
        }
        Err(match found.pods.first() {
            Some(pod) => FindError::NotRunning {
                pod: Untrusted::new(&*pod.name),
                phase: pod.phase,
                waited: wait,
            },
            None => FindError::NoPods {
                target: found.target,
                waited: wait,
            },
        })
    }

    /// Whether it is a pod that ran and never will again.
    fn is_over(&self, found: &Found) -> bool {
        self.target.kind.is_pod() && found.pods.first().is_some_and(|pod| pod.phase.is_over())
    }

    /// Looks now, rather than when the next look is due or something is told: a connection was refused, or a session
    /// lost.
    pub fn look(&self) {
        self.wishes.is_asked.store(true, Ordering::Release);
        self.wishes.changed.notify_one();
    }

    /// Whether all changes are told, rather than looked for.
    #[cfg(test)]
    pub(crate) fn is_told(&self) -> bool {
        self.wishes.is_told.load(Ordering::Acquire)
    }

    /// Whether a look is under way.
    #[cfg(test)]
    pub(crate) fn is_looking(&self) -> bool {
        self.wishes.is_looking.load(Ordering::Acquire)
    }

    /// What knows how well the target is in sight.
    pub fn eyes(&self) -> Eyes {
        Eyes {
            wishes: self.wishes.clone(),
        }
    }

    /// Says whether something is held: where changes are not told but asked for, that is done every 2 s then, and every
    /// 15 s otherwise.
    pub fn hurry(&self, is_hurried: bool) {
        if self.wishes.is_hurried.swap(is_hurried, Ordering::AcqRel) != is_hurried {
            self.wishes.changed.notify_one();
        }
    }
}

impl Drop for PodWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for PodWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PodWatch")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// Whether it is worth telling.
pub(super) fn differ(a: &Sight, b: &Sight) -> bool {
    match (a, b) {
        (Ok(a), Ok(b)) => a != b,
        (Err(a), Err(b)) => !a.is_like(b),
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => true,
    }
}
