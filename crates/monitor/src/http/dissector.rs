use podline::Outcome;
use podline_wire::Time;

use super::findings::Findings;
use super::http1::{Flow, Http1};
use super::http2::Http2;
use super::lost::Lost;
use super::recogniser::{Guess, Recogniser};
use super::{Direction, Finding, Protocol};

/// Most that is kept of one connection, in bytes.
pub const STATE_LIMIT: usize = 64 * 1024;
/// What of it is for what is on the heap and grows; the rest is for what never does.
pub(super) const ROOM: usize = STATE_LIMIT - 1024;

/// Reads one connection and finds out what it speaks and, where that is HTTP, each request.
///
/// | kind | methods |
/// |---|---|
/// | what came | [`sent`](Self::sent), [`received`](Self::received), [`gap`](Self::gap), [`ended`](Self::ended) |
/// | what was found | [`poll`](Self::poll), until it gives nothing |
/// | how it stands | [`protocol`](Self::protocol), [`kept`](Self::kept) |
///
/// Bytes of one direction come in their order, those of both in the order of time: a response never before its request.
/// How they are cut makes no difference. What makes no sense, is missing, or would take more than [`STATE_LIMIT`] to
/// follow turns the connection into [`Protocol::Bytes`] for good.
#[derive(Debug)]
pub struct Dissector {
    state: State,
    findings: Findings,
    show_query: bool,
}

#[derive(Debug)]
enum State {
    /// Nothing is known yet.
    New(Box<Recogniser>),
    Http1(Box<Http1>),
    Http2(Box<Http2>),
    /// What comes is not looked at any more.
    Opaque,
}

/// What the readers of protocols work with.
pub(super) struct Context<'a> {
    pub(super) now: Time,
    pub(super) show_query: bool,
    pub(super) findings: &'a mut Findings,
}

impl Dissector {
    /// A dissector of a connection that begins. Values of queries are found only where `show_query`.
    #[must_use]
    pub fn new(show_query: bool) -> Self {
        Self {
            state: State::New(Box::default()),
            findings: Findings::default(),
            show_query,
        }
    }

    /// The app sent `bytes`.
    pub fn sent(&mut self, bytes: &[u8], now: Time) {
        self.handle(Direction::Sent, bytes, now);
    }

    /// The app was given `bytes` of the pod.
    pub fn received(&mut self, bytes: &[u8], now: Time) {
        self.handle(Direction::Received, bytes, now);
    }

    /// So many bytes went by unseen.
    pub fn gap(&mut self, _direction: Direction, bytes: u64, now: Time) {
        if bytes > 0 {
            self.give_up(now);
        }
    }

    /// The connection is over. The last call, but for [`Dissector::poll`].
    pub fn ended(&mut self, outcome: &Outcome, now: Time) {
        self.end(outcome.end.is_clean(), now);
    }

    /// What was found since the last time; to be asked for after each other call, until there is nothing.
    pub fn poll(&mut self) -> Option<Finding> {
        self.findings.poll()
    }

    /// What the connection looks like, once that is known.
    #[must_use]
    pub fn protocol(&self) -> Option<&Protocol> {
        self.findings.protocol()
    }

    /// Whether nothing more will be found, so that no more need be handed over.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Opaque) && self.findings.is_empty()
    }

    /// Bytes that are kept of the connection, with what was found and not polled: at most [`STATE_LIMIT`].
    #[must_use]
    pub fn kept(&self) -> usize {
        let state = match &self.state {
            State::New(recogniser) => size_of::<Recogniser>() + recogniser.kept(),
            State::Http1(http1) => size_of::<Http1>() + http1.kept(),
            State::Http2(http2) => size_of::<Http2>() + http2.kept(),
            State::Opaque => 0,
        };
        size_of::<Self>() + state + self.findings.kept()
    }

    /// The connection was closed, or else reset.
    pub(super) fn end(&mut self, is_clean: bool, now: Time) {
        let state = std::mem::replace(&mut self.state, State::Opaque);
        let mut context = self.context(now);
        match state {
            State::New(recogniser) => {
                if recogniser.has_begun() {
                    context.findings.recognise(Protocol::Bytes);
                }
            }
            State::Http1(http1) => http1.end(is_clean, &mut context),
            State::Http2(http2) => http2.end(is_clean, &mut context),
            State::Opaque => {}
        }
    }

    fn handle(&mut self, direction: Direction, mut bytes: &[u8], now: Time) {
        while !bytes.is_empty() {
            match &mut self.state {
                State::New(recogniser) => {
                    if let Some(guess) = recogniser.handle(direction, &mut bytes, now) {
                        self.begin(guess, now);
                    }
                }
                State::Http1(_) | State::Http2(_) => self.follow(direction, &mut bytes, now),
                State::Opaque => return,
            }
        }
    }

    /// It is known what the connection speaks: so what was kept of its beginning can be read.
    fn begin(&mut self, guess: Guess, now: Time) {
        let next = match guess {
            Guess::Http1 => State::Http1(Box::default()),
            Guess::Http2 => {
                self.findings.recognise(Protocol::Http2);
                State::Http2(Box::new(Http2::new()))
            }
            Guess::Other(protocol) => {
                self.findings.recognise(protocol);
                State::Opaque
            }
        };
        if let State::New(recogniser) = std::mem::replace(&mut self.state, next) {
            let (sent, began, received) = recogniser.into_kept();
            self.handle(Direction::Sent, &sent, began);
            self.handle(Direction::Received, &received, now);
        }
    }

    /// Reads HTTP.
    fn follow(&mut self, direction: Direction, bytes: &mut &[u8], now: Time) {
        let mut context = Context {
            now,
            show_query: self.show_query,
            findings: &mut self.findings,
        };
        let flow = match &mut self.state {
            State::Http1(http1) => http1.handle(direction, bytes, &mut context),
            State::Http2(http2) => {
                let taken = std::mem::take(bytes);
                http2
                    .handle(direction, taken, &mut context)
                    .map(|()| Flow::GoesOn)
            }
            State::New(_) | State::Opaque => Ok(Flow::GoesOn),
        };
        match flow {
            Ok(Flow::GoesOn) => {}
            Ok(Flow::Http2 { exchange, settings }) => {
                self.findings.recognise(Protocol::Http2);
                self.state = State::Http2(Box::new(Http2::upgraded(exchange, &settings)));
            }
            Ok(Flow::Tunnel(protocol)) => self.leave(protocol, now),
            Err(Lost) => self.give_up(now),
        }
    }

    /// The connection cannot be followed any further.
    fn give_up(&mut self, now: Time) {
        if !matches!(self.state, State::Opaque) {
            self.leave(Protocol::Bytes, now);
        }
    }

    /// What follows is not looked at, and is of this protocol.
    fn leave(&mut self, protocol: Protocol, now: Time) {
        let state = std::mem::replace(&mut self.state, State::Opaque);
        let mut context = self.context(now);
        match state {
            State::Http1(http1) => http1.abandon(&mut context),
            State::Http2(http2) => http2.abandon(&mut context),
            State::New(_) | State::Opaque => {}
        }
        context.findings.recognise(protocol);
        self.findings.shrink_to(ROOM);
    }

    fn context(&mut self, now: Time) -> Context<'_> {
        Context {
            now,
            show_query: self.show_query,
            findings: &mut self.findings,
        }
    }
}
