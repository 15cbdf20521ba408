use std::time::Duration;

use jiff::Timestamp;
use podline::Connection;

use super::Exchange;
use crate::{Exchanged, Fact, What, say_exchange};

/// The HTTP log as lines of text: one for each request that is over, and one for what else a connection speaks.
#[derive(Clone, Copy, Debug)]
pub struct HttpLog {
    names_forwards: bool,
}

impl HttpLog {
    /// A log of one forward, or of several whose names are told.
    #[must_use]
    pub fn new(names_forwards: bool) -> Self {
        Self { names_forwards }
    }

    /// What stands above the columns.
    #[must_use]
    pub fn heading(self) -> String {
        columns(
            "TIME",
            "CONNECTION",
            "METHOD",
            "STATUS",
            "FIRST BYTE",
            "TOTAL",
            "SENT",
            "RECEIVED",
            "TARGET",
        )
    }

    /// The line of `fact`, if it has one. What of it comes from the traffic is escaped.
    #[must_use]
    pub fn line(self, fact: &Fact) -> Option<String> {
        let named = |connection: &Connection| {
            if self.names_forwards {
                format!("{}#{}", fact.forward.target, connection.id)
            } else {
                format!("#{}", connection.id)
            }
        };
        match &fact.what {
            What::Exchanged(exchanged) => {
                let Exchanged {
                    connection,
                    started,
                    exchange,
                    ..
                } = &**exchanged;
                Some(line(*started, &named(connection), exchange))
            }
            What::Overlooked {
                connection,
                exchanges,
            } => Some(remark(
                fact.at,
                &named(connection),
                &format!("{exchanges} requests more"),
            )),
            What::Recognised { connection, protocol } if !protocol.has_exchanges() => {
                Some(remark(fact.at, &named(connection), &protocol.to_string()))
            }
            _ => None,
        }
    }
}

fn line(started: Timestamp, connection: &str, exchange: &Exchange) -> String {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    columns(
        &time(started),
        connection,
        &exchange.method.to_string(),
        &or_dash(exchange.status.map(|status| status.to_string())),
        &or_dash(exchange.first_byte.map(milliseconds)),
        &milliseconds(exchange.duration),
        &format!("{} B", exchange.request_body),
        &format!("{} B", exchange.response_body),
        &say_exchange(exchange),
    )
}

/// A line that is no request.
fn remark(at: Timestamp, connection: &str, words: &str) -> String {
    format!("{:13} {connection:10} {words}", time(at))
}

#[allow(clippy::too_many_arguments, reason = "a line has nine columns")]
fn columns(
    time: &str,
    connection: &str,
    method: &str,
    status: &str,
    first_byte: &str,
    total: &str,
    sent: &str,
    received: &str,
    target: &str,
) -> String {
    format!(
        "{time:13} {connection:10} {method:7} {status:6} {first_byte:>11} {total:>11} {sent:>10} {received:>10} {target}"
    )
}

/// The time of day in UTC, for nobody can know in what zone a log will be read.
fn time(at: Timestamp) -> String {
    at.strftime("%H:%M:%S.%3fZ").to_string()
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use podline::Untrusted;

    use super::super::{Ending, Grpc, GrpcStatus};
    use super::*;

    #[test]
    fn a_request_is_one_line_in_columns() {
        let started: Timestamp = "2026-11-27T22:10:03.0421Z".parse().unwrap();
        let mut exchange = Exchange {
            method: Untrusted::new("GET"),
            target: Untrusted::new("/a\u{1b}[2J?b=…"),
            status: Some(200),
            first_byte: Some(Duration::from_micros(1234)),
            duration: Duration::from_millis(15),
            response_body: 1_234_567,
            ending: Ending::Complete,
            ..Exchange::empty()
        };
        let lines = [
            HttpLog::new(false).heading(),
            line(started, "#12", &exchange),
            {
                exchange.grpc = Some(Grpc {
                    status: GrpcStatus::parse(b"5"),
                });
                (exchange.status, exchange.first_byte) = (None, None);
                exchange.ending = Ending::Unanswered;
                line(started, "svc/web#1", &exchange)
            },
            remark(started, "#3", "Redis"),
        ];
        insta::assert_snapshot!(lines.join("\n"));
    }
}
