use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;

use podline_cluster::Eyes;
use podline_tunnel::{Lane, PairReceiver, PairSender};
use podline_wire::Untrusted;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::judge::judge;
use super::route::{Route, Routes};
use super::search::Search;
use super::served::ServedPod;
use super::shared::{Report, Shared};
use crate::carrier::{Carried, Carrier, Closed, Early, Evidence, Judge, Stop, chunk_of, failed};
use crate::socket::reset;
use crate::{Connection, End, Event, Outcome, Tap, Way};

/// How many sessions one connection may lose before a byte of it can have reached an app.
const SESSIONS: u32 = 5;

/// One accepted connection, from a pod for it to its outcome.
pub(super) struct Accepted {
    pub(super) shared: Arc<Shared>,
    pub(super) id: u64,
    pub(super) local: SocketAddr,
    pub(super) peer: SocketAddr,
    /// Which port of the forward it is for.
    pub(super) index: usize,
}

/// A pair of streams on a session.
type Pair = (PairSender, PairReceiver);

/// A connection's stay with one pod.
struct Passage {
    route: Arc<Route>,
    /// The number of the session, among those to the pod.
    session: u64,
    opened: Instant,
    has_left: bool,
}

impl Accepted {
    /// Carries the connection of `app` to its end, and tells what came of it.
    pub(super) async fn serve(self, app: TcpStream) {
        let accepted = Instant::now();
        // Small packets leave at once; a socket that refuses this is broken and says so soon.
        let _ = app.set_nodelay(true);
        // A session whose end has arrived already must not be lent: its task has its turn first.
        tokio::task::yield_now().await;
        let entry = self.shared.register.enter(self.id, &self.shared.stop);
        let taps = self.shared.settings.taps.as_ref();
        let tap = taps.and_then(|taps| taps.tap(&Connection::new(self.id, self.local, self.peer)));
        let (closed, is_counted) = self.carry(app, tap, &entry.stop).await;
        let Closed {
            carried,
            end,
            observer: mut tap,
        } = closed;
        let end = match end {
            End::ShutDown if !self.shared.stop.is_cancelled() => End::Killed,
            end => end,
        };
        drop(entry);
        let outcome = Outcome {
            sent: carried.sent,
            received: carried.received,
            duration: accepted.elapsed(),
            end,
        };
        if let Some(tap) = &mut tap {
            tap.ended(&outcome);
        }
        let Self {
            shared, id, local, ..
        } = self;
        shared.room.notify_waiters();
        shared.hub.tell(Event::ConnectionEnded {
            id,
            local,
            outcome,
            is_counted,
        });
    }

    /// Carries it until `stop` or its end. Also says whether it is told of by a number too, with what ended its pod.
    async fn carry(
        &self,
        app: TcpStream,
        mut tap: Option<Box<dyn Tap>>,
        stop: &CancellationToken,
    ) -> (Closed, bool) {
        let shared = &self.shared;
        let mut search = Search::new(stop);
        let (mut passage, pair, early) = match self.open(&app, &mut search).await {
            Ok(opened) => opened,
            Err(end) => {
                reset(app);
                let closed = Closed {
                    carried: Carried::default(),
                    end,
                    observer: tap,
                };
                return (closed, false);
            }
        };
        if let (Some(tap), Some(way)) = (&mut tap, self.way(&passage)) {
            tap.opened(&way);
        }
        let mut carrier = Carrier::new(app, pair, early, shared.settings.half_close_linger, tap);
        loop {
            let why = tokio::select! {
                why = carrier.copy(stop) => why,
                text = passage.gone() => Stop::Pair(End::PodDied(text)),
            };
            let said = carrier.said();
            let may_begin_anew = self
                .may_begin_anew(&why, said.map(<[u8]>::is_empty), &passage, &mut search)
                .await;
            let why = match said.filter(|_| may_begin_anew) {
                None => why,
                Some(said) => match self.open_anew(carrier.app(), said, &mut search).await {
                    Ok((next, pair)) => {
                        passage = next;
                        carrier.begin_anew(pair, self.way(&passage).as_ref());
                        continue;
                    }
                    Err(end) => Stop::Pair(end),
                },
            };
            if matches!(why, Stop::AppClosed) {
                // What is left is the runtime's; nobody is served by it.
                passage.leave();
            }
            let judge = PodJudge {
                shared,
                pod: &passage.route.pod,
            };
            let closed = carrier.close(why, stop, &judge).await;
            let is_counted = closed.end.is_loss_of_pod() && passage.route.pod.count_lost();
            return (closed, is_counted);
        }
    }

