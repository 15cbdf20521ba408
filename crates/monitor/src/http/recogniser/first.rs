//! What the first bytes of a connection seem to be. Once something is seen in them, more bytes change nothing.

use super::super::Protocol;
use super::super::http2::PREFACE;
use super::{Guess, tls};

/// Longest name of a method that HTTP is known by, in bytes. The longest that is registered has 17.
const METHOD: usize = 24;
/// What a target begins with, but for that of CONNECT.
const TARGETS: [&[u8]; 4] = [b"/", b"* HTTP/1.", b"http://", b"https://"];

/// What the app's first bytes seem to be; none while more are needed. There will be no more where `is_all`.
pub(super) fn of_app(bytes: &[u8], is_all: bool) -> Option<Guess> {
    let guess = match bytes.first()? {
        0x16 => tls::hello(bytes, is_all).map(Guess::Other),
        0x00 => postgres(bytes),
        b'*' => redis(bytes),
        _ => match (starts(bytes, PREFACE), starts(bytes, b"SSH-")) {
            (Some(true), _) => Some(Guess::Http2),
            (_, Some(true)) => Some(Guess::Other(Protocol::Ssh)),
            (None, _) | (_, None) => None,
            // No such method, though it looks like one.
            _ if bytes.starts_with(b"PRI * ") => Some(BYTES),
            _ => http1(bytes),
        },
    };
    if is_all { guess.or(Some(BYTES)) } else { guess }
}

/// What the pod's first bytes seem to be, before the app's said enough.
pub(super) fn of_pod(bytes: &[u8], is_all: bool) -> Option<Guess> {
    let guess = if starts(bytes, b"SSH-") == Some(true) {
        Some(Guess::Other(Protocol::Ssh))
    } else if starts(bytes, b"SSH-").is_none() {
        None
    } else {
        match bytes {
            // A frame with the settings of an HTTP/2 server (RFC 9113, 3.4), which need not wait for the client's word.
            [0, 0, _, 0x4, 0, 0, 0, 0, 0, ..] => None,
            [0, 0, _, 0x4, rest @ ..] if rest.iter().all(|byte| *byte == 0) => None,
            // MySQL's greeting: length, packet 0, protocol 10, the version as text.
            [_, _, 0, 0, 10, digit, ..] if digit.is_ascii_digit() => Some(Guess::Other(Protocol::Mysql)),
            [_, _, 0, 0, 10] | [_, _, 0, 0] | [_, _, 0] | [0, 0, _] | [_, _] | [_] => None,
            _ => Some(BYTES),
        }
    };
    if is_all { guess.or(Some(BYTES)) } else { guess }
}

const BYTES: Guess = Guess::Other(Protocol::Bytes);

/// Whether `bytes` start with `expected`; none if they may when there are more of them.
fn starts(bytes: &[u8], expected: &[u8]) -> Option<bool> {
    if bytes.len() >= expected.len() {
        return Some(bytes.starts_with(expected));
    }
    if expected.starts_with(bytes) {
        None
    } else {
        Some(false)
    }
}

/// A method, a space, and the beginning of a target.
fn http1(bytes: &[u8]) -> Option<Guess> {
    let name = bytes.iter().take_while(|byte| is_token(**byte)).count();
    match bytes.get(name) {
        None if name <= METHOD => return None,
        Some(b' ') if (1..=METHOD).contains(&name) => {}
        _ => return Some(BYTES),
    }
    let target = &bytes[name + 1..];
    if &bytes[..name] == b"CONNECT" {
        return Some(Guess::Http1);
    }
    let may_be = TARGETS.map(|begin| starts(target, begin));
    if may_be.contains(&Some(true)) {
        Some(Guess::Http1)
    } else if may_be.contains(&None) {
        None
    } else {
        Some(BYTES)
    }
}

