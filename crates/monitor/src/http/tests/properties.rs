use proptest::prelude::*;

use super::frames::*;
use super::stage::{Step, findings, received, sent};

/// Pieces of which conversations are made: some that belong together, some that do not.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let mut app = Writer::default();
    let mut pod = Writer::default();
    let known: Vec<Vec<u8>> = vec![
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"HEAD /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello".to_vec(),
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_vec(),
        b"CONNECT a:1 HTTP/1.1\r\n\r\n".to_vec(),
        b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAACAA\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n0\r\nT: x\r\n\r\n".to_vec(),
        b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(),
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n".to_vec(),
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n".to_vec(),
        b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        b"HTTP/1.0 200 OK\r\n\r\nuntil the end".to_vec(),
        hello(),
        settings(),
        app.get(1, "/1"),
        app.call(3, "/a.B/C"),
        app.get(5, "/5"),
        pod.headers(1, 0, &[(":status", "200")]),
        pod.headers(3, END_STREAM, &[(":status", "200"), ("grpc-status", "5")]),
        data(1, END_STREAM, "body"),
        data(3, PADDED, b"\x01ab\0"),
        reset(5, 8),
        frame(GOAWAY, 0, 0, [0; 8]),
        frame(HEADERS, 0, 7, b"\x82"),
        frame(CONTINUATION, END_HEADERS, 7, b"\x84"),
        frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\x02\x82"),
        b"\x16\x03\x01\x00\x30\x01\x00\x00\x2c".to_vec(),
        b"*1\r\n$4\r\nPING\r\n".to_vec(),
        b"\x4a\0\0\0\x0a8.0".to_vec(),
    ];
    prop_oneof![
        8 => prop::sample::select(known),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (any::<bool>(), prop::collection::vec(pieces(), 1..4)).prop_map(|(is_sent, pieces)| {
        let bytes = pieces.concat();
        if is_sent { sent(bytes) } else { received(bytes) }
    });
    let end = prop_oneof![Just(Step::Closed), Just(Step::Reset)];
    (prop::collection::vec(step, 1..8), end).prop_map(|(mut steps, end)| {
        steps.push(end);
        steps
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn how_bytes_are_cut_makes_no_difference(steps in steps(), portion in 1_usize..40) {
        let whole = findings(&steps, usize::MAX);
        let cut = findings(&steps, portion);
        prop_assert_eq!(whole, cut);
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(
        steps in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..200)), 0..10),
        portion in 1_usize..40,
    ) {
        let steps: Vec<Step> = steps
            .into_iter()
            .map(|(is_sent, bytes)| if is_sent { sent(bytes) } else { received(bytes) })
            .collect();
        let whole = findings(&steps, usize::MAX);
        prop_assert_eq!(whole, findings(&steps, portion));
    }
}
