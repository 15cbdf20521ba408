use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use futures_util::FutureExt as _;
use jiff::Timestamp;
use podline::{
    Connection, Event, Events, Forward, ForwardView, LocalAddress, PodView, Probed, Tap, TapSource, Target,
    Transport, Untrusted,
};

use super::{
    Closed, ConnectionTap, ConnectionView, Fact, ForwardName, Observed, Rates, Sample, Teller, Totals, What,
};
use crate::pcap::{Interface, Recorder};

/// Connections that are over and are still shown.
const ENDED: usize = 256;

/// Watches one forward. Made before the forward starts, for it is what the forward takes its taps from.
#[derive(Clone, Debug)]
pub struct ForwardMonitor {
    record: Arc<Record>,
}

/// A forward, as it is now.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ForwardSnapshot {
    /// Which.
    pub name: Arc<ForwardName>,
    /// Where it listens.
    pub addresses: Vec<LocalAddress>,
    /// The pods behind it.
    pub pods: Vec<PodView>,
    /// How the sessions are upgraded, once one was made.
    pub transport: Option<Transport>,
    /// Connections that are held, for there is no pod to go to.
    pub held: usize,
    /// Why connections are held, if they are.
    pub waiting: Option<Untrusted>,
    /// Connections that are open, in the order of being accepted.
    pub connections: Vec<ConnectionView>,
    /// The last 256 that are over, the latest last.
    pub ended: Vec<ConnectionView>,
    /// Sums, those of open connections included.
    pub totals: Totals,
    /// What went through in the last seconds.
    pub rates: Rates,
    /// Sessions that were lost, or could not be made.
    pub lost_sessions: u64,
    /// Sessions that were made.
    pub made_sessions: u64,
}

/// What is known of one forward.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) name: Arc<ForwardName>,
    teller: Teller,
    view: OnceLock<ForwardView>,
    interface: OnceLock<Interface>,
    /// Once connections are looked into: whether values of queries are shown.
    http: Arc<OnceLock<bool>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    addresses: Vec<LocalAddress>,
    transport: Option<Transport>,
    open: BTreeMap<u64, Arc<Observed>>,
    ended: VecDeque<ConnectionView>,
    totals: Totals,
    rates: Rates,
    lost_sessions: u64,
    made_sessions: u64,
}

impl ForwardMonitor {
    pub(super) fn new(name: ForwardName, teller: Teller, http: Arc<OnceLock<bool>>) -> Self {
        Self {
            record: Arc::new(Record {
                name: Arc::new(name),
                teller,
                view: OnceLock::new(),
                interface: OnceLock::new(),
                http,
                state: Mutex::default(),
            }),
        }
    }

    pub(super) fn record(&self) -> &Arc<Record> {
        &self.record
    }

    /// Lets captures have this forward's connections, as those of `interface`. Called once, before the forward starts: captures
    /// may be started and stopped as long as it lives.
    pub fn record_as(&self, interface: Interface) {
        // It keeps the first one that it was given.
        let _ = self.record.interface.set(interface);
    }

    /// Follows `forward`, which has started and takes its taps from here. What lasts of it, such as where it listens, is told
    /// before this returns. Called once.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn follow(&self, forward: &Forward) {
        // It was told what lasts already if there is one.
        if self.record.view.set(forward.view()).is_ok() {
            let mut events = forward.events();
            while let Some(Some(event)) = events.next().now_or_never() {
                self.record.handle_event(event);
            }
            tokio::spawn(follow(self.record.clone(), events));
        }
    }

    /// Says what was found of a port.
    pub fn probed(&self, probed: &Probed) {
        self.record.tell(|| What::Probed(probed.clone()));
    }

    /// Says that the forward takes connections now.
    pub fn ready(&self) {
        self.record.tell(|| What::Ready);
    }
}