/// RFC 9110, 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// An array of strings (RESP): `*2\r\n$3\r\n`.
fn redis(bytes: &[u8]) -> Option<Guess> {
    const DIGITS: usize = 7;
    let digits = bytes[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let behind = &bytes[1 + digits..];
    if digits > DIGITS || digits == 0 && !behind.is_empty() {
        return Some(BYTES);
    }
    starts(behind, b"\r\n$").map(|is| if is { Guess::Other(Protocol::Redis) } else { BYTES })
}

/// The length of a message without a type, and what it is (PostgreSQL, 54.7: StartupMessage and its kin).
fn postgres(bytes: &[u8]) -> Option<Guess> {
    /// PostgreSQL's `MAX_STARTUP_PACKET_LENGTH`.
    const LONGEST: u32 = 10_000;
    const CANCEL: u32 = 80_877_102;
    const SSL: u32 = 80_877_103;
    const GSS: u32 = 80_877_104;
    let [a, b, c, d, e, f, g, h, ..] = *bytes else {
        return None;
    };
    let length = u32::from_be_bytes([a, b, c, d]);
    let asks_for_encryption = match (u32::from_be_bytes([e, f, g, h]), length) {
        (SSL | GSS, 8) => true,
        // Protocol 3.0 to 3.2.
        (CANCEL, 16) | (0x0003_0000..=0x0003_0002, 9..=LONGEST) => false,
        _ => return Some(BYTES),
    };
    Some(Guess::Other(Protocol::Postgres { asks_for_encryption }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn app(bytes: &[u8]) -> Option<Guess> {
        of_app(bytes, false)
    }

    fn pod(bytes: &[u8]) -> Option<Guess> {
        of_pod(bytes, false)
    }

    #[test]
    fn apps_are_known_by_what_they_say_first() {
        let other = |protocol| Some(Guess::Other(protocol));
        let postgres = |asks_for_encryption| other(Protocol::Postgres { asks_for_encryption });
        for (bytes, guess) in [
            (&b"GET / HTTP/1.1\r\n"[..], Some(Guess::Http1)),
            (b"GET /", Some(Guess::Http1)),
            (b"GET ", None),
            (b"BASELINE-CONTROL /x", Some(Guess::Http1)),
            (b"OPTIONS * HTTP/1.1", Some(Guess::Http1)),
            (b"GET http://a/", Some(Guess::Http1)),
            (b"CONNECT a:1 HTTP/1.1", Some(Guess::Http1)),
            (b"get foo\r\n", Some(BYTES)),
            (b"EHLO example.com\r\n", Some(BYTES)),
            (b"PING\r\n", Some(BYTES)),
            (b"PRI", None),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Some(Guess::Http2)),
            (b"PRI * HTTP/1.1\r\n", Some(BYTES)),
            (b"PRI /", Some(Guess::Http1)),
            (b"SSH-2.0-OpenSSH_9.6\r\n", other(Protocol::Ssh)),
            (b"SSH ", None),
            (b"*1\r\n$4\r\nPING\r\n", other(Protocol::Redis)),
            (b"*1\r\n", None),
            (b"*", None),
            (b"*\r\n", Some(BYTES)),
            (b"*12345678\r\n$", Some(BYTES)),
            (b"\0\0\0\x08\x04\xd2\x16\x2f", postgres(true)),
            (b"\0\0\0\x10\x04\xd2\x16\x2e", postgres(false)),
            (b"\0\0\0\x29\0\x03\0\0user\0me\0", postgres(false)),
            (b"\0\0\0\x29\0\x02\0\0", Some(BYTES)),
            (b"\0\0\0\x29\0\x03\0", None),
            (b"\x80\x02", Some(BYTES)),
            (b"\r\n", Some(BYTES)),
        ] {
            assert_eq!(app(bytes), guess, "{}", bytes.escape_ascii());
        }
        assert_eq!(of_app(b"GET ", true), Some(BYTES));
    }

    #[test]
    fn pods_are_known_by_what_they_say_first() {
        for (bytes, guess) in [
            (
                &b"\x4a\0\0\0\x0a8.0.36\0"[..],
                Some(Guess::Other(Protocol::Mysql)),
            ),
            (b"\x4a\0\0\0\x0a", None),
            (b"\x4a\0\0\0\x0ax", Some(BYTES)),
            (b"SSH-2.0-x", Some(Guess::Other(Protocol::Ssh))),
            (b"\0\0\x12\x04\0\0\0\0\0\0\x03", None),
            (b"\0\0\x12\x04\0\0", None),
            (b"\0\0\x12\x04\0\0\0\0\x01", Some(BYTES)),
            (b"220 smtp", Some(BYTES)),
            (b"HTTP/1.1 408 ", Some(BYTES)),
        ] {
            assert_eq!(pod(bytes), guess, "{}", bytes.escape_ascii());
        }
    }

    proptest! {
        /// Of bytes that look like something.
        #[test]
        fn more_bytes_change_nothing(
            begin in prop::sample::select(vec![
                "GET /", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "SSH-", "*1\r\n$", "\0\0\0\u{8}", "\u{16}\u{3}\u{1}", "CONNECT ",
                "J\0\0\0\n8", "\0\0\u{12}\u{4}\0\0\0\0\0", "",
            ]),
            kept in 0_usize..20,
            rest: Vec<u8>,
        ) {
            let mut bytes = begin.as_bytes()[..kept.min(begin.len())].to_vec();
            bytes.extend_from_slice(&rest);
            for of in [app, pod] {
                let mut seen = None;
                for length in 1..=bytes.len() {
                    let guess = of(&bytes[..length]);
                    if seen.is_some() {
                        prop_assert_eq!(&guess, &seen);
                    }
                    seen = guess;
                }
            }
        }
    }
}
