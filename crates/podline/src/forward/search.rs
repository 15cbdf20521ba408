use std::sync::Arc;

use podline_tunnel::Lane;
use podline_wire::Untrusted;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;

use super::route::Route;
use super::shared::{Report, Shared};
use crate::End;
use crate::outcome::NoPod;
use crate::reason::reason;

/// What a connection goes through on its search for a pod that takes it.
pub(super) struct Search {
    /// When it began to look for one.
    since: Instant,
    /// Routes of this generation and before are of no use.
    pub(super) after: u64,
    /// The routes whose pods refused it. A pod that was away and came back has another route.
    pub(super) refused: Vec<Arc<Route>>,
    pub(super) lost_sessions: u32,
    /// The route whose pod it waits for, or waited for last.
    waits_for: Option<Arc<Route>>,
    /// Ends it.
    pub(super) stop: CancellationToken,
}

impl Search {
    pub(super) fn new(stop: &CancellationToken) -> Self {
        Self {
            since: Instant::now(),
            after: 0,
            refused: Vec::new(),
            lost_sessions: 0,
            waits_for: None,
            stop: stop.clone(),
        }
    }

    /// Waits for a lane to the pod whose turn it is, for the forward's port number `index`, no longer than connections are
    /// held.
    pub(super) async fn lane(
        &mut self,
        shared: &Arc<Shared>,
        index: usize,
    ) -> Result<(Arc<Route>, u16, Lane), End> {
        let (since, stop) = (self.since, self.stop.clone());
        let (route, lane) = tokio::select! {
            biased;
            lent = self.lend(shared, index) => lent,
            () = stop.cancelled() => return Err(End::ShutDown),
            () = time::sleep_until(since + shared.settings.hold) => return Err(End::NoPod(NoPod {
                held: since.elapsed(),
                reason: shared.lost_reason().or_else(|| self.hindrance()),
            })),
        };
        match &route.ports[index] {
            Ok(port) => Ok((route.clone(), *port, lane)),
            Err(reason) => Err(End::NoPort(reason.clone())),
        }
    }

    /// What keeps the pod that it waits for from having a session.
    fn hindrance(&self) -> Option<Untrusted> {
        let pool = self.waits_for.as_ref()?.sessions.made()?;
        pool.hindrance().map(|error| reason(&error))
    }

    async fn lend(&mut self, shared: &Arc<Shared>, index: usize) -> (Arc<Route>, Lane) {
        loop {
            let routes = shared.routes(self.after).await;
            let generation = routes.generation;
            let Some(route) = routes.pick(shared.next_turn(), index, &self.refused) else {
                // All of them have refused it.
                self.after = generation;
                continue;
            };
            self.waits_for = Some(route.clone());
            match route.sessions.pool(shared).lend().await {
                Ok(lane) => return (route.clone(), lane),
                Err(error) => {
                    self.after = generation;
                    let pod = route.pod.clone();
                    let report = Report::NoSession {
                        pod,
                        generation,
                        error,
                    };
                    shared.report(report).await;
                }
            }
        }
    }
}