impl TapSource for ForwardMonitor {
    fn tap(&self, connection: &Connection) -> Option<Box<dyn Tap>> {
        let observed = self.record.handle_accepted(*connection);
        Some(Box::new(ConnectionTap::new(self.record.clone(), observed)))
    }
}

impl Record {
    /// Tells what `make` makes, if there is somebody to tell it to.
    pub(super) fn tell(&self, make: impl FnOnce() -> What) {
        self.teller.tell(|| Fact {
            at: Timestamp::now(),
            forward: self.name.clone(),
            what: make(),
        });
    }

    pub(super) fn recorder(&self, connection: Connection) -> Option<Recorder> {
        Some(self.interface.get()?.recorder(connection))
    }

    /// Whether connections are looked into, and then whether values of queries are shown.
    pub(super) fn show_query(&self) -> Option<bool> {
        self.http.get().copied()
    }

    fn handle_accepted(&self, connection: Connection) -> Arc<Observed> {
        let observed = Arc::new(Observed::new(connection));
        let mut state = self.state();
        state.totals.accepted += 1;
        state.open.insert(connection.id, observed.clone());
        drop(state);
        self.tell(|| What::Accepted(connection));
        observed
    }

    pub(super) fn handle_closed(&self, observed: &Observed, closed: &Closed) {
        let mut state = self.state();
        state.open.remove(&closed.connection.id);
        state.totals.handle_closed(closed);
        if state.ended.len() == ENDED {
            state.ended.pop_front();
        }
        state.ended.push_back(observed.last_view(&closed.outcome));
    }

    /// The forward told `event`. Single connections are known by their taps already.
    fn handle_event(&self, event: Event) {
        {
            let mut state = self.state();
            match &event {
                Event::ConnectionEnded { .. } | Event::ConnectionOpened { .. } => return,
                Event::Listening(address) => state.addresses.push(*address),
                Event::SessionLost(_) => state.lost_sessions += 1,
                Event::SessionUp(transport) => {
                    state.transport = Some(*transport);
                    state.made_sessions += 1;
                }
                Event::TransportFellBack(_) => state.transport = Some(Transport::Spdy),
                _ => {}
            }
        }
        self.tell(|| What::Happened(event));
    }

    /// A second has passed.
    pub(super) fn handle_second(&self) {
        let mut state = self.state();
        let Totals {
            accepted,
            sent,
            received,
            ..
        } = state.totals_now();
        state.rates.handle_second(Sample::new(accepted, sent, received));
    }

    /// Ends connection `id`. Says whether it was open.
    pub(super) fn end_connection(&self, id: u64) -> bool {
        self.view.get().is_some_and(|view| view.end_connection(id))
    }

    pub(super) fn snapshot(&self) -> ForwardSnapshot {
        let view = self.view.get();
        let pods = view.map(ForwardView::pods).unwrap_or_default();
        let held = view.map_or(0, ForwardView::held);
        let waiting = view.and_then(ForwardView::waiting);
        let state = self.state();
        ForwardSnapshot {
            name: self.name.clone(),
            addresses: state.addresses.clone(),
            pods,
            transport: state.transport,
            held,
            waiting,
            connections: state.open.values().map(|observed| observed.view()).collect(),
            ended: state.ended.iter().cloned().collect(),
            totals: state.totals_now(),
            rates: state.rates.clone(),
            lost_sessions: state.lost_sessions,
            made_sessions: state.made_sessions,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The sums, open connections included.
    fn totals_now(&self) -> Totals {
        let mut totals = self.totals.clone();
        for observed in self.open.values() {
            totals.sent += observed.sent();
            totals.received += observed.received();
        }
        totals
    }
}

async fn follow(record: Arc<Record>, mut events: Events) {
    while let Some(event) = events.next().await {
        record.handle_event(event);
    }
}

/// Names a forward to `target`.
pub(super) fn name(index: usize, target: &Target) -> ForwardName {
    ForwardName {
        index,
        target: target.clone(),
    }
}
