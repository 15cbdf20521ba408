//! Performs the pool of one pod: makes sessions, lends their lanes, closes what is not needed.

mod connect;
mod keeper;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use podline_wire::Time;
use podline_wire::pool::{self, Action, PoolConfig, RequestKey, SessionKey};
use podline_wire::session::Peer;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::AbortHandle;

use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::request;
use crate::session::{Closing, Shared};
use crate::{Lane, PodAddress, SessionError, Transport, TransportChoice, Upgrade};

/// How long the ends of live connections are awaited at shutdown: the runtime's own second and a little.
pub const SHUTDOWN_DEADLINE: Duration = Duration::from_millis(1300);

/// Events that wait for whoever watches; more are dropped.
const EVENTS: usize = 64;

/// How long a connection may take nothing while a neighbour waits behind it, where nothing else was asked for.
const STALLED_READER: Duration = Duration::from_secs(5);

/// How a pool is to be.
#[derive(Clone, Copy, Debug)]
pub struct PoolOptions {
    /// How sessions are asked for.
    pub transport: TransportChoice,
    /// What the pool aims at.
    pub config: PoolConfig,
    /// How long a connection may take nothing while a neighbour waits behind it; it is reset then.
    pub stalled_reader: Duration,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            transport: TransportChoice::default(),
            config: PoolConfig::default(),
            stalled_reader: STALLED_READER,
        }
    }
}

/// What happened to a pool's sessions.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PoolEvent {
    /// WebSocket did not work and SPDY did; SPDY is used from now on.
    FellBack(SessionError),
    /// A session could not be made.
    SessionFailed(SessionError),
    /// A session ended that was not ended by us.
    SessionLost(SessionError),
    /// A session is ready.
    SessionUp(Transport),
}

/// The sessions of one pod. Cheap to clone; they end with [`Pool::shutdown`], or with the last clone.
#[derive(Clone)]
pub struct Pool {
    state: Arc<State>,
    /// Ends the pool's task when the last clone goes.
    _keeper: Arc<keeper::Guard>,
}

struct State {
    cluster: Arc<dyn Upgrade>,
    pod: PodAddress,
    transport: TransportChoice,
    stalled_reader: Duration,
    clock: Clock,
    inner: Mutex<Inner>,
    /// Something changed that the keeper's timer depends on.
    changed: Notify,
    /// A session is over.
    removed: Notify,
    first: watch::Sender<Option<Result<Transport, SessionError>>>,
    events: mpsc::Sender<PoolEvent>,
    watcher: Mutex<Option<mpsc::Receiver<PoolEvent>>>,
}

struct Inner {
    policy: pool::Pool,
    sessions: BTreeMap<SessionKey, Live>,
    waiting: BTreeMap<RequestKey, oneshot::Sender<Result<Lane, SessionError>>>,
    peer: Option<Peer>,
    /// The transport that worked.
    worked: Option<Transport>,
    /// Why a session could not be made, the last time.
    failure: Option<SessionError>,
    /// None was made since.
    is_failing: bool,
    /// When the keeper looks next, if it sleeps.
    armed: Option<Time>,
    entropy: Entropy,
}

enum Live {
    Connecting(AbortHandle),
    Ready(Arc<Shared>),
}

