use super::super::{Ending, HeaderValue, Version};
use super::stage::{Step, exchanges, found, received, sent};

#[test]
fn one_connection_serves_many_requests() {
    let steps = [
        sent("GET /a HTTP/1.1\r\nHost: web\r\n\r\n"),
        received("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        sent("POST /b?key=secret HTTP/1.1\r\nHost: web\r\nContent-Length: 3\r\n\r\n"),
        sent("abc"),
        received("HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\n"),
        received("do"),
        received("ne"),
        Step::Closed,
    ];
    assert_eq!(
        found(&steps),
        [
            "HTTP/1",
            "GET /a 200 @10 10/10 0/5",
            "POST /b?key=… 201 @30 20/40 3/4"
        ]
    );
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let steps = [
        sent("GET /1 HTTP/1.1\r\n\r\nHEAD /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n"),
        sent("GET /4 HTTP/1.1\r\n\r\n"),
        received("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
        received("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        Step::Closed,
    ];
    assert_eq!(
        found(&steps),
        [
            "HTTP/1",
            "GET /1 200 @10 20/20 0/1",
            "HEAD /2 200 @10 20/20 0/0",
            "GET /3 404 @10 30/30 0/0",
            "GET /4 - @20 -/30 0/0 never answered",
        ]
    );
}

#[test]
fn chunked_bodies_end_with_their_trailers() {
    let steps = [
        sent("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4;x=\"y\"\r\nWiki\r\n"),
        sent("5\r\npedia\r\n0\r\nTrailer: a\r\n\r\n"),
        received("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\na\r\n0123456789\r\n"),
        received("0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
        Step::Closed,
    ];
    assert_eq!(
        found(&steps),
        ["HTTP/1", "POST / 200 @10 20/30 9/10", "bytes"],
        "the second response has no request"
    );
}

#[test]
fn some_responses_have_no_body() {
    let steps = [
        sent("HEAD /h HTTP/1.1\r\n\r\n"),
        received("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        sent("DELETE /d HTTP/1.1\r\n\r\n"),
        received("HTTP/1.1 204 No Content\r\n\r\n"),
        sent("GET /g HTTP/1.1\r\n\r\n"),
        received("HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n"),
        Step::Closed,
    ];
    assert_eq!(
        found(&steps),
        [
            "HTTP/1",
            "HEAD /h 200 @10 10/10 0/0",
            "DELETE /d 204 @30 10/10 0/0",
            "GET /g 304 @50 10/10 0/0"
        ]
    );
}

#[test]
fn interim_responses_are_not_the_response() {
    let steps = [
        sent("PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
        received("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
        sent("ab"),
        received("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ];
    assert_eq!(found(&steps), ["HTTP/1", "PUT / 200 @10 30/30 2/0"]);
}

#[test]
fn a_body_may_last_until_the_connection_ends() {
    let steps = |end| {
        [
            sent("GET / HTTP/1.0\r\n\r\n"),
            received("HTTP/1.0 200 OK\r\n\r\nabc"),
            received("def"),
            sent(""),
            end,
        ]
    };
    assert_eq!(
        found(&steps(Step::Closed)),
        ["HTTP/1", "GET / 200 @10 10/20 0/6"],
        "its last byte counts, not the close, which comes late"
    );
    assert_eq!(
        found(&steps(Step::Reset)),
        ["HTTP/1", "GET / 200 @10 10/40 0/6 the connection was reset"]
    );
    assert_eq!(exchanges(&steps(Step::Closed))[0].version, Version::Http10);
}

#[test]
fn what_was_not_finished_is_told_at_the_end() {
    let cut = [
        sent("GET / HTTP/1.1\r\n\r\n"),
        received("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
        Step::Closed,
    ];
    assert_eq!(found(&cut), ["HTTP/1", "GET / 200 @10 10/20 0/3 cut short"]);
    let cut_in_the_head = [
        sent("GET / HTTP/1.1\r\n\r\n"),
        received("HTTP/1.1 200 "),
        Step::Closed,
    ];
    assert_eq!(
        found(&cut_in_the_head),
        ["HTTP/1", "GET / - @10 -/20 0/0 cut short"]
    );
    let unanswered = [
        sent("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"),
        Step::Closed,
    ];
    assert_eq!(
        found(&unanswered),
        ["HTTP/1", "POST / - @10 -/10 3/0 never answered"]
    );
    let reset = [sent("GET / HTTP/1.1\r\n\r\n"), Step::Reset];
    assert_eq!(
        found(&reset),
        ["HTTP/1", "GET / - @10 -/10 0/0 the connection was reset"]
    );
}

#[test]
fn a_response_may_come_before_the_request_is_whole() {
    let begin = [
        sent("POST /1 HTTP/1.1\r\nContent-Length: 6\r\n\r\nabc"),
        received("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno"),
    ];
    let goes_on = [
        &begin[..],
        &[
            sent("defGET /2 HTTP/1.1\r\n\r\n"),
            received("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ],
    ]
    .concat();
    assert_eq!(
        found(&goes_on),
        ["HTTP/1", "POST /1 413 @10 10/10 6/2", "GET /2 200 @30 10/10 0/0"]
    );
    let ends = [&begin[..], &[Step::Reset]].concat();
    assert_eq!(
        found(&ends),
        [
            "HTTP/1",
            "POST /1 413 @10 10/10 3/2 answered before the request was whole"
        ]
    );
}

#[test]
fn an_upgrade_makes_a_websocket_of_it() {
    let steps = [
        sent(
            "GET /ws?token=x HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: k\r\n\r\n",
        ),
        received(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\r\n\x01\x02",
        ),
        sent("GET / HTTP/1.1\r\n\r\n"),
        received("HTTP/1.1 200 OK\r\n\r\n"),
        Step::Reset,
    ];
    assert_eq!(
        found(&steps),
        ["HTTP/1", "GET /ws?token=… 101 @10 10/10 0/0", "WebSocket"]
    );
    let refused = [
        sent("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
        received("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"),
        sent("GET / HTTP/1.1\r\n\r\n"),
        received("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"),
    ];
    assert_eq!(
        found(&refused),
        ["HTTP/1", "GET /ws 403 @10 10/10 0/0", "GET / 200 @30 10/10 0/1"]
    );
}

#[test]
fn connect_makes_a_tunnel_of_it_if_it_is_let() {
    let tunnel = [
        sent("CONNECT me:pass@db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n"),
        received("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhatever"),
        sent("GET / HTTP/1.1\r\n\r\n"),
        Step::Closed,
    ];
    assert_eq!(
        found(&tunnel),
        ["HTTP/1", "CONNECT …@db:5432 200 @10 10/10 0/0", "bytes"]
    );
    let refused = [
        sent("CONNECT db:5432 HTTP/1.1\r\n\r\n"),
        received("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno"),
        sent("GET / HTTP/1.1\r\n\r\n"),
        received("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"),
    ];
    assert_eq!(
        found(&refused),
        [
            "HTTP/1",
            "CONNECT db:5432 407 @10 10/10 0/2",
            "GET / 200 @30 10/10 0/1"
        ]
    );
    let hasty = [
        sent("CONNECT db:5432 HTTP/1.1\r\n\r\nhello"),
        received("HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno"),
    ];
    assert_eq!(
        found(&hasty),
        [
            "HTTP/1",
            "CONNECT db:5432 407 @10 10/10 0/0 not followed to its end",
            "bytes"
        ]
    );
}

#[test]
fn a_request_that_comes_slowly_began_with_its_first_byte() {
    let steps = [
        sent("GE"),
        sent("T /slow HTTP/1.1\r\n"),
        sent("Host: a\r\n\r\n"),
        received("HTTP/1.1 200 OK\r\n"),
        received("Content-Length: 0\r\n\r\n"),
    ];
    assert_eq!(found(&steps), ["HTTP/1", "GET /slow 200 @10 30/40 0/0"]);
}

#[test]
fn nonsense_turns_it_into_bytes_for_good() {
    for nonsense in [
        "GET / HTTP/1.1\r\n\r\n\0\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\nGET / HTTP/3.7\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
    ] {
        let steps = [
            sent(nonsense),
            received("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            sent("GET / HTTP/1.1\r\n\r\n"),
        ];
        assert_eq!(
            found(&steps),
            ["HTTP/1", "GET / - @10 -/0 0/0 not followed to its end", "bytes"],
            "{nonsense:?}"
        );
    }
}

#[test]
fn headers_are_shown_as_far_as_they_are_harmless() {
    let steps = [
        sent(
            "GET http://me:pass@web/?a=b HTTP/1.1\r\nHost: me:pass@web\r\nUSER-AGENT: x\x1b[2J\r\nAuthorization: Bearer abc\r\n\
             Cookie: a=b\r\n\r\n"
                .replace('\x1b', "\u{202e}"),
        ),
        received("HTTP/1.1 200 OK\r\nServer: nginx\r\nSet-Cookie: secret\r\nContent-Length: 0\r\n\r\n"),
    ];
    let exchange = &exchanges(&steps)[0];
    let shown = |headers: &[super::super::Header]| -> Vec<String> {
        headers
            .iter()
            .map(|header| format!("{}: {}", header.name, header.value))
            .collect()
    };
    assert_eq!(exchange.host.as_ref().unwrap().to_string(), "web");
    assert_eq!(
        shown(&exchange.request_headers),
        [
            "host: web",
            r"user-agent: x\u{202e}[2J",
            "authorization: redacted",
            "cookie: redacted"
        ]
    );
    assert_eq!(
        shown(&exchange.response_headers),
        ["server: nginx", "set-cookie: redacted", "content-length: 0"]
    );
    assert_eq!(exchange.response_headers[1].value, HeaderValue::Redacted);
    assert_eq!(exchange.ending, Ending::Complete);
    let all = format!("{exchange:?}");
    for secret in ["pass", "Bearer", "a=b", "secret"] {
        assert!(!all.contains(secret), "{secret}: {all}");
    }
}

/// Found by the fuzz target.
#[test]
fn what_comes_of_a_body_before_nonsense_is_counted_however_it_is_cut() {
    let ask = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (whole, broken) = ("5\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n3\r\nyouX");
    for (steps, sizes) in [
        (vec![sent([ask, broken].concat())], (8, 0)),
        (
            vec![sent([ask, whole].concat()), received([answer, broken].concat())],
            (5, 8),
        ),
    ] {
        found(&steps);
        let exchanges = exchanges(&steps);
        let counted = (exchanges[0].request_body, exchanges[0].response_body);
        assert_eq!((exchanges.len(), counted), (1, sizes));
    }
}
