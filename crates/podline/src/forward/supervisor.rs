mod errand;
mod roster;
mod teller;
mod upkeep;
mod way;

use std::sync::Arc;
use std::time::Duration;

use podline_cluster::{FindError, Found, PodWatch};
use podline_tunnel::SessionError;
use podline_wire::Untrusted;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{self, Instant, MissedTickBehavior};

use self::errand::Done;
use self::roster::{Changes, Roster};
use self::teller::Teller;
use self::way::{LostWay, is_of_the_way};
use super::choice::{Health, Wanted};
use super::route::{Route, Routes, Standing};
use super::served::ServedPod;
use super::share::Share;
use super::shared::{Doubt, Report, Shared};
use super::{Balance, Ended};
use crate::reason::reason;

/// The least time between two looks because of refused connections.
const DOUBT_PAUSE: Duration = Duration::from_secs(1);
/// How often is looked whether other numbers of sessions should be kept ready.
const UPKEEP: Duration = Duration::from_secs(10);

/// Keeps a forward on the pods of its target: notices which there are and which can be connected to.
pub(super) struct Supervisor {
    shared: Arc<Shared>,
    watch: PodWatch,
    reports: mpsc::Receiver<Report>,
    errands: JoinSet<Done>,
    roster: Roster,
    teller: Teller,
    /// Where connections go, or went before the way was lost.
    routes: Vec<Arc<Route>>,
    generation: u64,
    /// The API server cannot be reached, or refuses all.
    lost_way: Option<LostWay>,
    /// Connections that wait for a look.
    doubts: Vec<Doubt>,
    is_looking: bool,
    last_look: Option<Instant>,
    share: Share,
    /// The number of the last connection, and when it was another.
    last_turn: (usize, Instant),
}

impl Supervisor {
    /// For the pods that `watch` has `found`. Nothing is served before [`Supervisor::serve`].
    pub(super) fn new(
        shared: Arc<Shared>,
        watch: PodWatch,
        reports: mpsc::Receiver<Report>,
        wanted: Wanted,
        found: Found,
    ) -> Self {
        let balance = shared
            .settings
            .balance
            .unwrap_or_else(|| Balance::suiting(&found));
        let remotes = shared.remotes.clone();
        let _ = shared.eyes.set(watch.eyes());
        Self {
            watch,
            shared,
            reports,
            errands: JoinSet::new(),
            roster: Roster::new(wanted, balance, remotes, found),
            teller: Teller::default(),
            routes: Vec::new(),
            generation: 0,
            lost_way: None,
            doubts: Vec::new(),
            is_looking: false,
            last_look: None,
            share: Share::new(),
            last_turn: (0, Instant::now()),
        }
    }

    /// Waits until there is a session to one of the pods, the first that can be reached.
    ///
    /// # Errors
    /// None can be reached.
    pub(super) async fn reach(&mut self) -> Result<(), SessionError> {
        loop {
            let (routes, _) = self.roster.choose();
            let Some(route) = routes.first() else {
                return Err(SessionError::ShutDown);
            };
            // All that are to be kept ready, so that they are there as early as the first. A pool that is asked for none makes none.
            let floor = self.demand(routes.len()).floor(0);
            route.sessions.set_floor(floor.max(1), &self.shared);
            let Err(error) = route.sessions.pool(&self.shared).ready().await else {
                return Ok(());
            };
            if is_of_the_way(&error) || routes.len() == 1 {
                return Err(error);
            }
            self.handle_trouble(&route.pod.clone(), Health::Unreachable, reason(&error));
        }
    }

    /// Connections are given routes from now on.
    pub(super) fn serve(&mut self) {
        self.publish();
    }

    pub(super) async fn run(mut self) {
        let stop = self.shared.stop.clone();
        stop.run_until_cancelled(self.supervise()).await;
    }

