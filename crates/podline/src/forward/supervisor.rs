use std::sync::Arc;
use std::time::Duration;

use podline_tunnel::{Pool, PoolEvent, PoolOptions, TransportChoice};
use podline_wire::Untrusted;
use tokio::sync::mpsc;
use tokio::time;

use super::Ended;
use super::backoff::Backoff;
use super::choice::choose;
use super::route::{Route, Standing, Trouble, address_of};
use super::shared::Shared;
use crate::Event;
use crate::reason::reason;

/// How long the API server may take to say which pods there are.
const FIND_DEADLINE: Duration = Duration::from_secs(15);
/// The least time between two tries to find a pod, however many connections ask for one.
const LEAST_PAUSE: Duration = Duration::from_millis(100);

/// Keeps a forward on a pod: notices that it is gone, and moves to its successor.
pub(super) struct Supervisor {
    pub(super) shared: Arc<Shared>,
    pub(super) route: Arc<Route>,
    pub(super) pool_events: Option<mpsc::Receiver<PoolEvent>>,
    pub(super) transport: TransportChoice,
    pub(super) not_ready_was_said: bool,
}

/// A route that works, and the events of its pool if it is a new one.
type Way = (Arc<Route>, Option<mpsc::Receiver<PoolEvent>>);

impl Supervisor {
    pub(super) async fn run(mut self) {
        let stop = self.shared.stop.clone();
        stop.run_until_cancelled(self.supervise()).await;
    }

    async fn supervise(&mut self) {
        let mut troubles = self.shared.trouble.subscribe();
        loop {
            let trouble = tokio::select! {
                changed = troubles.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    troubles.borrow_and_update().clone()
                }
                event = next(&mut self.pool_events) => self.handle_pool_event(event),
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
                trouble = error.is_pod_gone().then(|| Trouble {
                    generation: self.route.generation,
                    is_gone: true,
                    reason: reason(&error),
                });
                Event::SessionLost(error)
            }
            PoolEvent::SessionLost(error) => Event::SessionLost(error),
            PoolEvent::SessionUp(transport) => Event::SessionUp(transport),
            _ => return None,
        };
        self.shared.hub.tell(event);
        trouble
    }

    /// Tries until there is a route again; connections are held meanwhile.
    async fn recover(&mut self, trouble: Trouble) {
        let shared = self.shared.clone();
        tracing::debug!(reason = %trouble.reason, gone = trouble.is_gone, "connections are held");
        shared
            .standing
            .send_replace(Standing::Lost(trouble.reason.clone()));
        let gone = trouble.is_gone.then(|| self.route.uid.clone());
        let mut backoff = Backoff::new();
        let mut was_said = false;
        loop {
            match self.find(gone.as_deref()).await {
                Ok(found) => return self.take(found, was_said),
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

    async fn find(&mut self, gone: Option<&str>) -> Result<Way, Untrusted> {
        let shared = self.shared.clone();
        let found = time::timeout(FIND_DEADLINE, shared.cluster.find(&shared.target))
            .await
            .map_err(|_| Untrusted::new("the API server did not say which pods there are"))?
            .map_err(|error| reason(&error))?;
        let choice = choose(&found, gone)
            .ok_or_else(|| Untrusted::new(format!("no pod of {} is running", shared.target)))?;
        let is_same = gone.is_none() && choice.pod.uid == self.route.uid;
        let (pool, events) = if is_same {
            (self.route.pool.clone(), None)
        } else {
            let options = PoolOptions {
                transport: self.transport,
                ..PoolOptions::default()
            };
            let pool = Pool::new(Arc::new(shared.cluster.clone()), address_of(choice.pod), options);
            let events = pool.events();
            (pool, events)
        };
        // A lane that can be had shows that there is a way; it goes back unused.
        drop(pool.lend().await.map_err(|error| reason(&error))?);
        if choice.is_makeshift && !self.not_ready_was_said {
            self.not_ready_was_said = true;
            shared.hub.tell(Event::NotReady(address_of(choice.pod)));
        }
        let generation = self.route.generation + 1;
        let route = Route::new(generation, &found, choice.pod, &shared.remotes, pool);
        Ok((Arc::new(route), events))
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
