use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use podline_tunnel::pool::PoolEvent;
use podline_tunnel::{PodAddress, Pool, PoolOptions, TransportChoice};
use podline_wire::pool::PoolConfig;
use tokio::sync::mpsc;

use super::route::Standing;
use super::served::ServedPod;
use super::shared::{Report, Shared};
use crate::Event;
use crate::reason::reason;

/// The sessions to one pod, none of which is made before a connection goes there or some are to be kept ready.
pub(super) struct Sessions {
    pod: Arc<ServedPod>,
    pool: OnceLock<Pool>,
}

impl Sessions {
    pub(super) fn new(pod: Arc<ServedPod>) -> Self {
        Self {
            pod,
            pool: OnceLock::new(),
        }
    }

    /// Their pool, made now if there is none yet.
    pub(super) fn pool(self: &Arc<Self>, shared: &Arc<Shared>) -> &Pool {
        self.pool.get_or_init(|| {
            let pool = make(&self.pod.address, shared);
            if let Some(events) = pool.events() {
                let follow = follow(events, shared.clone(), self.pod.clone());
                let stop = shared.stop.clone();
                shared
                    .tasks
                    .spawn(async move { stop.run_until_cancelled(follow).await });
            }
            shared.remember(self);
            pool
        })
    }

    /// The pod that they lead to.
    pub(super) fn pod(&self) -> &ServedPod {
        &self.pod
    }

    /// Their pool, if it was made.
    pub(super) fn made(&self) -> Option<&Pool> {
        self.pool.get()
    }

    /// Keeps `floor` idle sessions ready.
    pub(super) fn set_floor(self: &Arc<Self>, floor: usize, shared: &Arc<Shared>) {
        if floor > 0 {
            self.pool(shared).set_floor(floor);
        } else if let Some(pool) = self.made() {
            pool.set_floor(0);
        }
    }

    /// Keeps nothing ready any more. Live connections go on.
    pub(super) fn retire(&self) {
        if let Some(pool) = self.made() {
            pool.retire();
        }
    }
}

fn make(pod: &PodAddress, shared: &Shared) -> Pool {
    let settings = &shared.settings;
    // One refusal is enough: later pools do not ask in vain again.
    let transport = if shared.fell_back.load(Ordering::Relaxed) {
        TransportChoice::Spdy
    } else {
        settings.transport
    };
    let options = PoolOptions {
        transport,
        config: PoolConfig {
            floor: 0,
            isolated: settings.max_sessions,
            ..PoolConfig::default()
        },
        stalled_reader: settings.stalled_reader,
    };
    Pool::new(Arc::new(shared.cluster.clone()), pod.clone(), options)
}

/// Tells what happens to the sessions, until they are no more.
async fn follow(mut events: mpsc::Receiver<PoolEvent>, shared: Arc<Shared>, pod: Arc<ServedPod>) {
    // Before a forward has begun nobody watches it.
    let begun = |standing: &Standing| matches!(standing, Standing::Serving(_));
    if shared.standing.subscribe().wait_for(begun).await.is_err() {
        return;
    }
    while let Some(event) = events.recv().await {
        let event = match event {
            PoolEvent::FellBack(_) if shared.fell_back.swap(true, Ordering::Relaxed) => continue,
            PoolEvent::FellBack(error) => Event::TransportFellBack(error),
            PoolEvent::SessionFailed(error) => {
                if error.is_pod_gone() {
                    let reason = reason(&error);
                    let pod = pod.clone();
                    shared.report(Report::Gone { pod, reason }).await;
                }
                Event::SessionLost(error)
            }
            PoolEvent::SessionLost(error) => Event::SessionLost(error),
            PoolEvent::SessionUp(transport) => Event::SessionUp(transport),
            _ => continue,
        };
        shared.hub.tell(event);
    }
}