    /// Whether another pod may be tried, now that the connection to one has ended. `said`: the app's words are all known,
    /// and whether there are none.
    async fn may_begin_anew(
        &self,
        why: &Stop,
        said: Option<bool>,
        passage: &Passage,
        search: &mut Search,
    ) -> bool {
        let Stop::Pair(end) = why else { return false };
        let route = &passage.route;
        if passage.opened.elapsed() >= self.shared.settings.hold {
            // What was before has nothing to do with it.
            *search = Search::new(&search.stop);
        }
        match end {
            // The runtime has not even looked for the port: no byte has reached an app.
            End::PodGone(text) => {
                search.refused.push(route.clone());
                let (pod, reason) = (route.pod.clone(), text.clone());
                self.shared.report(Report::Gone { pod, reason }).await;
                said.is_some()
            }
            // It could not connect to the port: neither.
            End::Refused(_) => {
                search.refused.push(route.clone());
                self.shared.look.notify_one();
                said.is_some() && self.has_elsewhere_to_go(search).await
            }
            // Nothing was said, so there is nothing that could have been heard. The same pod will do.
            End::SessionLost(_) => {
                search.lost_sessions += 1;
                said == Some(true) && search.lost_sessions < SESSIONS
            }
            _ => false,
        }
    }

    /// Whether there is a pod, or soon will be, that has not refused the connection.
    async fn has_elsewhere_to_go(&self, search: &Search) -> bool {
        let routes = self.shared.routes_now(search.after);
        let is_other = |routes: Arc<Routes>| routes.pick(0, self.index, &search.refused).is_some();
        if routes.is_some_and(is_other) {
            return true;
        }
        let refused = search.refused.iter();
        let refused = refused.map(|route| route.pod.uid.clone()).collect();
        !self.shared.stays(refused).await
    }

    /// The way of `passage`, as it is told to taps.
    fn way(&self, passage: &Passage) -> Option<Way> {
        let Route { pod, ports, .. } = &*passage.route;
        let port = ports[self.index].as_ref().ok()?;
        Some(Way::new(pod.address.clone(), pod.ip, *port, passage.session))
    }

    /// Opens a pair to the pod whose turn it is, or to the next one that there is, and takes what the app has said by
    /// then.
    async fn open(&self, app: &TcpStream, search: &mut Search) -> Result<(Passage, Pair, Early), End> {
        let mut taken = None;
        loop {
            let (route, port, lane) = self.lane(app, search).await?;
            let early = match taken.take() {
                Some(early) => early,
                None => Early::take(app).map_err(|_| End::AppReset)?,
            };
            let session = lane.session();
            match lane.open_with(port, early.chunk()) {
                Ok(pair) => return Ok((Passage::new(route, session), pair, early)),
                // The session ended since the lane was lent: there are others.
                Err(_) => taken = Some(early),
            }
        }
    }

    /// Opens another pair, with what the app has said.
    async fn open_anew(
        &self,
        app: &TcpStream,
        said: &[u8],
        search: &mut Search,
    ) -> Result<(Passage, Pair), End> {
        loop {
            let (route, port, lane) = self.lane(app, search).await?;
            let session = lane.session();
            if let Ok(pair) = lane.open_with(port, chunk_of(said)) {
                return Ok((Passage::new(route, session), pair));
            }
        }
    }

    /// Waits for a lane, and not for an app that went away.
    async fn lane(&self, app: &TcpStream, search: &mut Search) -> Result<(Arc<Route>, u16, Lane), End> {
        tokio::select! {
            biased;
            lent = search.lane(&self.shared, self.index) => lent,
            () = failed(app) => Err(End::AppReset),
        }
    }
}

impl Passage {
    fn new(route: Arc<Route>, session: u64) -> Self {
        route.pod.handle_opened();
        Self {
            route,
            session,
            opened: Instant::now(),
            has_left: false,
        }
    }

    /// The connection counts no more.
    fn leave(&mut self) {
        if !mem::replace(&mut self.has_left, true) {
            self.route.pod.handle_ended();
        }
    }

    /// Waits until what is left of the connection is dead, for the pod is.
    async fn gone(&self) -> Untrusted {
        let pod = &self.route.pod;
        pod.gone.cancelled().await;
        let name = Untrusted::new(&*pod.address.name);
        Untrusted::new(format!("pod {name} does not exist any more"))
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Judges by what is known of the pod.
struct PodJudge<'a> {
    shared: &'a Shared,
    pod: &'a ServedPod,
}

impl Judge for PodJudge<'_> {
    async fn judge(&self, evidence: Evidence) -> End {
        let are_eyes_shut = self.shared.eyes.get().is_some_and(Eyes::are_shut);
        judge(&self.shared.look, are_eyes_shut, self.pod, evidence).await
    }
}
