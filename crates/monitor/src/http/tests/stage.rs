use std::time::Duration;

use podline_wire::Time;

use super::super::{Dissector, Ending, Exchange, Finding, STATE_LIMIT};

/// A step of a conversation. The first one is at 10 ms, each further one 10 ms later.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Closed,
    Received(Vec<u8>),
    Reset,
    Sent(Vec<u8>),
}

pub(super) fn sent(bytes: impl AsRef<[u8]>) -> Step {
    Step::Sent(bytes.as_ref().to_vec())
}

pub(super) fn received(bytes: impl AsRef<[u8]>) -> Step {
    Step::Received(bytes.as_ref().to_vec())
}

/// What is found in a conversation, in lines, however its steps are cut.
pub(super) fn found(steps: &[Step]) -> Vec<String> {
    let whole = findings(steps, usize::MAX);
    for portion in [1, 2, 3, 5, 8, 13, 100, 1000] {
        assert_eq!(findings(steps, portion), whole, "cut into {portion} bytes");
    }
    whole.iter().map(line).collect()
}

/// The exchanges of a conversation.
pub(super) fn exchanges(steps: &[Step]) -> Vec<Exchange> {
    findings(steps, usize::MAX)
        .into_iter()
        .filter_map(|finding| match finding {
            Finding::Exchange(exchange) => Some(*exchange),
            _ => None,
        })
        .collect()
}

/// What is found in a conversation whose steps are cut into pieces of `portion` bytes.
pub(super) fn findings(steps: &[Step], portion: usize) -> Vec<Finding> {
    let mut dissector = Dissector::new(false);
    let mut findings = Vec::new();
    let mut now = Time::ZERO;
    for step in steps {
        now += Duration::from_millis(10);
        match step {
            Step::Closed => dissector.end(true, now),
            Step::Reset => dissector.end(false, now),
            Step::Sent(bytes) => {
                for piece in bytes.chunks(portion) {
                    dissector.sent(piece, now);
                    assert!(dissector.kept() <= STATE_LIMIT, "{}", dissector.kept());
                    findings.extend(std::iter::from_fn(|| dissector.poll()));
                }
            }
            Step::Received(bytes) => {
                for piece in bytes.chunks(portion) {
                    dissector.received(piece, now);
                    assert!(dissector.kept() <= STATE_LIMIT, "{}", dissector.kept());
                    findings.extend(std::iter::from_fn(|| dissector.poll()));
                }
            }
        }
        findings.extend(std::iter::from_fn(|| dissector.poll()));
    }
    findings
}

/// A finding in one line: method, target, status, when the request began, times to the first and the last byte, and
/// sizes of the bodies; then what is special.
fn line(finding: &Finding) -> String {
    let exchange = match finding {
        Finding::Exchange(exchange) => exchange,
        Finding::Recognised(protocol) => return protocol.to_string(),
        Finding::Skipped(number) => return format!("{number} skipped"),
    };
    let milliseconds = |duration: Duration| duration.as_millis().to_string();
    let dash = || "-".to_owned();
    let status = exchange.status.map_or_else(dash, |status| status.to_string());
    let first = exchange.first_byte.map_or_else(dash, milliseconds);
    let mut line = format!(
        "{} {} {status} @{} {first}/{} {}/{}",
        exchange.method,
        exchange.target,
        exchange.started.as_duration().as_millis(),
        milliseconds(exchange.duration),
        exchange.request_body,
        exchange.response_body,
    );
    if let Some(grpc) = exchange.grpc {
        let status = grpc.status.map_or_else(dash, |status| status.to_string());
        line.push_str(&format!(" grpc {status}"));
    }
    if exchange.ending != Ending::Complete {
        line.push_str(&format!(" {}", exchange.ending));
    }
    line
}
