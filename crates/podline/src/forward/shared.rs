use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use podline_cluster::{Cluster, RemotePort, Target};
use podline_tunnel::{Pool, SessionError};
use podline_wire::Untrusted;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Ended;
use super::builder::Settings;
use super::route::{Route, Standing, Trouble};
use crate::events::Hub;
use crate::reason::reason;

/// What the tasks of one forward share.
pub(crate) struct Shared {
    pub(crate) cluster: Cluster,
    pub(crate) target: Target,
    pub(crate) remotes: Vec<RemotePort>,
    pub(crate) settings: Settings,
    pub(crate) hub: Hub,
    pub(crate) standing: watch::Sender<Standing>,
    /// The last trouble with the newest route that has any.
    pub(crate) trouble: watch::Sender<Option<Trouble>>,
    /// Connections that wait for a route.
    held: AtomicUsize,
    /// One more connection waits for a route.
    pub(crate) held_one_more: Notify,
    /// A connection ended, so there is a file for another.
    pub(crate) room: Notify,
    pub(crate) out_of_files_was_said: AtomicBool,
    pub(crate) last_id: AtomicU64,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    pub(crate) ended: watch::Sender<Option<Ended>>,
    /// Every route that may still be in use.
    pub(crate) routes: Mutex<Vec<Weak<Route>>>,
}

impl Shared {
    /// Connections take `route` at first.
    pub(crate) fn new(
        cluster: Cluster,
        target: Target,
        remotes: Vec<RemotePort>,
        settings: Settings,
        route: Arc<Route>,
    ) -> Self {
        let routes = vec![Arc::downgrade(&route)];
        Self {
            cluster,
            target,
            remotes,
            settings,
            hub: Hub::default(),
            standing: watch::Sender::new(Standing::Serving(route)),
            trouble: watch::Sender::new(None),
            held: AtomicUsize::new(0),
            held_one_more: Notify::new(),
            room: Notify::new(),
            out_of_files_was_said: AtomicBool::new(false),
            last_id: AtomicU64::new(0),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            ended: watch::Sender::new(None),
            routes: Mutex::new(routes),
        }
    }

    /// Connections take `route` from now on.
    pub(crate) fn serve(&self, route: Arc<Route>) {
        {
            let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
            routes.retain(|route| route.strong_count() > 0);
            routes.push(Arc::downgrade(&route));
        }
        self.standing.send_replace(Standing::Serving(route));
    }

    /// The pools of all routes that may still be in use.
    pub(crate) fn pools(&self) -> Vec<Pool> {
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes
            .iter()
            .filter_map(|route| Some(route.upgrade()?.pool.clone()))
            .collect()
    }

    /// Waits for a route later than the generation `after`. Whoever waits is counted as held.
    pub(crate) async fn route(&self, after: u64) -> Arc<Route> {
        let mut standing = self.standing.subscribe();
        let mut held = None;
        loop {
            if let Standing::Serving(route) = &*standing.borrow_and_update()
                && route.generation > after
            {
                return route.clone();
            }
            held.get_or_insert_with(|| self.hold());
            // The sender is ours, so it is there.
            let _ = standing.changed().await;
        }
    }

    /// Why connections are held, if they are.
    pub(crate) fn lost_reason(&self) -> Option<Untrusted> {
        match &*self.standing.borrow() {
            Standing::Lost(reason) => Some(reason.clone()),
            Standing::Serving(_) => None,
        }
    }

    /// No session could be had on the route of `generation`.
    pub(crate) fn report_session(&self, generation: u64, error: &SessionError) {
        self.report(Trouble {
            generation,
            is_gone: error.is_pod_gone(),
            reason: reason(error),
        });
    }

    /// The route of `trouble` does not work. Only the first to say so of the newest route is heard.
    pub(crate) fn report(&self, trouble: Trouble) {
        self.trouble.send_if_modified(|known| {
            let is_news = known
                .as_ref()
                .is_none_or(|known| known.generation < trouble.generation);
            if is_news {
                *known = Some(trouble);
            }
            is_news
        });
    }

    /// Whether a connection waits for a route.
    pub(crate) fn is_holding(&self) -> bool {
        self.held.load(Ordering::Relaxed) > 0
    }

    /// A connection waits for a route for as long as what this gives lives.
    fn hold(&self) -> Held<'_> {
        self.held.fetch_add(1, Ordering::Relaxed);
        self.held_one_more.notify_one();
        Held(self)
    }
}

struct Held<'a>(&'a Shared);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::Relaxed);
    }
}
