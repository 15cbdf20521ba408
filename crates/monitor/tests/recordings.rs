//! What is found in conversations of real programs, recorded in `http/`: a line is what came in one read, `>` from the
//! app and `<` from the pod, in hexadecimal.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use podline::{End, Outcome};
use podline_monitor::http::{Dissector, Finding, STATE_LIMIT};
use podline_wire::Time;

#[test]
fn requests_of_curl_on_one_connection_are_found() {
    insta::assert_snapshot!(found("curl-http1"));
}

#[test]
fn an_upload_of_curl_in_chunks_is_found() {
    insta::assert_snapshot!(found("curl-upload"));
}

#[test]
fn a_request_of_curl_by_prior_knowledge_is_found() {
    insta::assert_snapshot!(found("curl-http2"));
}

#[test]
fn requests_of_curl_after_an_upgrade_are_found() {
    insta::assert_snapshot!(found("curl-http2-upgrade"));
}

#[test]
fn interleaved_requests_of_go_are_found() {
    insta::assert_snapshot!(found("go-http2"));
}

#[test]
fn calls_of_grpc_are_found_with_their_status() {
    insta::assert_snapshot!(found("grpc"));
}

/// What is found in a recording, which is the same however it is cut.
fn found(name: &str) -> String {
    let recording = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/http")
            .join(name)
            .with_extension("txt"),
    )
    .unwrap();
    let whole = play(&recording, usize::MAX);
    for portion in [1, 2, 7, 100] {
        assert_eq!(play(&recording, portion), whole, "cut into {portion} bytes");
    }
    for secret in ["secret", "password", "Bearer", "dXNlcjpwYXNzd29yZA"] {
        assert!(!whole.contains(secret), "{secret}: {whole}");
    }
    whole
}

fn play(recording: &str, portion: usize) -> String {
    let mut dissector = Dissector::new(false);
    let mut now = Time::ZERO;
    let mut text = String::new();
    for line in recording.lines() {
        let Some((mark @ (">" | "<"), digits)) = line.split_once(' ') else {
            continue;
        };
        now += Duration::from_millis(10);
        for piece in bytes(digits).chunks(portion) {
            if mark == ">" {
                dissector.sent(piece, now);
            } else {
                dissector.received(piece, now);
            }
            assert!(dissector.kept() <= STATE_LIMIT);
            tell(&mut dissector, &mut text);
        }
    }
    let outcome = Outcome {
        sent: 0,
        received: 0,
        duration: now.as_duration(),
        end: End::Clean { verified: true },
    };
    dissector.ended(&outcome, now);
    tell(&mut dissector, &mut text);
    text
}

fn tell(dissector: &mut Dissector, text: &mut String) {
    while let Some(finding) = dissector.poll() {
        let Finding::Exchange(exchange) = finding else {
            writeln!(text, "{finding:?}").unwrap();
            continue;
        };
        let status = exchange
            .grpc
            .map(|grpc| grpc.status.map(|status| status.to_string()));
        writeln!(
            text,
            "{} {} {} of {:?}: {:?} after {:?}, {:?} in all, {} and {} bytes, {}, grpc {status:?}",
            exchange.version,
            exchange.method,
            exchange.target,
            exchange.stream,
            exchange.status,
            exchange.first_byte,
            exchange.duration,
            exchange.request_body,
            exchange.response_body,
            exchange.ending,
        )
        .unwrap();
        for (mark, headers) in [
            ('>', &exchange.request_headers),
            ('<', &exchange.response_headers),
        ] {
            for header in headers {
                writeln!(text, "  {mark} {}: {}", header.name, header.value).unwrap();
            }
        }
    }
}

fn bytes(digits: &str) -> Vec<u8> {
    (0..digits.len() / 2)
        .map(|index| u8::from_str_radix(&digits[2 * index..2 * index + 2], 16).unwrap())
        .collect()
}
