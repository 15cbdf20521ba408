use std::sync::Arc;
use std::time::Duration;

use podline_cluster::{FindError, Found, Kind, Target};
use podline_tunnel::{Pool, PoolEvent, PoolOptions, TransportChoice};
use podline_wire::Untrusted;
use tokio::sync::mpsc;
use tokio::time::{self, Instant, MissedTickBehavior};

use super::Ended;
use super::backoff::Backoff;
use super::choice::{Choice, fits};
use super::route::{Route, Standing, Trouble, address_of};
use super::shared::{Doubt, Shared};
use crate::Event;
use crate::reason::reason;

/// How long the API server may take to say which pods there are.
const FIND_DEADLINE: Duration = Duration::from_secs(15);
/// The least time between two tries to find a pod, however many connections ask for one.
const LEAST_PAUSE: Duration = Duration::from_millis(100);
/// How often the pod is looked at while nothing speaks against it.
const LOOK_PAUSE: Duration = Duration::from_secs(15);
/// The least time between two looks because of refused connections.
const DOUBT_PAUSE: Duration = Duration::from_secs(1);
/// How long connections to a pod that is gone may take to end by themselves; the runtime needs a second.
const GONE_GRACE: Duration = Duration::from_secs(5);

/// Keeps a forward on a pod: notices that it is gone, and moves to its successor.
pub(super) struct Supervisor {
    shared: Arc<Shared>,
    route: Arc<Route>,
    pool_events: Option<mpsc::Receiver<PoolEvent>>,
    doubts: mpsc::Receiver<Doubt>,
    transport: TransportChoice,
    not_ready_was_said: bool,
    last_look: Instant,
}

/// A route that works, and the events of its pool if it is a new one.
type Way = (Arc<Route>, Option<mpsc::Receiver<PoolEvent>>);

/// What makes the supervisor act.
enum Cause {
    Doubt(Doubt),
    Pool(PoolEvent),
    Time,
    Trouble(Option<Trouble>),
}

impl Supervisor {
    pub(super) fn new(
        shared: Arc<Shared>,
        route: Arc<Route>,
        pool_events: Option<mpsc::Receiver<PoolEvent>>,
        doubts: mpsc::Receiver<Doubt>,
        transport: TransportChoice,
        not_ready_was_said: bool,
    ) -> Self {
        Self {
            shared,
            route,
            pool_events,
            doubts,
            transport,
            not_ready_was_said,
            last_look: Instant::now(),
        }
    }

    pub(super) async fn run(mut self) {
        let stop = self.shared.stop.clone();
        stop.run_until_cancelled(self.supervise()).await;
    }

