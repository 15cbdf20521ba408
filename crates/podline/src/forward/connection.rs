use std::net::SocketAddr;
use std::sync::Arc;

use podline_tunnel::{Lane, PairReceiver, PairSender};
use podline_wire::Untrusted;
use tokio::net::TcpStream;
use tokio::time::{self, Instant};

use super::route::{Route, Trouble};
use super::shared::Shared;
use crate::carrier::{Carried, Carrier, Early, Stop, chunk_of, failed};
use crate::outcome::NoPod;
use crate::socket::reset;
use crate::{Connection, End, Event, Outcome, Tap};

/// How many pairs one connection may use up, where each was lost before a byte of it can have reached an app.
const TRIES: u32 = 5;

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

impl Accepted {
    /// Carries the connection of `app` to its end, and tells what came of it.
    pub(super) async fn serve(self, app: TcpStream) {
        let accepted = Instant::now();
        // Small packets leave at once; a socket that refuses this is broken and says so soon.
        let _ = app.set_nodelay(true);
        // A session whose end has arrived already must not be lent: its task has its turn first.
        tokio::task::yield_now().await;
        let (carried, end, mut tap) = self.carry(app).await;
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
        shared.hub.tell(Event::ConnectionEnded { id, local, outcome });
    }

    async fn carry(&self, app: TcpStream) -> (Carried, End, Option<Box<dyn Tap>>) {
        let shared = &self.shared;
        let (mut route, pair, early) = match self.open(&app).await {
            Ok(opened) => opened,
            Err(end) => {
                reset(app);
                return (Carried::default(), end, None);
            }
        };
        let tap = self.tap(&route);
        let mut carrier = Carrier::new(app, pair, early, shared.settings.half_close_linger, tap);
        let mut tries = 1;
        loop {
            let why = tokio::select! {
                why = carrier.copy(&shared.stop) => why,
                () = route.gone.cancelled() => {
                    let text = format!("pod {} does not exist any more", Untrusted::new(&*route.pod.name));
                    let end = End::PodGone(Untrusted::new(text));
                    return carrier.close(Stop::Pair(end), &shared.stop).await;
                }
            };
            let after = self.generation_to_pass(&why, &route).await;
            let said = carrier.said().filter(|_| tries < TRIES);
            // Nothing was said, so there is nothing that could have been heard.
            let unheard = |said: &&[u8]| said.is_empty() || !matches!(why, Stop::Pair(End::SessionLost(_)));
            let (Some(after), Some(said)) = (after, said.filter(unheard)) else {
                return carrier.close(why, &shared.stop).await;
            };
            tries += 1;
            match self.open_anew(carrier.app(), said, after).await {
                Ok((next, pair)) => {
                    route = next;
                    carrier.begin_anew(pair);
                }
                Err(end) => return carrier.close(Stop::Pair(end), &shared.stop).await,
            }
        }
    }

    /// The generation after which another pair may be tried, if this end allows for one.
    async fn generation_to_pass(&self, why: &Stop, route: &Route) -> Option<u64> {
        match why {
            // The runtime has not even looked for the port: no byte has reached an app.
            Stop::Pair(End::PodGone(text)) => {
                self.shared.report(Trouble {
                    generation: route.generation,
                    is_gone: true,
                    reason: text.clone(),
                });
                Some(route.generation)
            }
            // It could not connect to the port: neither. But the same pod would refuse again.
            Stop::Pair(End::Refused(text)) => {
                let stays = self.shared.stays(route.generation, text).await;
                (!stays).then_some(route.generation)
            }
            // The same pod will do.
            Stop::Pair(End::SessionLost(_)) => Some(route.generation.saturating_sub(1)),
            _ => None,
        }
    }

    fn tap(&self, route: &Route) -> Option<Box<dyn Tap>> {
        let taps = self.shared.settings.taps.as_ref()?;
        taps.tap(&Connection {
            id: self.id,
            local: self.local,
            peer: self.peer,
            pod: route.pod.clone(),
            port: *route.ports[self.index].as_ref().ok()?,
        })
    }

    /// Opens a pair to the pod that connections go to now, or to the next one if there is none, and takes what the app
    /// has said by then.
    async fn open(&self, app: &TcpStream) -> Result<(Arc<Route>, Pair, Early), End> {
        let mut taken = None;
        loop {
            let (route, port, lane) = self.lane(app, 0).await?;
            let early = match taken.take() {
                Some(early) => early,
                None => Early::take(app).map_err(|_| End::AppReset)?,
            };
            match lane.open_with(port, early.chunk()) {
                Ok(pair) => return Ok((route, pair, early)),
                // The session ended since the lane was lent: there are others.
                Err(_) => taken = Some(early),
            }
        }
    }

    /// Opens a pair on a later route than that of the generation `after`, with what the app has said.
    async fn open_anew(&self, app: &TcpStream, said: &[u8], after: u64) -> Result<(Arc<Route>, Pair), End> {
        loop {
            let (route, port, lane) = self.lane(app, after).await?;
            if let Ok(pair) = lane.open_with(port, chunk_of(said)) {
                return Ok((route, pair));
            }
        }
    }

    /// Waits for a lane on a later route than that of the generation `after`, no longer than connections are held, and not
    /// for an app that went away.
    async fn lane(&self, app: &TcpStream, after: u64) -> Result<(Arc<Route>, u16, Lane), End> {
        let shared = &self.shared;
        let since = Instant::now();
        let (route, lane) = tokio::select! {
            biased;
            lent = self.lend(after) => lent,
            () = shared.stop.cancelled() => return Err(End::ShutDown),
            () = failed(app) => return Err(End::AppReset),
            () = time::sleep_until(since + shared.settings.hold) => return Err(End::NoPod(NoPod {
                held: since.elapsed(),
                reason: shared.lost_reason(),
            })),
        };
        match &route.ports[self.index] {
            Ok(port) => Ok((route.clone(), *port, lane)),
            Err(reason) => Err(End::NoPort(reason.clone())),
        }
    }

    async fn lend(&self, mut after: u64) -> (Arc<Route>, Lane) {
        loop {
            let route = self.shared.route(after).await;
            match route.pool.lend().await {
                Ok(lane) => return (route, lane),
                Err(error) => {
                    after = route.generation;
                    self.shared.report_session(after, &error);
                }
            }
        }
    }
}
