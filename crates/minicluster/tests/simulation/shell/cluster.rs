//! What the shell takes for a cluster.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use fastrand::Rng;
use http::{Method, Request, Response};
use podline_tunnel::{Upgrade, UpgradeAnswer, UpgradeFailure};
use podline_wire::{Role, Time, websocket::handshake};
use tokio::time::{Instant, sleep, sleep_until};

use super::{connection::Connection, remote::Remote};
use crate::{
    facts::Facts,
    framing::Framing,
    network::{Direction, may_lose_session},
    node::Node,
    pod::PodPlan,
    pool::{Happening, Outage, PoolPlan},
};

/// The cluster of one simulation. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    epoch: Instant,
    state: Arc<Mutex<State>>,
}

/// What all ends of a simulation share.
#[derive(Debug)]
pub(super) struct State {
    pub(super) plan: PoolPlan,
    pub(super) pods: Vec<PodPlan>,
    pub(super) facts: Vec<Facts>,
    pub(super) remotes: Vec<Remote>,
    pub(super) outage: Option<Outage>,
    pub(super) released: bool,
    pub(super) error: Option<String>,
    rng: Rng,
}

impl Cluster {
    pub(super) fn new(plan: PoolPlan, rng: Rng) -> Self {
        Self {
            epoch: Instant::now(),
            state: Arc::new(Mutex::new(State {
                pods: plan.pods.clone(),
                facts: plan.callers.iter().map(|_| Facts::default()).collect(),
                remotes: Vec::new(),
                outage: None,
                released: false,
                error: None,
                rng,
                plan,
            })),
        }
    }

    pub(super) fn now(&self) -> Time {
        Time::from_duration(self.epoch.elapsed())
    }

    pub(super) async fn until(&self, time: Time) {
        sleep_until(self.epoch + time.as_duration()).await;
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what can be done now under the connection `index`, and wakes whoever waits for it.
    pub(super) fn step(&self, index: usize) {
        self.lock().step(index, self.now());
    }

    /// Keeps the time of one connection, to the end of what is under it.
    async fn keep(self, index: usize) {
        let changed = self.lock().remotes[index].changed.clone();
        loop {
            self.step(index);
            let next = self.lock().remotes[index].next(self.now());
            let due = async {
                match next {
                    Some(at) => self.until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                () = changed.notified() => {}
            }
        }
    }

    fn connect(&self, websocket: bool) -> Connection {
        let now = self.now();
        let mut state = self.lock();
        let index = state.remotes.len();
        let mut path = state.plan.paths[index % state.plan.paths.len()].clone();
        if state.released {
            path.up.cut = None;
            path.down.cut = None;
        }
        let may_be_lost = may_lose_session(&path.up, &path.down);
        let framing = Framing::new(websocket, Role::Server, state.rng.fork());
        let node = Node::new(now, state.plan.flavor, state.plan.reply, framing);
        let [up, down] = [path.up, path.down].map(|plan| Direction::new(plan, state.rng.fork()));
        state.remotes.push(Remote::new(up, down, node, may_be_lost));
        tokio::spawn(self.clone().keep(index));
        Connection::new(self.clone(), index)
    }
}

impl State {
    pub(super) fn step(&mut self, index: usize, now: Time) {
        let remote = &mut self.remotes[index];
        if let Err(error) = remote.step(now, &self.pods, &mut self.facts) {
            self.error.get_or_insert(error);
        }
        for waker in remote.waiting.drain(..) {
            waker.wake();
        }
    }

    /// What happens to all sessions or to the pod happens.
    pub(super) fn suffer(&mut self, now: Time, happening: Happening) {
        match happening {
            Happening::OutageBegins { cut, outage } => {
                self.outage = Some(outage);
                for remote in self.remotes.iter_mut().filter(|remote| remote.has_client()) {
                    remote.cut(now, cut);
                }
            }
            Happening::OutageEnds => self.outage = None,
            Happening::PodEnds { how, dials } => {
                for remote in &mut self.remotes {
                    remote.node.kill(now, how, &mut self.facts);
                }
                for pod in &mut self.pods {
                    pod.dial.1 = Err(dials);
                }
            }
            Happening::PodStarts => self.pods = self.plan.pods.clone(),
            // The pool's own; that the machine slept, the shell sees by itself.
            Happening::Retire | Happening::SetFloor(_) | Happening::Wake => {}
        }
        self.step_all(now);
    }

    /// Steps them all, because something has happened to all.
    pub(super) fn step_all(&mut self, now: Time) {
        for index in 0..self.remotes.len() {
            self.step(index, now);
            self.remotes[index].changed.notify_one();
        }
    }
}

impl Upgrade for Cluster {
    fn upgrade(
        &self,
        request: Request<()>,
    ) -> Pin<Box<dyn Future<Output = Result<UpgradeAnswer, UpgradeFailure>> + Send + '_>> {
        Box::pin(async move {
            let (takes, made, retry_after) = {
                let mut state = self.lock();
                let connects = state.plan.connects;
                match state.outage {
                    Some(outage) => (outage.takes, false, outage.retry_after),
                    None => (
                        connects.shortest + (connects.longest - connects.shortest).mul_f64(state.rng.f64()),
                        state.rng.u8(..) >= connects.failing || state.released,
                        connects.retry_after,
                    ),
                }
            };
            sleep(takes).await;
            if !made || self.lock().outage.is_some() {
                let head = Response::builder().status(if retry_after.is_some() { 429 } else { 503 });
                let head = match retry_after {
                    Some(time) => head.header("retry-after", time.as_secs()),
                    None => head,
                };
                let (head, ()) = head.body(()).expect("a head").into_parts();
                return Ok(UpgradeAnswer::Refused {
                    head,
                    body: Bytes::new(),
                });
            }
            let websocket = request.method() == Method::GET;
            let head = Response::builder().status(101).header("connection", "Upgrade");
            let head = if websocket {
                let key = request.headers()["sec-websocket-key"].to_str().expect("a key");
                head.header("upgrade", "websocket")
                    .header("sec-websocket-accept", handshake::accept(key))
                    .header("sec-websocket-protocol", "SPDY/3.1+portforward.k8s.io")
            } else {
                head.header("upgrade", "SPDY/3.1")
                    .header("x-stream-protocol-version", "portforward.k8s.io")
            };
            let (head, ()) = head.body(()).expect("a head").into_parts();
            Ok(UpgradeAnswer::Switched {
                head,
                io: Box::new(self.connect(websocket)),
                read_ahead: Bytes::new(),
            })
        })
    }
}