    async fn supervise(&mut self) {
        let mut troubles = self.shared.trouble.subscribe();
        let mut looks = time::interval_at(Instant::now() + LOOK_PAUSE, LOOK_PAUSE);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let cause = tokio::select! {
                Ok(()) = troubles.changed() => Cause::Trouble(troubles.borrow_and_update().clone()),
                Some(doubt) = self.doubts.recv() => Cause::Doubt(doubt),
                event = next(&mut self.pool_events) => Cause::Pool(event),
                _ = looks.tick() => Cause::Time,
            };
            let trouble = match cause {
                Cause::Doubt(doubt) => self.handle_doubt(doubt).await,
                Cause::Pool(event) => self.handle_pool_event(event),
                Cause::Time => self.look(None).await,
                Cause::Trouble(trouble) => trouble,
            };
            // Troubles with a route that connections do not take any more are over.
            let Some(trouble) = trouble.filter(|trouble| trouble.generation == self.route.generation) else {
                continue;
            };
            if self.shared.settings.exit_on_loss {
                self.shared.ended.send_replace(Some(Ended::Lost(trouble.reason)));
                self.shared.stop.cancel();
                return;
            }
            self.recover(trouble).await;
        }
    }

    fn handle_pool_event(&mut self, event: PoolEvent) -> Option<Trouble> {
        let mut trouble = None;
        let event = match event {
            PoolEvent::FellBack(error) => {
                // One refusal is enough: later pools do not ask in vain again.
                self.transport = TransportChoice::Spdy;
                Event::TransportFellBack(error)
            }
            PoolEvent::SessionFailed(error) => {
                trouble = error.is_pod_gone().then(|| self.trouble(true, reason(&error)));
                Event::SessionLost(error)
            }
            PoolEvent::SessionLost(error) => Event::SessionLost(error),
            PoolEvent::SessionUp(transport) => Event::SessionUp(transport),
            _ => return None,
        };
        self.shared.hub.tell(event);
        trouble
    }

    /// A connection was refused by the pod: because nothing listens there, or because the pod is on its way out?
    async fn handle_doubt(&mut self, doubt: Doubt) -> Option<Trouble> {
        if doubt.generation != self.route.generation {
            return None;
        }
        // Many may be refused at once; one look is enough for all of them.
        let trouble = if self.last_look.elapsed() < DOUBT_PAUSE {
            None
        } else {
            self.look(Some(doubt.reason)).await
        };
        if trouble.is_none() {
            let _ = doubt.stays.send(());
        }
        trouble
    }

    /// Looks whether connections should stay with the pod. `refusal` is the pod's, if it has refused one.
    async fn look(&mut self, refusal: Option<Untrusted>) -> Option<Trouble> {
        self.last_look = Instant::now();
        // A look that fails says nothing about the pod; sessions tell if there is no way to it.
        let found = self.find().await.ok()?;
        self.notice_a_gone_pod(&found).await;
        if fits(&found, &self.route.uid, refusal.is_some()) {
            return None;
        }
        let reason = refusal.unwrap_or_else(|| {
            let pod = Untrusted::new(&*self.route.pod.name);
            Untrusted::new(format!(
                "pod {pod} takes no connections of {} any more",
                self.shared.target
            ))
        });
        Some(self.trouble(true, reason))
    }

    /// Ends what is left of the connections to a pod that does not exist any more. The runtime ends them itself, as a
    /// rule; one whose packets died with the pod's network would wait for ever.
    async fn notice_a_gone_pod(&self, found: &Found) {
        let route = &self.route;
        if route.gone.is_cancelled() || found.pods.iter().any(|pod| pod.uid == route.uid) {
            return;
        }
        // A pod may have left the target without having ended: it has to be asked for by name.
        let pod = Target {
            namespace: Some(route.pod.namespace.clone()),
            kind: Kind::Pod,
            name: route.pod.name.clone(),
        };
        let is_gone = match time::timeout(FIND_DEADLINE, self.shared.cluster.find(&pod)).await {
            Ok(Ok(found)) => found.pods.iter().all(|pod| pod.uid != route.uid),
            Ok(Err(FindError::Refused(refusal))) => refusal.is_not_found(),
            Ok(Err(_)) | Err(_) => false,
        };
        if is_gone {
            let gone = route.gone.clone();
            self.shared
                .tasks
                .spawn(self.shared.stop.clone().run_until_cancelled_owned(async move {
                    time::sleep(GONE_GRACE).await;
                    gone.cancel();
                }));
        }
    }

    /// Tries until there is a route again; connections are held meanwhile.
    async fn recover(&mut self, trouble: Trouble) {
        let shared = self.shared.clone();
        tracing::debug!(reason = %trouble.reason, gone = trouble.is_gone, "connections are held");
        shared
            .standing
            .send_replace(Standing::Lost(trouble.reason.clone()));
        let mut backoff = Backoff::new();
        let mut was_said = false;
        for attempt in 0.. {
            match self.find_way(trouble.is_gone, attempt).await {
                Ok(way) => return self.take(way, was_said),
                Err(reason) => {
                    tracing::debug!(%reason, "there is no pod to connect to yet");
                    if !was_said {
                        was_said = true;
                        shared.hub.tell(Event::PodLost {
                            pod: self.route.pod.clone(),
                            owner: self.route.owner.clone(),
                            reason: reason.clone(),
                        });
                    }
                    shared.standing.send_replace(Standing::Lost(reason));
                }
            }
            let pause = backoff.pause(shared.is_holding(), fastrand::u64(..));
            time::sleep(pause.min(LEAST_PAUSE)).await;
            tokio::select! {
                () = time::sleep(pause.saturating_sub(LEAST_PAUSE)) => {}
                () = shared.held_one_more.notified() => {}
            }
        }
    }

    /// A route to the pod that should be tried now. `is_gone`: the sessions to the present pod are of no more use.
    async fn find_way(&mut self, is_gone: bool, attempt: usize) -> Result<Way, Untrusted> {
        let found = self.find().await?;
        self.notice_a_gone_pod(&found).await;
        let shared = &self.shared;
        let present = self.route.uid.as_str();
        let choice = Choice::of(&found, is_gone.then_some(present));
        let pod = choice
            .pod((!is_gone).then_some(present), attempt)
            .ok_or_else(|| Untrusted::new(format!("no pod of {} is running", shared.target)))?;
        let (pool, events) = if !is_gone && pod.uid == present {
            (self.route.pool.clone(), None)
        } else {
            let options = PoolOptions {
                transport: self.transport,
                ..PoolOptions::default()
            };
            let pool = Pool::new(Arc::new(shared.cluster.clone()), address_of(pod), options);
            let events = pool.events();
            (pool, events)
        };
        // A lane that can be had shows that there is a way; it goes back unused.
        drop(pool.lend().await.map_err(|error| reason(&error))?);
        if choice.is_makeshift && !self.not_ready_was_said {
            self.not_ready_was_said = true;
            shared.hub.tell(Event::NotReady(address_of(pod)));
        }
        let generation = self.route.generation + 1;
        let route = Route::new(generation, &found, pod, &shared.remotes, pool);
        Ok((Arc::new(route), events))
    }

    async fn find(&self) -> Result<Found, Untrusted> {
        time::timeout(FIND_DEADLINE, self.shared.cluster.find(&self.shared.target))
            .await
            .map_err(|_| Untrusted::new("the API server did not say which pods there are"))?
            .map_err(|error| reason(&error))
    }

    fn take(&mut self, (route, events): Way, loss_was_said: bool) {
        let from = self.route.pod.clone();
        let to = route.pod.clone();
        let is_other = route.uid != self.route.uid;
        if events.is_some() {
            // Its connections go on, but it asks for no more sessions to a pod that may be gone.
            self.route.pool.retire();
            self.pool_events = events;
        }
        self.route = route.clone();
        self.shared.serve(route);
        if is_other {
            self.shared.hub.tell(Event::PodChanged { from, to });
        } else if loss_was_said {
            self.shared.hub.tell(Event::PodBack(to));
        }
    }

    fn trouble(&self, is_gone: bool, reason: Untrusted) -> Trouble {
        Trouble {
            generation: self.route.generation,
            is_gone,
            reason,
        }
    }
}

/// The next event of a pool, if it is known whose.
async fn next(events: &mut Option<mpsc::Receiver<PoolEvent>>) -> PoolEvent {
    let event = match events {
        Some(receiver) => receiver.recv().await,
        None => None,
    };
    match event {
        Some(event) => event,
        None => {
            *events = None;
            std::future::pending().await
        }
    }
}
