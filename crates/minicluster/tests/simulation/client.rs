//! The near end of a session, as podline's tunnel performs it: queues, and the apps behind them.

mod reading;
mod sending;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bytes::BytesMut;
use podline_wire::{
    Time,
    pool::{Health, Report},
    session::{Backlog, Event, LaneIndex, PairId, Peer, Received, Session, SessionFault},
};

use crate::{
    app::App,
    facts::{End, Facts},
    framing::Framing,
    network::{Arrival, CutKind, Direction},
    node::FIRST_PORT,
    pattern,
    trace::Trace,
};

/// Reading pauses while so many bytes wait for the apps, with one and with several: less than in the tunnel, so that it
/// happens.
const ALONE: usize = 32 * 1024;
const SHARED: usize = 64 * 1024;

/// How long a pair may take nothing while a neighbour waits.
pub(crate) const STALLED_READER: Duration = Duration::from_secs(5);

/// The client's end of one session.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) session: Session,
    framing: Framing,
    outbox: VecDeque<Segment>,
    outbox_bytes: usize,
    /// Framed bytes on their way into the network.
    outgoing: BytesMut,
    /// Open pairs and their connections.
    pairs: BTreeMap<PairId, usize>,
    /// Bytes that wait for the app of a pair, whether it is over or not.
    waiting: BTreeMap<PairId, Waiting>,
    backlog: Backlog,
    /// Since when nothing is read.
    paused: Option<Time>,
    lost: Option<Loss>,
    trace: Option<Trace>,
}

/// Why a session is over.
#[derive(Clone, Debug)]
pub(crate) enum Loss {
    Cut,
    Fault(SessionFault),
    /// We have closed it.
    Left,
}

#[derive(Debug)]
struct Waiting {
    connection: usize,
    bytes: usize,
}

/// A pair that took nothing for too long while a neighbour waited.
struct Stalled {
    pair: PairId,
    /// When it is to be reset.
    at: Time,
    /// Its app does not read; else its pod.
    by_app: bool,
}

#[derive(Debug)]
struct Segment {
    pair: Option<PairId>,
    bytes: BytesMut,
    payload: u64,
}

impl Client {
    pub(crate) fn new(now: Time, known: Option<Peer>, framing: Framing, trace: Option<Trace>) -> Self {
        let mut client = Self {
            session: Session::new(now, known),
            framing,
            outbox: VecDeque::new(),
            outbox_bytes: 0,
            outgoing: BytesMut::new(),
            pairs: BTreeMap::new(),
            waiting: BTreeMap::new(),
            backlog: Backlog::with_limits(ALONE, SHARED),
            paused: None,
            lost: None,
            trace,
        };
        client.collect();
        client
    }

    pub(crate) fn loss(&self) -> Option<&Loss> {
        self.lost.as_ref()
    }

    pub(crate) fn is_reading(&self) -> bool {
        self.paused.is_none()
    }

    pub(crate) fn connections(&self) -> impl Iterator<Item = usize> {
        self.pairs.values().copied()
    }

    /// What went over the wire, if it is kept.
    pub(crate) fn trace(&self) -> String {
        self.trace.as_ref().map(Trace::lines).unwrap_or_default()
    }

    /// Opens a pair for a connection, on a lane with others if it may be `shared`; false if there is no lane for it.
    pub(crate) fn open(
        &mut self,
        now: Time,
        connection: usize,
        shared: bool,
        apps: &mut [App],
        facts: &mut [Facts],
    ) -> bool {
        if self.lost.is_some() {
            return false;
        }
        let port = FIRST_PORT + connection as u16;
        let lane = if shared {
            self.session.shared_lane()
        } else {
            self.session.free_lane()
        };
        let opened = lane.and_then(|lane| self.session.open(now, lane, port).ok());
        let Some(pair) = opened else { return false };
        self.collect();
        self.pairs.insert(pair, connection);
        apps[connection].open(now);
        facts[connection].opened = Some(now);
        self.relax_sharers(pair, shared, apps, facts);
        self.backlog.handle_opened(now, pair);
        self.note_reading(now, apps);
        true
    }

