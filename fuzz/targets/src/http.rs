use std::time::Duration;

use podline_monitor::http::{Direction, Dissector, Finding, STATE_LIMIT};
use podline_wire::Time;

/// What is found in a conversation is the same however it is cut, and no more is kept than is allowed.
///
/// The first byte says how the bytes are cut. What follows are steps: a byte whose lowest bit is set where the pod
/// speaks, a byte with the length, and what is said.
pub fn http(data: &[u8]) {
    let Some((&portion, steps)) = data.split_first() else {
        return;
    };
    let whole = dissect(steps, usize::MAX);
    let cut = dissect(steps, usize::from(portion) + 1);
    // What ends in one call and is too much to be kept is counted, and how much that is depends on the calls.
    let is_skipped = |finding: &Finding| matches!(finding, Finding::Skipped(_));
    if !whole.iter().chain(&cut).any(is_skipped) {
        assert_eq!(whole, cut);
    }
}

fn dissect(mut steps: &[u8], portion: usize) -> Vec<Finding> {
    let mut dissector = Dissector::new(false);
    let mut findings = Vec::new();
    let mut now = Time::ZERO;
    while let [kind, length, rest @ ..] = steps {
        let (said, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        steps = rest;
        now += Duration::from_millis(1);
        for piece in said.chunks(portion) {
            if kind & 1 == 0 {
                dissector.sent(piece, now);
            } else {
                dissector.received(piece, now);
            }
            assert!(
                dissector.kept() <= STATE_LIMIT,
                "it keeps no more than is allowed"
            );
            findings.extend(std::iter::from_fn(|| dissector.poll()));
        }
    }
    dissector.gap(Direction::Sent, 1, now);
    findings.extend(std::iter::from_fn(|| dissector.poll()));
    assert!(dissector.is_done(), "there is nothing behind a gap");
    findings
}