    async fn supervise(&mut self) {
        let shared = self.shared.clone();
        let mut held = shared.held.subscribe();
        let mut renewals = shared.cluster.renewals();
        let mut upkeep = time::interval_at(Instant::now() + UPKEEP, UPKEEP);
        upkeep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.shared.ended.borrow().is_none() {
            tokio::select! {
                sight = self.watch.changed() => self.handle_sight(sight),
                Some(report) = self.reports.recv() => self.handle_report(report),
                Some(Ok(done)) = self.errands.join_next() => self.handle_done(done),
                () = shared.look.notified() => self.watch.look(),
                Ok(()) = held.changed() => self.watch.hurry(*held.borrow_and_update() > 0),
                () = self.share.changed() => self.spread(),
                () = renewals.next() => self.handle_renewal(),
                _ = upkeep.tick() => self.keep_up(),
            }
        }
    }

    /// There are other credentials, well before the old ones expire, or another way to the server: what is idle was made
    /// with the old ones.
    fn handle_renewal(&mut self) {
        self.roster.renew_sessions();
        self.publish();
    }

    fn handle_sight(&mut self, sight: Result<Found, FindError>) {
        let Changes { missing, hurt } = match sight {
            Ok(found) => {
                self.teller.handle_in_sight(&mut self.shared.telling());
                self.roster.handle_found(found)
            }
            Err(error) if error.is_not_found() && self.shared.target.kind.is_pod() => {
                self.roster.handle_none_found()
            }
            Err(error) => {
                // That there is no way to the server is told by sessions, if anybody wants one.
                if !error.is_unreachable() {
                    let reason = reason(&error);
                    self.teller
                        .handle_out_of_sight(reason, &mut self.shared.telling());
                }
                return;
            }
        };
        for (pod, death) in hurt {
            self.errands.spawn(errand::aftermath(pod, death));
        }
        for pod in missing {
            pod.handle_left();
            self.teller.handle_going();
            self.errands.spawn(errand::check(self.shared.clone(), pod));
        }
        self.publish();
    }

    fn handle_report(&mut self, report: Report) {
        match report {
            Report::Doubt(doubt) => self.handle_doubt(doubt),
            Report::Gone { pod, reason } => self.handle_trouble(&pod, Health::Gone, reason),
            Report::NoSession {
                pod,
                generation,
                error,
            } => {
                // Whoever took older routes has newer ones now.
                if generation == self.generation && self.lost_way.is_none() {
                    self.handle_no_session(&pod, &error);
                }
            }
        }
    }

    fn handle_no_session(&mut self, pod: &Arc<ServedPod>, error: &SessionError) {
        let text = reason(error);
        if error.is_pod_gone() {
            self.handle_trouble(pod, Health::Gone, text);
        } else if is_of_the_way(error) {
            self.lose_way(pod, text);
        } else {
            self.handle_trouble(pod, Health::Unreachable, text);
        }
    }

    /// Connections do not go to `pod` any more, before it is known to take them again.
    fn handle_trouble(&mut self, pod: &Arc<ServedPod>, health: Health, reason: Untrusted) {
        let is_leaving = self.roster.is_leaving(pod);
        let Some(entry) = self.roster.entry(pod).filter(|entry| entry.health != health) else {
            return;
        };
        tracing::debug!(pod = pod.address.name, ?health, %reason, "connections go elsewhere");
        entry.handle_trouble(health, reason.clone());
        self.watch.look();
        if health == Health::Gone {
            // It may be gone altogether, which a target that is out of sight does not show.
            self.teller.handle_going();
            self.errands
                .spawn(errand::check(self.shared.clone(), pod.clone()));
        }
        if !(health == Health::Gone && is_leaving) {
            self.probe(pod);
        }
        self.lose(&reason);
        self.publish();
    }