    /// Whoever shares a lane may have to wait for another's pod; if it was lent to be `shared`, though nobody is on it: the
    /// end of a pair that was may not have got through.
    fn relax_sharers(&self, pair: PairId, shared: bool, apps: &mut [App], facts: &mut [Facts]) {
        let lane = |pair: PairId| LaneIndex::of(pair.data_stream());
        let sharers: Vec<usize> = self
            .pairs
            .iter()
            .filter(|&(&other, _)| lane(other) == lane(pair))
            .map(|(_, &connection)| connection)
            .collect();
        if shared || sharers.len() > 1 {
            for connection in sharers {
                apps[connection].relax();
                facts[connection].shared = true;
            }
        }
    }

    /// The machine has slept.
    pub(crate) fn wake(&mut self, now: Time, apps: &mut [App], facts: &mut [Facts]) -> Result<(), String> {
        self.session.handle_wake(now);
        self.handle_events(now, apps, facts)?;
        self.collect();
        Ok(())
    }

    /// Asks the peer what it is.
    pub(crate) fn prove(&mut self) {
        self.session.prove();
        self.collect();
    }

    /// What the pool is told of the session.
    pub(crate) fn report(&self) -> Report {
        Report {
            clean: self.session.is_clean(),
            free_lanes: self.session.free_lanes(),
            health: self.health(),
            open: self.session.open_pairs(),
            pairs: self.session.pairs(),
            retired: self.session.is_retired() || self.lost.is_some(),
            shared_room: self.session.shared_room(),
            tails: self.session.has_tails(),
        }
    }

    fn health(&self) -> Health {
        if !self.is_reading() {
            Health::Paused
        } else if self.session.is_late() {
            Health::Late
        } else if self.session.is_fast() {
            Health::Fast
        } else {
            Health::Well
        }
    }

    /// Says farewell and closes the connection; nothing may use it.
    pub(crate) fn leave(&mut self, now: Time, up: &mut Direction) {
        self.session.go_away();
        self.collect();
        self.transmit(now, up);
        self.lost.get_or_insert(Loss::Left);
    }

    /// The connection is over.
    pub(crate) fn lose(&mut self, now: Time, loss: Loss, apps: &mut [App], facts: &mut [Facts]) {
        if self.lost.is_some() {
            return;
        }
        self.lost = Some(loss);
        for connection in std::mem::take(&mut self.pairs).into_values() {
            apps[connection].end();
            facts[connection].end = Some(End::SessionLost);
            facts[connection].ended = Some(now);
        }
    }

    pub(crate) fn next(&self, now: Time, apps: &[App]) -> Option<Time> {
        if self.lost.is_some() {
            return None;
        }
        let session = self.session.poll_timeout().map(|(at, _)| at);
        let running = self
            .connections()
            .filter_map(|connection| apps[connection].next(now));
        // An app that is through but has not read all yet goes on reading.
        let reading = self
            .waiting
            .values()
            .filter_map(|waiting| apps[waiting.connection].next(now));
        let stalled = self.stalled().map(|stalled| stalled.at);
        running
            .chain(reading)
            .chain(session)
            .chain(stalled.filter(|at| *at > now))
            .min()
    }

    /// Does what can be done now; true if something was.
    pub(crate) fn step(
        &mut self,
        now: Time,
        up: &mut Direction,
        down: &mut Direction,
        apps: &mut [App],
        facts: &mut [Facts],
    ) -> Result<bool, String> {
        if self.lost.is_some() {
            return Ok(false);
        }
        let mut progress = false;
        if self.session.poll_timeout().is_some_and(|(at, _)| at <= now) {
            self.session.handle_timeout(now);
            progress = true;
            self.handle_events(now, apps, facts)?;
            self.collect();
            if let Some((at, what)) = self.session.poll_timeout().filter(|(at, _)| *at <= now) {
                return Err(format!("{what} is still due since {at:?}"));
            }
        }
        progress |= self.receive(now, down, apps, facts)?;
        progress |= self.read_apps(now, apps, facts)?;
        progress |= self.cut_stalled(now, apps, facts)?;
        let live: Vec<_> = self
            .pairs
            .iter()
            .map(|(&pair, &connection)| (pair, connection))
            .collect();
        for (pair, connection) in live {
            progress |= self.run_app(
                now,
                pair,
                &mut apps[connection],
                connection,
                &mut facts[connection],
            );
        }
        self.note_reading(now, apps);
        progress |= self.transmit(now, up);
        if let Some(fault) = self.session.fault().cloned() {
            self.lose(now, Loss::Fault(fault), apps, facts);
        }
        self.check_bounds()?;
        Ok(progress)
    }

