use podline_wire::Time;

use super::super::{Dissector, Finding, Protocol, STATE_LIMIT};
use super::frames::*;

/// Hands over in pieces what never is to take more than the limit; gives all that was found.
fn feed(dissector: &mut Dissector, is_sent: bool, bytes: &[u8], portion: usize) -> Vec<Finding> {
    let mut findings = Vec::new();
    for piece in bytes.chunks(portion) {
        if is_sent {
            dissector.sent(piece, Time::ZERO);
        } else {
            dissector.received(piece, Time::ZERO);
        }
        assert!(dissector.kept() <= STATE_LIMIT, "{}", dissector.kept());
        findings.extend(std::iter::from_fn(|| dissector.poll()));
    }
    findings
}

fn exchanges(findings: &[Finding]) -> usize {
    findings
        .iter()
        .filter(|finding| matches!(finding, Finding::Exchange(_)))
        .count()
}

fn skipped(findings: &[Finding]) -> u64 {
    findings
        .iter()
        .map(|finding| match finding {
            Finding::Skipped(number) => *number,
            _ => 0,
        })
        .sum()
}

#[test]
fn requests_that_nobody_answers_are_forgotten_when_they_are_too_many() {
    let request = format!(
        "GET /{} HTTP/1.1\r\n{}\r\n",
        "a".repeat(200),
        "X-Y: z\r\n".repeat(20)
    );
    for portion in [100, 1000, 1_000_000] {
        let mut dissector = Dissector::new(false);
        let findings = feed(&mut dissector, true, request.repeat(1000).as_bytes(), portion);
        assert_eq!(dissector.protocol(), Some(&Protocol::Bytes));
        assert!(exchanges(&findings) >= 50, "{}", exchanges(&findings));
        assert!(dissector.kept() < 1024, "{}", dissector.kept());
    }
}

#[test]
fn a_hundred_requests_at_once_are_followed() {
    let request =
        "GET /some/path/as/it/comes HTTP/1.1\r\nHost: api\r\nUser-Agent: curl/8\r\nAccept: */*\r\n\r\n";
    let mut dissector = Dissector::new(false);
    feed(&mut dissector, true, request.repeat(100).as_bytes(), usize::MAX);
    let response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".repeat(100);
    let findings = feed(&mut dissector, false, response.as_bytes(), usize::MAX);
    assert_eq!((exchanges(&findings), skipped(&findings)), (100, 0));

    let (mut app, mut pod) = (Writer::default(), Writer::default());
    let mut dissector = Dissector::new(false);
    let streams = || (0..100).map(|number| 2 * number + 1);
    let asked: Vec<u8> = streams()
        .flat_map(|stream| app.call(stream, "/package.Service/Method"))
        .collect();
    feed(&mut dissector, true, &[hello(), asked].concat(), usize::MAX);
    let answered: Vec<u8> = streams()
        .flat_map(|stream| pod.headers(stream, END_STREAM, &[(":status", "200"), ("grpc-status", "0")]))
        .collect();
    feed(
        &mut dissector,
        false,
        &[settings(), answered].concat(),
        usize::MAX,
    );
    let ended: Vec<u8> = streams()
        .flat_map(|stream| data(stream, END_STREAM, "x"))
        .collect();
    let findings = feed(&mut dissector, true, &ended, usize::MAX);
    assert_eq!((exchanges(&findings), skipped(&findings)), (100, 0));
}

#[test]
fn streams_that_are_opened_and_reset_at_once_are_counted() {
    let mut app = Writer::default();
    let rapid: Vec<u8> = (0..1000)
        .flat_map(|number| [app.get(2 * number + 1, "/"), reset(2 * number + 1, 8)].concat())
        .collect();
    let mut dissector = Dissector::new(false);
    let findings = feed(&mut dissector, true, &[hello(), rapid].concat(), usize::MAX);
    assert_eq!(exchanges(&findings) as u64 + skipped(&findings), 1000);
    assert!(exchanges(&findings) >= 50);
    assert_eq!(dissector.protocol(), Some(&Protocol::Http2));
}

#[test]
fn streams_that_nobody_answers_are_forgotten_when_they_are_too_many() {
    for portion in [100, usize::MAX] {
        let mut app = Writer::default();
        let opened: Vec<u8> = (0..1000)
            .flat_map(|number| app.get(2 * number + 1, "/"))
            .collect();
        let mut dissector = Dissector::new(false);
        let findings = feed(&mut dissector, true, &[hello(), opened].concat(), portion);
        assert!(exchanges(&findings) >= 100, "{}", exchanges(&findings));
        assert_eq!(dissector.protocol(), Some(&Protocol::Bytes));
    }
}

#[test]
fn heads_hellos_and_blocks_without_end_are_given_up() {
    let endless_head = [&b"GET / HTTP/1.1\r\n"[..], &b"A: b\r\n".repeat(10_000)].concat();
    let endless_hello = [&[0x16, 3, 1, 0xff, 0xff, 1, 1, 0, 0][..], &[0; 100_000]].concat();
    let mut endless_block = hello();
    endless_block.extend(frame(HEADERS, 0, 1, b"\x82"));
    for _ in 0..100 {
        endless_block.extend(frame(CONTINUATION, 0, 1, [0x82; 1000]));
    }
    for (bytes, is_tls) in [
        (endless_head, false),
        (endless_hello, true),
        (endless_block, false),
    ] {
        for portion in [1, 1000, usize::MAX] {
            let mut dissector = Dissector::new(false);
            feed(&mut dissector, true, &bytes, portion);
            let is_bytes = dissector.protocol() == Some(&Protocol::Bytes);
            assert_eq!(is_bytes, !is_tls);
            assert!(dissector.kept() < 1024, "{}", dissector.kept());
        }
    }
}

#[test]
fn bodies_take_no_room_and_no_time_by_their_bytes() {
    let mut dissector = Dissector::new(false);
    feed(&mut dissector, true, b"GET / HTTP/1.1\r\n\r\n", usize::MAX);
    feed(
        &mut dissector,
        false,
        b"HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n",
        usize::MAX,
    );
    let kept = dissector.kept();
    // A tebibyte would take hours if each byte was looked at in a debug build, or copied anywhere.
    let piece = vec![0; 16 * 1024 * 1024];
    for _ in 0..(1_u64 << 40) / piece.len() as u64 {
        dissector.received(&piece, Time::ZERO);
    }
    assert!(
        matches!(dissector.poll(), Some(Finding::Exchange(exchange)) if exchange.response_body == 1 << 40)
    );
    assert!(dissector.kept() <= kept);
}

#[test]
fn what_never_grows_has_its_room() {
    let mut dissector = Dissector::new(false);
    assert!(dissector.kept() < 1024);
    dissector.sent(&hello(), Time::ZERO);
    assert!(dissector.kept() < 1024, "{}", dissector.kept());
}