    fn handle_done(&mut self, done: Done) {
        match done {
            Done::Aftermath { pod, death } if self.roster.is_staying(&pod) => {
                self.teller.handle_hurt(&pod, death, &mut self.shared.telling());
            }
            // What is lost is counted until the pod is gone.
            Done::Aftermath { .. } => {}
            Done::Checked {
                pod,
                is_gone: Some(true),
            } if pod.handle_gone() => self.handle_gone(&pod),
            Done::Checked { pod, is_gone } => {
                self.teller.handle_stayed(&mut self.shared.telling());
                if is_gone.is_some() {
                    pod.handle_stayed();
                } else {
                    self.errands.spawn(errand::recheck(self.shared.clone(), pod));
                }
            }
            Done::Drained { pod } => self.teller.handle_gone(&pod, &mut self.shared.telling()),
            Done::Looked { found } => {
                self.is_looking = false;
                self.watch.look();
                self.settle_doubts(found.as_ref());
            }
            Done::Probed { pod, result } => self.handle_probed(&pod, result),
            Done::Rechecked { pod, is_gone: true } if pod.handle_gone() => {
                self.teller.handle_going();
                self.handle_gone(&pod);
            }
            Done::Rechecked { pod, .. } => pod.handle_stayed(),
        }
    }

    /// The pod does not exist any more.
    fn handle_gone(&mut self, pod: &Arc<ServedPod>) {
        self.roster.forget(pod);
        self.errands.spawn(errand::drain(pod.clone()));
        let name = Untrusted::new(&*pod.address.name);
        self.lose(&Untrusted::new(format!("pod {name} is gone")));
        self.publish();
    }

    /// A connection was refused: because nothing listens there, or because the pod is on its way out?
    fn handle_doubt(&mut self, doubt: Doubt) {
        self.doubts.push(doubt);
        // Many may be refused at once; one look is enough for all of them.
        if self.is_looking {
            return;
        }
        if self.last_look.is_some_and(|last| last.elapsed() < DOUBT_PAUSE) {
            return self.settle_doubts(None);
        }
        self.is_looking = true;
        self.last_look = Some(Instant::now());
        self.errands.spawn(errand::look(self.shared.clone()));
    }

    fn settle_doubts(&mut self, found: Option<&Found>) {
        for doubt in std::mem::take(&mut self.doubts) {
            let stays = self.roster.is_refused(found, &doubt.refused);
            let leaving = found.map(|found| self.roster.leaving(found, &doubt.refused));
            for pod in leaving.into_iter().flatten() {
                let name = Untrusted::new(&*pod.address.name);
                let text = format!("pod {name} is being deleted and takes no connections any more");
                self.handle_trouble(&pod, Health::Gone, Untrusted::new(text));
            }
            // A connection that went away needs no answer.
            let _ = doubt.stays.send(stays);
        }
    }

    /// Something that connections went to is lost. A forward that was told to ends with that.
    fn lose(&self, reason: &Untrusted) {
        if self.shared.settings.exit_on_loss && self.generation > 0 {
            let ended = Ended::Lost(reason.clone());
            self.shared.ended.send_replace(Some(ended));
            self.shared.stop.cancel();
        }
    }

    /// Gives connections the routes there are now.
    fn publish(&mut self) {
        let (routes, is_makeshift) = self.roster.choose();
        self.generation += 1;
        self.routes = routes;
        if self.lost_way.is_some() && self.routes.is_empty() {
            self.lost_way = None;
        }
        let shared = self.shared.clone();
        let tell = &mut shared.telling();
        let lost = match &self.lost_way {
            Some(way) => Some((way.reason.clone(), !way.is_lasting)),
            None if self.routes.is_empty() => Some((self.roster.reason(), false)),
            None => None,
        };
        if let Some((reason, patience)) = lost {
            shared.standing.send_replace(Standing::Lost(reason.clone()));
            self.lose(&reason);
            self.teller.handle_lost(reason, patience, tell);
        } else {
            shared.standing.send_replace(Standing::Serving(Arc::new(Routes {
                generation: self.generation,
                balance: self.roster.balance,
                routes: self.routes.clone(),
            })));
            let in_use = match self.roster.balance {
                Balance::First => &self.routes[..1],
                Balance::Least | Balance::RoundRobin => &self.routes[..],
            };
            let pods = in_use.iter().map(|route| route.pod.clone()).collect();
            self.teller.handle_serving(pods, is_makeshift, tell);
        }
        self.spread();
    }
}