    fn receive(
        &mut self,
        now: Time,
        down: &mut Direction,
        apps: &mut [App],
        facts: &mut [Facts],
    ) -> Result<bool, String> {
        let mut progress = false;
        while self.paused.is_none() && self.session.fault().is_none() {
            let Some(arrival) = down.receive(now) else { break };
            progress = true;
            match arrival {
                Arrival::Bytes(bytes) => {
                    let mut session = BytesMut::new();
                    self.framing.unwrap(&bytes, &mut session, &mut self.outgoing);
                    self.handle_bytes(now, &session, apps, facts)?;
                }
                Arrival::Cut(CutKind::End | CutKind::Reset | CutKind::Silence) => {
                    self.lose(now, Loss::Cut, apps, facts);
                    break;
                }
            }
        }
        Ok(progress)
    }

    fn handle_bytes(
        &mut self,
        now: Time,
        mut input: &[u8],
        apps: &mut [App],
        facts: &mut [Facts],
    ) -> Result<(), String> {
        if let Some(trace) = &mut self.trace {
            trace.received(now, input);
        }
        loop {
            let before = input.len();
            let data = match self.session.handle_bytes(now, &mut input) {
                Ok(Some(Received::Data { pair, payload })) => Some((pair, payload)),
                Ok(Some(_)) => None,
                Ok(None) => break,
                Err(_) => return Ok(()),
            };
            if input.len() == before {
                return Err("a frame that takes no bytes".into());
            }
            if let Some((pair, payload)) = data {
                let Some(&connection) = self.pairs.get(&pair) else {
                    return Err(format!("bytes of {pair:?}, which is over"));
                };
                let fact = &mut facts[connection];
                let key = apps[connection].stream(connection);
                if let Err(place) = pattern::check(key, fact.received, payload) {
                    return Err(format!(
                        "connection {connection}: the app got a wrong byte at {place}"
                    ));
                }
                fact.received += payload.len() as u64;
                let waiting = self
                    .waiting
                    .entry(pair)
                    .or_insert(Waiting { connection, bytes: 0 });
                waiting.bytes += payload.len();
                self.backlog.handle_received(now, pair, payload.len());
            }
            self.handle_events(now, apps, facts)?;
        }
        if !input.is_empty() {
            return Err("bytes were left though more were asked for".into());
        }
        self.collect();
        // An app that reads does so before it is too much.
        self.read_apps(now, apps, facts)?;
        self.backlog.handle_read(now);
        self.note_reading(now, apps);
        Ok(())
    }

    fn handle_events(&mut self, now: Time, apps: &mut [App], facts: &mut [Facts]) -> Result<(), String> {
        while let Some(event) = self.session.poll_event() {
            if let Some(trace) = &mut self.trace {
                trace.note(now, &format!("{event:?}"));
            }
            match event {
                Event::Stopped(pair) => {
                    let connection = self.connection(pair, "stopped")?;
                    facts[connection].sent -= self.purge(pair);
                    facts[connection].stopped = Some(now);
                    apps[connection].end();
                }
                Event::Writable(pair) => {
                    let connection = self.connection(pair, "writable")?;
                    apps[connection].blocked = false;
                }
                Event::Opened(pair) => {
                    self.connection(pair, "opened")?;
                }
                Event::Ended(pair, end) => {
                    let connection = self.connection(pair, "ended")?;
                    self.pairs.remove(&pair);
                    self.backlog.handle_ended(pair);
                    self.forget_if_read(pair);
                    apps[connection].end();
                    facts[connection].end = Some(End::Pair(end));
                    facts[connection].ended = Some(now);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn connection(&self, pair: PairId, what: &str) -> Result<usize, String> {
        let connection = self.pairs.get(&pair).copied();
        connection.ok_or_else(|| format!("{pair:?} is {what}, but it is over"))
    }
}
