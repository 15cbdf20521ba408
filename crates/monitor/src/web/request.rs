use std::sync::Arc;

use jiff::Timestamp;
use podline::Untrusted;
use serde::Serialize;

use crate::http::{Header, HeaderValue};
use crate::{Exchanged, Fact, What, say_grpc};

/// An HTTP request that is remembered.
#[derive(Debug)]
pub(super) struct Request {
    /// Its number among the events and requests that are told.
    pub(super) number: u64,
    fact: Arc<Fact>,
}

/// A request as a row of a table.
#[derive(Debug, Serialize)]
pub(super) struct RequestRow {
    number: u64,
    at: Timestamp,
    forward: usize,
    connection: u64,
    version: String,
    stream: Option<u32>,
    method: String,
    target: String,
    host: Option<String>,
    status: Option<u16>,
    grpc: Option<String>,
    first_byte_ms: Option<f64>,
    duration_ms: f64,
    request_body: u64,
    response_body: u64,
    ending: String,
    is_complete: bool,
}

/// What is known of a request besides its row.
#[derive(Debug, Serialize)]
pub(super) struct RequestDetail {
    request_headers: Vec<HeaderRow>,
    response_headers: Vec<HeaderRow>,
}

#[derive(Debug, Serialize)]
struct HeaderRow {
    name: String,
    /// None where it may be a secret.
    value: Option<String>,
}

impl Request {
    /// The request that a fact tells of; `None` if it tells of something else.
    pub(super) fn new(number: u64, fact: &Arc<Fact>) -> Option<Self> {
        let fact = matches!(fact.what, What::Exchanged(_)).then(|| Arc::clone(fact))?;
        Some(Self { number, fact })
    }

    pub(super) fn row(&self) -> Option<RequestRow> {
        let Exchanged {
            connection,
            started,
            exchange,
        } = self.exchanged()?;
        Some(RequestRow {
            number: self.number,
            at: *started,
            forward: self.fact.forward.index,
            connection: connection.id,
            version: exchange.version.to_string(),
            stream: exchange.stream,
            method: exchange.method.to_string(),
            target: exchange.target.to_string(),
            host: exchange.host.as_ref().map(Untrusted::to_string),
            status: exchange.status,
            grpc: say_grpc(exchange),
            first_byte_ms: exchange.first_byte.map(|waited| waited.as_secs_f64() * 1000.0),
            duration_ms: exchange.duration.as_secs_f64() * 1000.0,
            request_body: exchange.request_body,
            response_body: exchange.response_body,
            ending: exchange.ending.to_string(),
            is_complete: exchange.ending.is_complete(),
        })
    }

    pub(super) fn detail(&self) -> Option<RequestDetail> {
        let exchange = &self.exchanged()?.exchange;
        let rows = |headers: &[Header]| headers.iter().map(HeaderRow::new).collect();
        Some(RequestDetail {
            request_headers: rows(&exchange.request_headers),
            response_headers: rows(&exchange.response_headers),
        })
    }

    fn exchanged(&self) -> Option<&Exchanged> {
        match &self.fact.what {
            What::Exchanged(exchanged) => Some(exchanged),
            _ => None,
        }
    }
}

impl HeaderRow {
    fn new(header: &Header) -> Self {
        Self {
            name: header.name.to_string(),
            value: match &header.value {
                HeaderValue::Redacted => None,
                HeaderValue::Shown(value) => Some(value.to_string()),
            },
        }
    }
}
