//! The near end of a session, as podline's tunnel performs it: queues, and the apps behind them.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bytes::BytesMut;
use podline_wire::{
    Time,
    pool::{Health, Report},
    session::{Event, LARGEST_FRAME, PairId, Peer, Received, Session, SessionFault},
};

use crate::{
    app::{App, Wish},
    facts::{End, Facts},
    framing::Framing,
    network::{Arrival, CutKind, Direction},
    node::FIRST_PORT,
    pattern,
    trace::Trace,
};

/// Apps wait while more bytes than this are to be sent.
const OUTBOX: usize = 256 * 1024;

/// Bytes handed over at once.
const BATCH: usize = 256 * 1024;

/// Control frames that may wait beside.
const CONTROL: usize = 16 * 1024;

/// Reading pauses while so many bytes wait for the apps.
const INBOX: usize = 64 * 1024;

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
    /// Bytes that wait for their app, by connection.
    waiting: BTreeMap<usize, u64>,
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

    /// Opens a pair for a connection; false if there is no lane for it.
    pub(crate) fn open(&mut self, now: Time, connection: usize, app: &mut App, facts: &mut Facts) -> bool {
        if self.lost.is_some() {
            return false;
        }
        let port = FIRST_PORT + connection as u16;
        let opened = self
            .session
            .free_lane()
            .and_then(|lane| self.session.open(now, lane, port).ok());
        let Some(pair) = opened else { return false };
        self.collect();
        self.pairs.insert(pair, connection);
        app.open(now);
        facts.opened = Some(now);
        true
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
            .keys()
            .filter_map(|&connection| apps[connection].next(now));
        running.chain(reading).chain(session).min()
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
                *self.waiting.entry(connection).or_default() += payload.len() as u64;
            }
            self.handle_events(now, apps, facts)?;
        }
        if !input.is_empty() {
            return Err("bytes were left though more were asked for".into());
        }
        self.collect();
        let waiting: u64 = self.waiting.values().sum();
        if waiting >= INBOX as u64 && self.paused.is_none() {
            self.read_apps(now, apps, facts)?;
            if self.waiting.values().sum::<u64>() >= INBOX as u64 {
                self.paused = Some(now);
                self.session.handle_reading(now, false);
            }
        }
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

    /// Lets the apps read what waits for them.
    fn read_apps(&mut self, now: Time, apps: &mut [App], facts: &[Facts]) -> Result<bool, String> {
        let mut progress = false;
        let reading: Vec<usize> = self
            .waiting
            .keys()
            .copied()
            .filter(|&connection| apps[connection].reads(now))
            .collect();
        for connection in reading {
            self.waiting.remove(&connection);
            apps[connection]
                .read(now, &facts[connection])
                .map_err(|error| format!("connection {connection}: {error}"))?;
            progress = true;
        }
        if let Some(since) = self.paused
            && self.waiting.values().sum::<u64>() <= INBOX as u64 / 2
        {
            self.paused = None;
            self.session.handle_reading(now, true);
            self.excuse(now.saturating_since(since), apps);
            progress = true;
        }
        Ok(progress)
    }

    fn excuse(&self, time: Duration, apps: &mut [App]) {
        for &connection in self.pairs.values() {
            apps[connection].excuse(time);
        }
    }

    fn run_app(
        &mut self,
        now: Time,
        pair: PairId,
        app: &mut App,
        connection: usize,
        facts: &mut Facts,
    ) -> bool {
        let mut progress = false;
        loop {
            match app.wish(now, facts) {
                Wish::Nothing => return progress,
                Wish::Finish => {
                    self.session.finish(now, pair);
                    self.collect();
                    facts.finished = Some(now);
                }
                Wish::Reset => {
                    facts.sent -= self.purge(pair);
                    self.session.reset(now, pair);
                    self.collect();
                    self.pairs.remove(&pair);
                    self.waiting.remove(&connection);
                    app.end();
                    facts.aborted = Some(now);
                    facts.ended = Some(now);
                    facts.end = Some(End::Aborted);
                    return true;
                }
                Wish::Write { length, fin } => {
                    if self.outbox_bytes >= OUTBOX {
                        return progress;
                    }
                    let allowed = self.session.allowance(pair);
                    if allowed == 0 {
                        app.blocked = true;
                        return progress;
                    }
                    let length = length.min(allowed);
                    let fin = fin && facts.sent + length as u64 == app.total();
                    self.send(now, pair, connection, length, fin, facts);
                }
            }
            progress = true;
        }
    }

    fn send(
        &mut self,
        now: Time,
        pair: PairId,
        connection: usize,
        length: usize,
        fin: bool,
        facts: &mut Facts,
    ) {
        self.collect();
        let Some(head) = self.session.data_head(now, pair, length, fin) else {
            return;
        };
        let mut bytes = BytesMut::from(&head[..]);
        bytes.extend_from_slice(&pattern::bytes(pattern::upstream(connection), facts.sent, length));
        facts.sent += length as u64;
        if fin {
            facts.finished = Some(now);
        }
        self.outbox_bytes += bytes.len();
        self.outbox.push_back(Segment {
            pair: Some(pair),
            bytes,
            payload: length as u64,
        });
        self.collect();
    }

    /// Drops what was not handed over of a pair; gives the payload bytes of it.
    fn purge(&mut self, pair: PairId) -> u64 {
        let of_pair = |segment: &&Segment| segment.pair == Some(pair);
        let dropped = self
            .outbox
            .iter()
            .filter(of_pair)
            .map(|segment| segment.payload)
            .sum();
        self.outbox.retain(|segment| segment.pair != Some(pair));
        self.outbox_bytes = self.outbox.iter().map(|segment| segment.bytes.len()).sum();
        dropped
    }

    fn collect(&mut self) {
        let bytes = self.session.take_output();
        if !bytes.is_empty() {
            self.outbox_bytes += bytes.len();
            self.outbox.push_back(Segment {
                pair: None,
                bytes,
                payload: 0,
            });
        }
    }

    fn transmit(&mut self, now: Time, up: &mut Direction) -> bool {
        let mut progress = false;
        loop {
            if self.outgoing.is_empty() {
                let mut batch = BytesMut::new();
                while let Some(segment) = self.outbox.pop_front_if(|_| batch.len() < BATCH) {
                    batch.extend_from_slice(&segment.bytes);
                }
                self.outbox_bytes -= batch.len();
                if batch.is_empty() {
                    return progress;
                }
                if let Some(trace) = &mut self.trace {
                    trace.sent(now, &batch);
                }
                self.framing.wrap(&batch, &mut self.outgoing);
            }
            let sent = up.send(now, &self.outgoing);
            let _sent = self.outgoing.split_to(sent);
            progress |= sent > 0;
            if !self.outgoing.is_empty() {
                return progress;
            }
        }
    }

    fn check_bounds(&self) -> Result<(), String> {
        let most = OUTBOX + LARGEST_FRAME + CONTROL;
        if self.outbox_bytes > most {
            return Err(format!(
                "{} bytes wait to be sent, at most {most} may",
                self.outbox_bytes
            ));
        }
        Ok(())
    }
}
