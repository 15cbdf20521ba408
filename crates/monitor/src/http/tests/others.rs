use std::time::Duration;

use podline_wire::Time;

use super::super::{Direction, Dissector, Finding, Protocol};
use super::stage::{Step, found, received, sent};

#[test]
fn other_protocols_are_recognised_once() {
    for (steps, expected) in [
        (vec![sent("\0\0\0\x08\x04\u{52}\x16/"), Step::Closed], "bytes"),
        (
            vec![
                sent([0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f]),
                received("S"),
                sent([0x16, 3, 1]),
            ],
            "PostgreSQL, asks for encryption",
        ),
        (
            vec![received(b"\x4a\0\0\0\x0a8.0.36\0rest"), sent(b"\x20\0\0\x01")],
            "MySQL",
        ),
        (vec![sent("*1\r\n$4\r\nPING\r\n"), received("+PONG\r\n")], "Redis"),
        (vec![received("SSH-2.0-x\r\n"), sent("SSH-2.0-y\r\n")], "SSH"),
        (vec![received("220 smtp ready\r\n"), sent("EHLO a\r\n")], "bytes"),
        (vec![sent("GE"), Step::Closed], "bytes"),
        (vec![sent("GE"), received("what?")], "bytes"),
        (
            vec![sent([0x16, 3, 1, 0, 1, 1]), sent([0x16, 3, 1, 0, 3, 0, 0, 0])],
            "TLS",
        ),
    ] {
        assert_eq!(found(&steps), [expected], "{steps:?}");
    }
    assert_eq!(found(&[Step::Closed]), Vec::<String>::new());
}

#[test]
fn a_gap_turns_http_into_bytes_and_nothing_else() {
    let now = Time::from_duration(Duration::from_secs(1));
    let mut http = Dissector::new(false);
    http.sent(b"GET / HTTP/1.1\r\n\r\n", now);
    http.gap(Direction::Received, 0, now);
    assert_eq!(http.protocol(), Some(&Protocol::Http1));
    http.gap(Direction::Received, 1, now);
    assert_eq!(http.protocol(), Some(&Protocol::Bytes));
    http.received(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", now);
    let findings: Vec<Finding> = std::iter::from_fn(|| http.poll()).collect();
    assert_eq!(findings.len(), 3, "{findings:?}");

    let mut redis = Dissector::new(false);
    redis.sent(b"*1\r\n$4\r\nPING\r\n", now);
    redis.gap(Direction::Sent, 10, now);
    assert_eq!(redis.protocol(), Some(&Protocol::Redis));
}
