use super::frames::*;
use super::stage::{Step, exchanges, found, received, sent};

const OK: &[(&str, &str)] = &[(":status", "200"), ("content-type", "text/plain")];

#[test]
fn streams_are_interleaved_and_each_is_an_exchange() {
    let (mut app, mut pod) = (Writer::default(), Writer::default());
    let post = [
        (":method", "POST"),
        (":path", "/3?token=x"),
        (":authority", "api"),
    ];
    let steps = [
        sent([hello(), app.get(1, "/1"), app.headers(3, 0, &post)].concat()),
        received([settings(), frame(SETTINGS, 1, 0, "")].concat()),
        sent([frame(SETTINGS, 1, 0, ""), data(3, 0, "abc"), app.get(5, "/5")].concat()),
        received([pod.headers(5, 0, OK), pod.headers(1, 0, OK), data(1, 0, [0; 700])].concat()),
        received([data(5, END_STREAM, "12"), data(1, END_STREAM, [0; 300])].concat()),
        sent(data(3, END_STREAM, "de")),
        received(pod.headers(3, END_STREAM, &[(":status", "204")])),
        sent(frame(GOAWAY, 0, 0, [0; 8])),
        Step::Closed,
    ];
    assert_eq!(
        found(&steps),
        [
            "HTTP/2",
            "GET /5 200 @30 10/20 0/2",
            "GET /1 200 @10 30/40 0/1000",
            "POST /3?token=… 204 @10 60/60 5/0",
        ]
    );
}

#[test]
fn continuation_padding_and_priority_are_understood() {
    let (mut app, mut pod) = (Writer::default(), Writer::default());
    let request = app.block(&[(":method", "GET"), (":path", "/a"), ("x-long", &"v".repeat(300))]);
    let padded = [&[4][..], &[0, 0, 0, 0, 16], &request[..10], &[0; 4]].concat();
    let steps = [
        sent(hello()),
        sent(
            [
                frame(PRIORITY_FRAME, 0, 1, [0; 5]),
                frame(HEADERS, PADDED | PRIORITY | END_STREAM, 1, padded),
                frame(CONTINUATION, 0, 1, &request[10..20]),
                frame(CONTINUATION, 0, 1, ""),
                frame(CONTINUATION, END_HEADERS, 1, &request[20..]),
                frame(PING, 0, 0, [0; 8]),
                frame(WINDOW_UPDATE, 0, 1, [0, 0, 1, 0]),
                frame(0x42, 0xff, 1, "an unknown frame"),
            ]
            .concat(),
        ),
        received(pod.headers(1, 0, OK)),
        received(
            [
                data(1, PADDED, b"\x03abc\0\0\0"),
                data(1, PADDED, b"\x00"),
                data(1, PADDED | END_STREAM, b"\x02d\0\0"),
            ]
            .concat(),
        ),
    ];
    assert_eq!(found(&steps), ["HTTP/2", "GET /a 200 @20 10/20 0/4"]);
}

#[test]
fn interim_responses_trailers_and_pushes_are_not_the_response() {
    let (mut app, mut pod) = (Writer::default(), Writer::default());
    let pushed = [
        &[0, 0, 0, 2][..],
        &pod.block(&[(":method", "GET"), (":path", "/pushed")]),
    ]
    .concat();
    let steps = [
        sent([hello(), app.get(1, "/a")].concat()),
        received(
            [
                settings(),
                pod.headers(1, 0, &[(":status", "103"), ("link", "x")]),
            ]
            .concat(),
        ),
        received(
            [
                frame(PUSH_PROMISE, END_HEADERS, 1, pushed),
                pod.headers(2, 0, OK),
                data(2, END_STREAM, "pushed"),
                pod.headers(1, 0, &[(":status", "200"), ("trailer", "x-sum")]),
                data(1, 0, "abc"),
            ]
            .concat(),
        ),
        received(pod.headers(1, END_STREAM, &[("x-sum", "1")])),
    ];
    assert_eq!(found(&steps), ["HTTP/2", "GET /a 200 @10 20/30 0/3"]);
}

