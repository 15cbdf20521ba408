use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use podline::Target;
use tokio::time::{self, MissedTickBehavior};

use super::forward::{ForwardMonitor, ForwardSnapshot, name};
use super::{Facts, Teller};

/// How often rates are taken.
const SECOND: Duration = Duration::from_secs(1);

/// Watches forwards, and tells what is known of them.
#[derive(Clone, Debug)]
pub struct Monitor {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    teller: Teller,
    forwards: Mutex<Vec<ForwardMonitor>>,
    /// Once connections are looked into: whether values of queries are shown.
    http: Arc<OnceLock<bool>>,
}

impl Monitor {
    /// A monitor that watches nothing yet.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start() -> Self {
        let inner = Arc::new(Inner {
            teller: Teller::new(),
            forwards: Mutex::default(),
            http: Arc::default(),
        });
        tokio::spawn(count_seconds(Arc::downgrade(&inner)));
        Self { inner }
    }

    /// Watches one more forward, to `target`, which is to take its taps from what this gives.
    pub fn forward(&self, target: &Target) -> ForwardMonitor {
        let mut forwards = self.inner.forwards();
        let forward = ForwardMonitor::new(
            name(forwards.len(), target),
            self.inner.teller.clone(),
            self.inner.http.clone(),
        );
        forwards.push(forward.clone());
        forward
    }

    /// Looks into the connections that are accepted from now on, for what they speak and for HTTP requests. Values of
    /// queries are told only where `show_query`. The first call counts.
    pub fn look_into_http(&self, show_query: bool) {
        let _ = self.inner.http.set(show_query);
    }

    /// What happens from now on.
    pub fn facts(&self) -> Facts {
        self.inner.teller.listen()
    }

    /// All forwards as they are now, in the order in which they were given.
    pub fn forwards(&self) -> Vec<ForwardSnapshot> {
        let forwards = self.inner.forwards();
        forwards
            .iter()
            .map(|forward| forward.record().snapshot())
            .collect()
    }

    /// Ends connection `id` of the forward number `forward`: both sides are reset. Says whether it was open.
    pub fn end_connection(&self, forward: usize, id: u64) -> bool {
        let forward = self.inner.forwards().get(forward).cloned();
        forward.is_some_and(|forward| forward.record().end_connection(id))
    }
}

impl Inner {
    fn forwards(&self) -> MutexGuard<'_, Vec<ForwardMonitor>> {
        self.forwards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts the seconds for all forwards, for as long as the monitor lives.
async fn count_seconds(inner: Weak<Inner>) {
    let mut seconds = time::interval(SECOND);
    // A second that was missed had nothing.
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        seconds.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        for forward in &*inner.forwards() {
            forward.record().handle_second();
        }
    }
}
