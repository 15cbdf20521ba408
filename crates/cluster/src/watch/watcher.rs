//! The task that keeps a target in sight.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::PodWatch;
use super::pod_watch::{Sight, Wishes, differ};
use super::schedule::{Schedule, Seen};
use crate::FindError;
use crate::find::Finder;
use crate::target::Target;

/// How long the API server may take for one look.
const LOOK_DEADLINE: Duration = Duration::from_secs(15);

/// The task that keeps a target in sight.
pub(crate) struct Watcher {
    finder: Arc<Finder>,
    target: Target,
    namespace: String,
    sights: watch::Sender<Option<Sight>>,
    wishes: Arc<Wishes>,
}

impl Watcher {
    /// Begins to look, until what this gives is dropped.
    pub(crate) fn spawn(finder: Arc<Finder>, target: Target, namespace: String) -> PodWatch {
        let (sights, receiver) = watch::channel(None);
        let wishes = Arc::new(Wishes::default());
        let watcher = Self {
            finder,
            target: target.clone(),
            namespace,
            sights,
            wishes: wishes.clone(),
        };
        let task = tokio::spawn(watcher.run());
        PodWatch::new(target, receiver, wishes, task)
    }

    async fn run(self) {
        let mut schedule = Schedule::new();
        loop {
            self.wait(&mut schedule).await;
            schedule.begin();
            let found = self.finder.find(&self.target, &self.namespace);
            let sight: Sight = match timeout(LOOK_DEADLINE, found).await {
                Ok(found) => found.map(Arc::new),
                Err(_) => Err(FindError::Timeout { after: LOOK_DEADLINE }),
            };
            let seen = self.tell(sight);
            schedule.handle_seen(Instant::now(), seen, fastrand::u64(..));
        }
    }

    /// Waits until the next look is due.
    async fn wait(&self, schedule: &mut Schedule) {
        loop {
            schedule.hurry(self.wishes.is_hurried.load(Ordering::Acquire));
            if self.wishes.is_asked.swap(false, Ordering::AcqRel) {
                schedule.ask();
            }
            tokio::select! {
                () = sleep_until(schedule.next(Instant::now())) => return,
                () = self.wishes.changed.notified() => {}
            }
        }
    }

    /// Tells what was seen, if it is something else than before.
    fn tell(&self, sight: Sight) -> Seen {
        let last = match &sight {
            Ok(_) => Seen::Same,
            Err(error) if error.lasts() => Seen::Refusal,
            Err(error) if error.is_not_found() => Seen::Same,
            Err(_) => Seen::Failure,
        };
        let is_new = self.sights.send_if_modified(|known| {
            let is_new = known.as_ref().is_none_or(|known| differ(known, &sight));
            if is_new {
                if let Err(error) = &sight {
                    tracing::debug!(target = %self.target, %error, "the target is out of sight");
                }
                *known = Some(sight);
            }
            is_new
        });
        if is_new && last == Seen::Same {
            Seen::Change
        } else {
            last
        }
    }
}