#[test]
fn grpc_calls_end_with_their_status() {
    let (mut app, mut pod) = (Writer::default(), Writer::default());
    let head = [(":status", "200"), ("content-type", "application/grpc")];
    let only_trailers = [
        (":status", "200"),
        ("content-type", "application/grpc"),
        ("grpc-status", "12"),
        ("grpc-message", "secret"),
    ];
    let message = b"\0\0\0\0\x02hi";
    let steps = [
        sent([hello(), app.call(1, "/a.B/Ok"), data(1, END_STREAM, message)].concat()),
        received([settings(), pod.headers(1, 0, &head), data(1, 0, message)].concat()),
        received(pod.headers(1, END_STREAM, &[("grpc-status", "0")])),
        sent([app.call(3, "/a.B/No"), data(3, END_STREAM, message)].concat()),
        received(pod.headers(3, END_STREAM, &only_trailers)),
        sent(app.call(5, "/a.B/Cancelled")),
        sent(reset(5, 8)),
        sent(app.call(7, "/a.B/Refused")),
        received(reset(7, 7)),
        sent(app.call(9, "/a.B/Lost")),
        received(pod.headers(9, 0, &head)),
        Step::Reset,
    ];
    assert_eq!(
        found(&steps),
        [
            "HTTP/2",
            "gRPC",
            "POST /a.B/Ok 200 @10 10/20 7/7 grpc OK",
            "POST /a.B/No 200 @40 10/10 7/0 grpc UNIMPLEMENTED",
            "POST /a.B/Cancelled - @60 -/10 0/0 grpc CANCELLED reset by the app: CANCEL",
            "POST /a.B/Refused - @80 -/10 0/0 grpc UNAVAILABLE reset by the pod: REFUSED_STREAM",
            "POST /a.B/Lost 200 @100 10/20 0/0 grpc - the connection was reset",
        ]
    );
    let all = format!("{:?}", exchanges(&steps));
    assert!(!all.contains("secret"), "{all}");
    assert!(all.contains("authorization"));
}

#[test]
fn streams_end_early_by_reset_goaway_and_close() {
    let (mut app, mut pod) = (Writer::default(), Writer::default());
    let post = |path| [(":method", "POST"), (":path", path)];
    let steps = [
        sent([hello(), app.headers(1, 0, &post("/early")), data(1, 0, "ab")].concat()),
        received(
            [
                settings(),
                pod.headers(1, END_STREAM, &[(":status", "413")]),
                reset(1, 0),
            ]
            .concat(),
        ),
        sent(
            [
                app.get(3, "/cut"),
                app.get(5, "/unanswered"),
                app.get(7, "/never-seen"),
            ]
            .concat(),
        ),
        received(
            [
                pod.headers(3, 0, OK),
                frame(GOAWAY, 0, 0, [0, 0, 0, 5, 0, 0, 0, 0, b'b', b'y', b'e']),
            ]
            .concat(),
        ),
        // Of a stream that is over.
        received(data(1, 0, "late")),
        received(pod.headers(1, 0, OK)),
        Step::Closed,
    ];
    assert_eq!(
        found(&steps),
        [
            "HTTP/2",
            "POST /early 413 @10 10/10 2/0 answered before the request was whole",
            "GET /never-seen - @30 -/10 0/0 never answered",
            "GET /cut 200 @30 10/40 0/0 cut short",
            "GET /unanswered - @30 -/40 0/0 never answered",
        ]
    );
}

#[test]
fn a_server_may_speak_before_the_client() {
    let (mut app, mut pod) = (Writer::default(), Writer::default());
    let steps = [
        received(settings()),
        sent([hello(), app.get(1, "/")].concat()),
        received(pod.headers(1, END_STREAM, OK)),
    ];
    assert_eq!(found(&steps), ["HTTP/2", "GET / 200 @20 10/10 0/0"]);
}