impl Pool {
    /// A pool for `pod`. It makes its first sessions with [`Pool::ready`] or [`Pool::lend`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(cluster: Arc<dyn Upgrade>, pod: PodAddress, options: PoolOptions) -> Self {
        let clock = Clock::new();
        let (events, watcher) = mpsc::channel(EVENTS);
        let state = Arc::new(State {
            cluster,
            pod,
            transport: options.transport,
            stalled_reader: options.stalled_reader,
            clock,
            inner: Mutex::new(Inner {
                policy: pool::Pool::new(clock.now(), options.config),
                sessions: BTreeMap::new(),
                waiting: BTreeMap::new(),
                peer: None,
                worked: None,
                failure: None,
                is_failing: false,
                armed: None,
                entropy: Entropy::default(),
            }),
            changed: Notify::new(),
            removed: Notify::new(),
            first: watch::Sender::new(None),
            events,
            watcher: Mutex::new(Some(watcher)),
        });
        let keeper = Arc::new(keeper::start(&state));
        Self {
            state,
            _keeper: keeper,
        }
    }

    /// The pod at the other end.
    pub fn pod(&self) -> &PodAddress {
        &self.state.pod
    }

    /// Waits until a session is ready.
    ///
    /// # Errors
    /// None could be made.
    pub async fn ready(&self) -> Result<Transport, SessionError> {
        self.state.act(pool::Pool::handle_timeout);
        let mut first = self.state.first.subscribe();
        let outcome = first
            .wait_for(Option::is_some)
            .await
            .map_err(|_| SessionError::ShutDown)?;
        outcome.clone().expect("it was waited for")
    }

    /// Lends a lane for one new connection: at once if one is free, else when the next session is ready.
    ///
    /// # Errors
    /// No session could be made.
    pub async fn lend(&self) -> Result<Lane, SessionError> {
        let (sender, mut receiver) = oneshot::channel();
        let request = {
            let mut inner = self.state.lock();
            let now = self.state.clock.now();
            let request = inner.policy.handle_request(now).ok_or(SessionError::ShutDown)?;
            inner.waiting.insert(request, sender);
            request
        };
        let mut cancel = Cancel {
            state: &self.state,
            request: Some(request),
        };
        self.state.perform();
        let lent = (&mut receiver).await;
        cancel.request = None;
        lent.unwrap_or(Err(SessionError::ShutDown))
    }

    /// What keeps a connection from getting a lane: why the last session could not be made, if none was made since, or that
    /// there is no answer to the request for one.
    pub fn hindrance(&self) -> Option<SessionError> {
        let inner = self.state.lock();
        let is_connecting = || {
            let mut sessions = inner.sessions.values();
            sessions.any(|live| matches!(live, Live::Connecting(_)))
        };
        let unanswered = || is_connecting().then(|| request::unanswered().into());
        let failure = inner.failure.as_ref().filter(|_| inner.is_failing);
        failure.cloned().or_else(unanswered)
    }

    /// How many sessions are ready, idle ones and those in use.
    pub fn sessions(&self) -> usize {
        let inner = self.state.lock();
        inner
            .sessions
            .values()
            .filter(|session| matches!(session, Live::Ready(_)))
            .count()
    }

    /// What happens to the sessions from now on. None if it was taken before.
    pub fn events(&self) -> Option<mpsc::Receiver<PoolEvent>> {
        self.state
            .watcher
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Keeps `floor` idle sessions ready from now on.
    pub fn set_floor(&self, floor: usize) {
        self.state.act(|policy, now| policy.set_floor(now, floor));
    }

    /// Keeps no session ready any more, for instance because the pod is gone. Live connections go on.
    pub fn retire(&self) {
        self.state.act(pool::Pool::retire);
    }

    /// Ends all connections by reset, and the sessions as soon as the peer has answered, after
    /// [`SHUTDOWN_DEADLINE`] at most. Closing sooner would leave connections to the pod open in the runtime.
    pub async fn shutdown(&self) {
        let until = self.state.clock.now() + SHUTDOWN_DEADLINE;
        {
            let mut inner = self.state.lock();
            inner.policy.close();
            inner.waiting.clear();
            inner.sessions.retain(|_, live| match live {
                Live::Connecting(task) => {
                    task.abort();
                    false
                }
                Live::Ready(session) => {
                    session.lock().close(Closing::Until(until));
                    true
                }
            });
        }
        // Each session's task takes itself out when it is done; the farewell has a deadline of its own.
        loop {
            let changed = self.state.removed.notified();
            if self.state.lock().sessions.is_empty() {
                return;
            }
            changed.await;
        }
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the policy something and does what it says.
    fn act(self: &Arc<Self>, tell: impl FnOnce(&mut pool::Pool, Time)) {
        tell(&mut self.lock().policy, self.clock.now());
        self.perform();
    }

    fn perform(self: &Arc<Self>) {
        let mut inner = self.lock();
        while let Some(action) = inner.policy.poll_action() {
            match action {
                Action::Connect(key) => {
                    let task = tokio::spawn(connect::run(self.clone(), key, inner.worked));
                    inner.sessions.insert(key, Live::Connecting(task.abort_handle()));
                }
                Action::Close(key) => {
                    if let Some(Live::Ready(session)) = inner.sessions.get(&key) {
                        session.lock().close(Closing::Now);
                    }
                }
                Action::Prove(key) => {
                    if let Some(Live::Ready(session)) = inner.sessions.get(&key) {
                        session.lock().prove();
                    }
                }
                Action::Lend(request, key) => inner.lend(request, key, false),
                Action::Share(request, key) => inner.lend(request, key, true),
                Action::Refuse(request, _) => {
                    let error = inner.failure.clone().unwrap_or(SessionError::ShutDown);
                    if let Some(sender) = inner.waiting.remove(&request) {
                        let _gone = sender.send(Err(error));
                    }
                }
                _ => {}
            }
        }
        let now = self.clock.now();
        let due = inner.policy.poll_timeout(now).map(|(at, _)| at);
        // A keeper that looks too early looks again; only one that would look too late is told.
        let is_late = due.is_some_and(|due| inner.armed.is_some_and(|armed| due < armed));
        if is_late {
            inner.armed = None;
        }
        drop(inner);
        if is_late {
            self.changed.notify_waiters();
        }
    }

    /// The machine slept: all sessions are asked for a sign of life.
    fn handle_wake(self: &Arc<Self>) {
        for session in self.lock().ready() {
            session.lock().handle_wake();
        }
        self.act(pool::Pool::handle_wake);
    }

    fn tell(&self, event: PoolEvent) {
        // Whoever watches too slowly misses some; the sessions do not wait.
        let _missed = self.events.try_send(event);
    }
}

impl Inner {
    fn ready(&self) -> impl Iterator<Item = &Arc<Shared>> {
        self.sessions.values().filter_map(|live| match live {
            Live::Ready(session) => Some(session),
            Live::Connecting(_) => None,
        })
    }

    fn lend(&mut self, request: RequestKey, key: SessionKey, shared: bool) {
        let Some(Live::Ready(session)) = self.sessions.get(&key) else {
            return;
        };
        let lane = Lane::new(session.clone(), shared);
        if let Some(sender) = self.waiting.remove(&request) {
            // A connection that went away meanwhile gives its lane back by dropping it.
            let _gone = sender.send(Ok(lane));
        }
    }
}

/// Takes back the request of a connection that waits no longer.
struct Cancel<'a> {
    state: &'a Arc<State>,
    request: Option<RequestKey>,
}

impl Drop for Cancel<'_> {
    fn drop(&mut self) {
        if let Some(request) = self.request {
            let mut inner = self.state.lock();
            inner.waiting.remove(&request);
            inner.policy.handle_cancel(request);
        }
    }
}
