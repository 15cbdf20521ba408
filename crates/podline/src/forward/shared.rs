use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use podline_cluster::{Cluster, RemotePort, Target};
use podline_tunnel::{Pool, SessionError};
use podline_wire::Untrusted;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Ended;
use super::builder::Settings;
use super::route::{Route, Standing, Trouble};
use crate::events::Hub;
use crate::reason::reason;

/// How long a refused connection waits to hear whether its pod is still the right one.
const DOUBT_DEADLINE: Duration = Duration::from_secs(2);
/// Refused connections that may wait for that at a time; more are not looked into.
const DOUBTS: usize = 64;

/// A connection was refused by its pod, and asks whether the pod is still the right one.
pub(crate) struct Doubt {
    pub(crate) generation: u64,
    pub(crate) reason: Untrusted,
    /// Told if it is.
    pub(crate) stays: oneshot::Sender<()>,
}

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
    doubts: mpsc::Sender<Doubt>,
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
    /// Connections take `route` at first. Also gives what the supervisor hears doubts by.
    pub(crate) fn new(
        cluster: Cluster,
        target: Target,
        remotes: Vec<RemotePort>,
        settings: Settings,
        route: Arc<Route>,
    ) -> (Self, mpsc::Receiver<Doubt>) {
        let routes = vec![Arc::downgrade(&route)];
        let (doubts, doubts_receiver) = mpsc::channel(DOUBTS);
        let shared = Self {
            cluster,
            target,
            remotes,
            settings,
            hub: Hub::default(),
            standing: watch::Sender::new(Standing::Serving(route)),
            trouble: watch::Sender::new(None),
            doubts,
            held: AtomicUsize::new(0),
            held_one_more: Notify::new(),
            room: Notify::new(),
            out_of_files_was_said: AtomicBool::new(false),
            last_id: AtomicU64::new(0),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            ended: watch::Sender::new(None),
            routes: Mutex::new(routes),
        };
        (shared, doubts_receiver)
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

    /// Whether connections should stay with the pod of the route of `generation`, which has just refused one. If not,
    /// another route is being looked for.
    pub(crate) async fn stays(&self, generation: u64, refusal: &Untrusted) -> bool {
        let (stays, told) = oneshot::channel();
        let doubt = Doubt {
            generation,
            reason: refusal.clone(),
            stays,
        };
        if self.doubts.try_send(doubt).is_err() {
            return true;
        }
        let mut standing = self.standing.subscribe();
        let is_other = |standing: &Standing| match standing {
            Standing::Lost(_) => true,
            Standing::Serving(route) => route.generation != generation,
        };
        tokio::select! {
            _ = standing.wait_for(is_other) => false,
            Ok(()) = told => true,
            () = time::sleep(DOUBT_DEADLINE) => true,
        }
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