#[test]
fn a_request_may_upgrade_to_http2() {
    let (mut app, mut pod) = (Writer::default(), Writer::default());
    let upgrade = "POST /a?b=c HTTP/1.1\r\nHost: api\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
                   HTTP2-Settings: AAEAACAA\r\nContent-Length: 2\r\n\r\nhi";
    // A table of 8192 bytes, which only those settings allow.
    let mut answer = b"\x3f\xe1\x3f".to_vec();
    answer.extend(pod.block(OK));
    let steps = [
        sent(upgrade),
        received(
            [
                &b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"[..],
                &settings(),
            ]
            .concat(),
        ),
        sent([hello(), app.get(3, "/3")].concat()),
        received([frame(HEADERS, END_HEADERS, 1, answer), data(1, END_STREAM, "abc")].concat()),
        received(pod.headers(3, END_STREAM, OK)),
    ];
    assert_eq!(
        found(&steps),
        [
            "HTTP/1",
            "HTTP/2",
            "POST /a?b=… 200 @10 30/30 2/3",
            "GET /3 200 @30 20/20 0/0"
        ]
    );
}

#[test]
fn the_size_of_a_table_is_bound_by_settings() {
    let sized = |size: &[u8]| {
        let (mut app, mut pod) = (Writer::default(), Writer::default());
        let mut block = size.to_vec();
        block.extend(app.block(&[(":method", "GET"), (":path", "/")]));
        found(&[
            sent(hello()),
            received(frame(SETTINGS, 0, 0, [0, 1, 0, 0, 0x20, 0])),
            sent(frame(HEADERS, END_HEADERS | END_STREAM, 1, block)),
            received(pod.headers(1, END_STREAM, OK)),
        ])
    };
    // 8192, 8193, and 0.
    assert_eq!(sized(b"\x3f\xe1\x3f"), ["HTTP/2", "GET / 200 @30 10/10 0/0"]);
    assert_eq!(sized(b"\x3f\xe2\x3f"), ["HTTP/2", "bytes"]);
    assert_eq!(sized(b"\x20"), ["HTTP/2", "GET / 200 @30 10/10 0/0"]);
}

#[test]
fn nonsense_turns_it_into_bytes_for_good() {
    for nonsense in [
        frame(DATA, 0, 0, "x"),
        frame(DATA, PADDED, 1, ""),
        frame(DATA, PADDED, 1, b"\x05abc"),
        frame(RST_STREAM, 0, 1, "abc"),
        frame(SETTINGS, 0, 0, "abc"),
        frame(GOAWAY, 0, 0, "abc"),
        frame(CONTINUATION, END_HEADERS, 1, ""),
        [frame(HEADERS, 0, 3, ""), frame(PING, 0, 0, [0; 8])].concat(),
        [frame(HEADERS, 0, 3, ""), frame(CONTINUATION, END_HEADERS, 5, "")].concat(),
        frame(HEADERS, END_HEADERS, 3, b"\xbf"),
        frame(HEADERS, END_HEADERS | PADDED, 3, b"\x02\x82"),
        frame(HEADERS, END_HEADERS, 3, vec![0x82; 16 * 1024 + 1]),
    ] {
        let mut app = Writer::default();
        let steps = [
            sent([hello(), app.get(1, "/")].concat()),
            sent(&nonsense),
            received(settings()),
            Step::Closed,
        ];
        assert_eq!(
            found(&steps),
            ["HTTP/2", "GET / - @10 -/10 0/0 not followed to its end", "bytes"],
            "{nonsense:?}"
        );
    }
    let steps = [
        sent("PRI * HTTP/2.0\r\n\r\nSM\r\n\r"),
        sent("x"),
        received(settings()),
    ];
    assert_eq!(found(&steps), ["bytes"]);
}
