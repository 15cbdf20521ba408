//! What is shown of what may be secret.

use podline::Untrusted;

/// Headers whose values are shown, sorted. They say how a message is made and who is asked, not who asks or for what.
const SHOWN: [&str; 42] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "age",
    "allow",
    "cache-control",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "expect",
    "expires",
    "grpc-accept-encoding",
    "grpc-encoding",
    "grpc-status",
    "grpc-timeout",
    "host",
    "if-modified-since",
    "keep-alive",
    "last-modified",
    "range",
    "retry-after",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-websocket-extensions",
    "sec-websocket-version",
    "server",
    "server-timing",
    "te",
    "traceparent",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "x-request-id",
];

/// Longest target and host that are kept, in bytes.
const TARGET: usize = 512;
const HOST: usize = 255;

/// What stands for something that is not shown.
const HIDDEN: &str = "…";

/// Whether the value of the header of this lower-case name is shown.
pub(super) fn is_shown(name: &[u8]) -> bool {
    SHOWN.binary_search_by(|shown| shown.as_bytes().cmp(name)).is_ok()
}

/// The target of a request: without user and password, and without the values of its query unless `show_query`.
pub(super) fn target(raw: &[u8], show_query: bool) -> Untrusted {
    let raw = String::from_utf8_lossy(raw);
    let (before, fragment) = match raw.split_once('#') {
        Some((before, _)) => (before, "#…"),
        None => (&*raw, ""),
    };
    let (path, query) = match before.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (before, None),
    };
    let mut shown = without_user(path);
    match query {
        Some(query) if show_query => {
            shown.push('?');
            shown.push_str(query);
        }
        Some(query) => {
            shown.push('?');
            push_keys(&mut shown, query);
        }
        None => {}
    }
    shown.push_str(fragment);
    cut(shown.as_bytes(), TARGET)
}

/// The host that a request is for, without user and password.
pub(super) fn host(raw: &[u8]) -> Untrusted {
    let raw = String::from_utf8_lossy(raw);
    let host = raw.rsplit_once('@').map_or(&*raw, |(_, host)| host);
    cut(host.as_bytes(), HOST)
}

/// The beginning of `bytes`, as text.
pub(super) fn cut(bytes: &[u8], length: usize) -> Untrusted {
    if bytes.len() <= length {
        return Untrusted::from_bytes(bytes);
    }
    // What is no text may become three times as long.
    let mut text = String::from_utf8_lossy(&bytes[..length]).into_owned();
    text.truncate(text.floor_char_boundary(length));
    text.push_str(HIDDEN);
    Untrusted::new(text)
}

/// What of a target is before the query: `http://user:password@host/path` or `/path` or `user@host:port`.
fn without_user(path: &str) -> String {
    let (scheme, rest) = match path.split_once("://") {
        // A path may have this in it too: `/proxy/http://host`.
        Some((scheme, rest)) if !scheme.contains('/') => (&path[..scheme.len() + "://".len()], rest),
        _ if path.starts_with('/') => return path.to_owned(),
        _ => ("", path),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}{HIDDEN}@{host}{path}"),
        None => format!("{scheme}{authority}{path}"),
    }
}

/// A part without `=` may be a value as well as a key, so it is not shown.
fn push_keys(shown: &mut String, query: &str) {
    for (index, part) in query.split('&').enumerate() {
        if index > 0 {
            shown.push('&');
        }
        match part.split_once('=') {
            Some((key, _)) => {
                shown.push_str(key);
                shown.push('=');
                shown.push_str(HIDDEN);
            }
            None if part.is_empty() => {}
            None => shown.push_str(HIDDEN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_shown_headers_is_sorted() {
        assert!(SHOWN.is_sorted());
        assert!(SHOWN.iter().all(|name| is_shown(name.as_bytes())));
        for secret in [
            "authorization",
            "cookie",
            "location",
            "referer",
            "set-cookie",
            "x-api-key",
        ] {
            assert!(!is_shown(secret.as_bytes()), "{secret}");
        }
    }

    #[test]
    fn values_of_a_query_are_left_out() {
        for (raw, shown) in [
            ("/", "/"),
            ("/?", "/?"),
            ("/a?user=me&token=abc", "/a?user=…&token=…"),
            ("/a?user=me&&x=&secret#frag", "/a?user=…&&x=…&…#…"),
            ("/a?q=1?2=3", "/a?q=…"),
            ("/a=b&c=d", "/a=b&c=d"),
        ] {
            assert_eq!(target(raw.as_bytes(), false).as_raw(), shown, "{raw}");
        }
        assert_eq!(
            target(b"/a?user=me&token=abc", true).as_raw(),
            "/a?user=me&token=abc"
        );
    }

    #[test]
    fn users_and_passwords_are_left_out() {
        for (raw, shown) in [
            ("http://me:pass@host/a", "http://…@host/a"),
            ("http://me:p@ss@host", "http://…@host"),
            ("http://host/a@b", "http://host/a@b"),
            ("me:pass@host:443", "…@host:443"),
            ("host:443", "host:443"),
            ("*", "*"),
            ("/proxy/http://host/@", "/proxy/http://host/@"),
        ] {
            assert_eq!(target(raw.as_bytes(), true).as_raw(), shown, "{raw}");
        }
        assert_eq!(host(b"me:pass@host:80").as_raw(), "host:80");
    }

    #[test]
    fn what_is_long_is_cut_between_characters() {
        let long = "é".repeat(400);
        let cut = cut(long.as_bytes(), 511);
        assert_eq!(cut.as_raw(), "é".repeat(255) + "…");
        assert!(super::cut(&[0xff; 600], 512).as_raw().len() <= 512 + HIDDEN.len());
    }
}
