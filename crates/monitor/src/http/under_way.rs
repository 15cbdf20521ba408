use podline_wire::Time;

use super::findings::Findings;
use super::{Ending, Exchange, Header};

/// Most headers of one message that are kept.
const HEADERS: usize = 32;
/// Bytes that a connection's exchanges may take before the headers of further ones are not kept.
pub(super) const ROOM_FOR_HEADERS: usize = 20 * 1024;

/// An exchange that is not over.
#[derive(Debug)]
pub(super) struct UnderWay {
    exchange: Box<Exchange>,
    weight: usize,
    request_done: bool,
    /// When the response was whole.
    response_done: Option<Time>,
}

/// Collects the headers of one message.
#[derive(Debug, Default)]
pub(super) struct Headers(Vec<Header>);

impl Headers {
    /// Takes a header, unless there are many already.
    pub(super) fn push(&mut self, name: &[u8], value: Option<&[u8]>) {
        if self.0.len() < HEADERS {
            self.0.push(Header::new(name, value));
        }
    }

    fn keep(self, keep: bool) -> Box<[Header]> {
        if keep { self.0.into() } else { Box::default() }
    }
}

impl UnderWay {
    /// An exchange of which the head of the request has come. Its headers are kept where `keeps_headers`.
    pub(super) fn new(mut exchange: Exchange, headers: Headers, keeps_headers: bool) -> Self {
        exchange.request_headers = headers.keep(keeps_headers);
        Self {
            weight: exchange.weight(),
            exchange: Box::new(exchange),
            request_done: false,
            response_done: None,
        }
    }

    /// Bytes that it takes in memory.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>() + self.weight
    }

    /// For what takes no memory of its own.
    pub(super) fn exchange_mut(&mut self) -> &mut Exchange {
        &mut self.exchange
    }

    pub(super) fn is_answered(&self) -> bool {
        self.exchange.status.is_some()
    }

    pub(super) fn is_request_done(&self) -> bool {
        self.request_done
    }

    pub(super) fn is_response_done(&self) -> bool {
        self.response_done.is_some()
    }

    /// The head of the response has come, the first byte of it at `began`.
    pub(super) fn handle_response(
        &mut self,
        status: u16,
        began: Time,
        headers: Headers,
        keeps_headers: bool,
    ) {
        self.exchange.status = Some(status);
        self.exchange.first_byte = Some(began.saturating_since(self.exchange.started));
        self.exchange.response_headers = headers.keep(keeps_headers);
        self.weight = self.exchange.weight();
    }

    /// What came as a response was none; the real one is to come.
    pub(super) fn forget_response(&mut self) {
        self.exchange.status = None;
        self.exchange.first_byte = None;
        self.exchange.response_headers = Box::default();
        self.weight = self.exchange.weight();
    }

    pub(super) fn handle_request_done(&mut self) {
        self.request_done = true;
    }

    pub(super) fn handle_response_done(&mut self, at: Time) {
        self.response_done = Some(at);
    }

    /// Whether both are whole, so that it is to be told.
    pub(super) fn is_complete(&self) -> bool {
        self.request_done && self.response_done.is_some()
    }

    /// Tells it: as what it is if its response is whole, otherwise with `ending` at `now`.
    pub(super) fn tell(mut self, ending: Ending, now: Time, findings: &mut Findings) {
        self.exchange.ending = match self.response_done {
            Some(_) if self.request_done => Ending::Complete,
            Some(_) => Ending::AnsweredEarly,
            None => ending,
        };
        let ended = self.response_done.unwrap_or(now);
        self.exchange.duration = ended.saturating_since(self.exchange.started);
        findings.push(self.exchange, self.weight);
    }
}
