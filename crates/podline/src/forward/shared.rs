use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use podline_cluster::{Cluster, Eyes, RemotePort, Target};
use podline_tunnel::{Pool, SessionError};
use podline_wire::Untrusted;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Ended;
use super::builder::Settings;
use super::register::Register;
use super::route::{Routes, Standing};
use super::served::ServedPod;
use super::sessions::Sessions;
use crate::Event;
use crate::events::Hub;

/// How long a refused connection waits to hear whether its pod is still the right one.
const DOUBT_DEADLINE: Duration = Duration::from_secs(2);
/// Reports that may wait for the supervisor; whoever has another one waits too.
const REPORTS: usize = 64;

/// What a connection has to say about a pod.
pub(super) enum Report {
    /// The pod refused a connection: is it still the right one?
    Doubt(Doubt),
    /// The pod's sandbox is not there any more.
    Gone { pod: Arc<ServedPod>, reason: Untrusted },
    /// No session to the pod could be had; it was a route of that generation.
    NoSession {
        pod: Arc<ServedPod>,
        generation: u64,
        error: SessionError,
    },
}

/// A connection was refused, and asks whether there is somewhere else to go.
pub(super) struct Doubt {
    /// The identities of the pods that refused it.
    pub(super) refused: Vec<String>,
    /// Told whether all that connections should go to now are among them.
    pub(super) stays: oneshot::Sender<bool>,
}

/// What the tasks of one forward share.
pub(super) struct Shared {
    pub(super) cluster: Cluster,
    pub(super) target: Target,
    pub(super) remotes: Vec<RemotePort>,
    pub(super) settings: Settings,
    pub(super) hub: Hub,
    pub(super) standing: watch::Sender<Standing>,
    reports: mpsc::Sender<Report>,
    /// Connections that were given a route.
    pub(super) turn: AtomicUsize,
    /// The connections that are open.
    pub(super) register: Register,
    /// Connections that wait for a route.
    pub(super) held: watch::Sender<usize>,
    /// The pods should be looked at now.
    pub(super) look: Notify,
    /// How well they are in sight, once they are watched.
    pub(super) eyes: OnceLock<Eyes>,
    /// WebSocket did not work and SPDY did.
    pub(super) fell_back: AtomicBool,
    /// A connection ended, so there is a file for another.
    pub(super) room: Notify,
    pub(super) out_of_files_was_said: AtomicBool,
    pub(super) last_id: AtomicU64,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
    pub(super) ended: watch::Sender<Option<Ended>>,
    /// All sessions that may still be in use.
    sessions: Mutex<Vec<Weak<Sessions>>>,
}

impl Shared {
    /// Connections are held at first. Also gives what the supervisor hears reports by.
    pub(super) fn new(
        cluster: Cluster,
        target: Target,
        remotes: Vec<RemotePort>,
        settings: Settings,
    ) -> (Self, mpsc::Receiver<Report>) {
        let (reports, receiver) = mpsc::channel(REPORTS);
        let shared = Self {
            cluster,
            target,
            remotes,
            settings,
            hub: Hub::default(),
            standing: watch::Sender::new(Standing::Lost(Untrusted::new("it has not begun"))),
            reports,
            turn: AtomicUsize::new(0),
            register: Register::default(),
            held: watch::Sender::new(0),
            look: Notify::new(),
            eyes: OnceLock::new(),
            fell_back: AtomicBool::new(false),
            room: Notify::new(),
            out_of_files_was_said: AtomicBool::new(false),
            last_id: AtomicU64::new(0),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            ended: watch::Sender::new(None),
            sessions: Mutex::new(Vec::new()),
        };
        (shared, receiver)
    }

    /// `sessions` have to be ended with the forward.
    pub(super) fn remember(&self, sessions: &Arc<Sessions>) {
        let mut all = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|sessions| sessions.strong_count() > 0);
        all.push(Arc::downgrade(sessions));
    }

    /// The pools of all sessions that may still be in use.
    pub(super) fn pools(&self) -> Vec<Pool> {
        let all = self.sessions().into_iter();
        all.filter_map(|sessions| sessions.made().cloned()).collect()
    }

    /// All sessions that may still be in use.
    pub(super) fn sessions(&self) -> Vec<Arc<Sessions>> {
        let all = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter_map(Weak::upgrade).collect()
    }

    /// What tells an event to whoever watches.
    pub(super) fn telling(&self) -> impl FnMut(Event) + '_ {
        |event| self.hub.tell(event)
    }

    /// Waits for routes later than the generation `after`. Whoever waits is counted as held.
    pub(super) async fn routes(&self, after: u64) -> Arc<Routes> {
        // No watcher is made where there is nothing to wait for.
        if let Some(routes) = self.routes_now(after) {
            return routes;
        }
        let _held = self.hold();
        let mut standing = self.standing.subscribe();
        loop {
            standing.mark_unchanged();
            if let Some(routes) = self.routes_now(after) {
                return routes;
            }
            // The sender is ours, so it is there.
            let _ = standing.changed().await;
        }
    }

    /// The routes now, if they are later than the generation `after`.
    pub(super) fn routes_now(&self, after: u64) -> Option<Arc<Routes>> {
        match &*self.standing.borrow() {
            Standing::Serving(routes) if routes.generation > after => Some(routes.clone()),
            _ => None,
        }
    }

    /// The next number of the connections that get a route.
    pub(super) fn next_turn(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// Why connections are held, if they are.
    pub(super) fn lost_reason(&self) -> Option<Untrusted> {
        match &*self.standing.borrow() {
            Standing::Lost(reason) => Some(reason.clone()),
            Standing::Serving(_) => None,
        }
    }

    /// Tells the supervisor. Later routes follow, if those of the report are the ones now.
    pub(super) async fn report(&self, report: Report) {
        // A supervisor that is gone has ended the forward too.
        let _ = self.reports.send(report).await;
    }

    /// Whether there is nowhere else to go for a connection that pods of these identities `refused`. If there is, it is
    /// among the routes now or later.
    pub(super) async fn stays(&self, refused: Vec<String>) -> bool {
        let (stays, told) = oneshot::channel();
        let doubt = Report::Doubt(Doubt { refused, stays });
        let ask = async {
            self.report(doubt).await;
            told.await.unwrap_or(true)
        };
        time::timeout(DOUBT_DEADLINE, ask).await.unwrap_or(true)
    }

    /// Whether a connection waits for a route.
    pub(super) fn is_holding(&self) -> bool {
        *self.held.borrow() > 0
    }

    /// A connection waits for a route for as long as what this gives lives.
    fn hold(&self) -> Held<'_> {
        self.held.send_modify(|held| *held += 1);
        Held(self)
    }
}

struct Held<'a>(&'a Shared);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.held.send_modify(|held| *held -= 1);
    }
}
