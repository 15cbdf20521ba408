//! What the head of a message says (RFC 9112, 3 to 6).

use super::super::lost::Lost;
use super::super::under_way::Headers;
use super::super::{Version, redact};
use super::{Body, Chunked};

use podline::Untrusted;

/// Most headers that a head may have.
const HEADERS: usize = 128;

/// The head of a request.
pub(super) struct Request {
    pub(super) version: Version,
    pub(super) method: Method,
    pub(super) method_name: Untrusted,
    pub(super) target: Untrusted,
    pub(super) host: Option<Untrusted>,
    pub(super) headers: Headers,
    pub(super) body: Body,
    /// The settings of a client that would go on with HTTP/2, in base64url.
    pub(super) http2_settings: Option<Vec<u8>>,
}

/// The methods whose responses have another form.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Method {
    Connect,
    Head,
    Other,
}

/// The head of a response.
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Headers,
    /// What its headers say of its body, if anything.
    framing: Option<Body>,
    /// What it goes on with.
    pub(super) upgrade: Upgrade,
}

/// What a 101 goes on with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Upgrade {
    Http2,
    Other,
    WebSocket,
}

impl Request {
    pub(super) fn parse(head: &[u8], show_query: bool) -> Result<Self, Lost> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(head) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) | Err(_) => return Err(Lost),
        }
        let name = request.method.ok_or(Lost)?;
        let kept = collect(request.headers);
        Ok(Self {
            version: version(request.version)?,
            method: match name {
                "CONNECT" => Method::Connect,
                "HEAD" => Method::Head,
                _ => Method::Other,
            },
            method_name: redact::cut(name.as_bytes(), METHOD),
            target: redact::target(request.path.ok_or(Lost)?.as_bytes(), show_query),
            host: value(request.headers, "host").map(redact::host),
            headers: kept,
            body: match framing(request.headers)? {
                // Nobody knows where such a request ends.
                Some(Body::UntilEnd) => return Err(Lost),
                Some(body) => body,
                None => Body::none(),
            },
            http2_settings: value(request.headers, "http2-settings").map(<[u8]>::to_vec),
        })
    }
}

impl Response {
    pub(super) fn parse(head: &[u8]) -> Result<Self, Lost> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let mut config = httparse::ParserConfig::default();
        config
            .allow_multiple_spaces_in_response_status_delimiters(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .allow_spaces_after_header_name_in_responses(true);
        match config.parse_response(&mut response, head) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) | Err(_) => return Err(Lost),
        }
        Ok(Self {
            status: response.code.ok_or(Lost)?,
            framing: framing(response.headers)?,
            upgrade: match value(response.headers, "upgrade") {
                Some(value) if value.eq_ignore_ascii_case(b"websocket") => Upgrade::WebSocket,
                Some(value) if value.eq_ignore_ascii_case(b"h2c") => Upgrade::Http2,
                _ => Upgrade::Other,
            },
            headers: collect(response.headers),
        })
    }

    /// The body, as the answer to a request of this method.
    pub(super) fn body(&self, method: Method) -> Body {
        match (method, self.status) {
            (Method::Head, _) | (_, 204 | 304) => Body::none(),
            _ => self.framing.unwrap_or(Body::UntilEnd),
        }
    }

    /// Whether another response to the same request follows.
    pub(super) fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }
}

/// Longest name of a method that is kept, in bytes.
pub(in super::super) const METHOD: usize = 32;

fn version(minor: Option<u8>) -> Result<Version, Lost> {
    match minor {
        Some(0) => Ok(Version::Http10),
        Some(_) => Ok(Version::Http11),
        None => Err(Lost),
    }
}

fn collect(headers: &[httparse::Header<'_>]) -> Headers {
    let mut kept = Headers::default();
    for header in headers {
        kept.push(header.name.as_bytes(), Some(header.value));
    }
    kept
}

/// The values of all headers of this name.
fn values<'a>(headers: &'a [httparse::Header<'_>], name: &str) -> impl Iterator<Item = &'a [u8]> {
    headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name))
        .map(|header| header.value)
}

fn value<'a>(headers: &'a [httparse::Header<'_>], name: &str) -> Option<&'a [u8]> {
    values(headers, name).next()
}

/// What the headers say of the body. A coding that is not chunked at last goes on until the connection ends, and
/// beside a transfer coding a length means nothing (RFC 9112, 6.3).
fn framing(headers: &[httparse::Header<'_>]) -> Result<Option<Body>, Lost> {
    if let Some(codings) = values(headers, "transfer-encoding").last() {
        let last = codings.rsplit(|byte| *byte == b',').next().unwrap_or_default();
        let is_chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
        return Ok(Some(if is_chunked {
            Body::Chunked(Chunked::new())
        } else {
            Body::UntilEnd
        }));
    }
    let mut length = None;
    for value in values(headers, "content-length").flat_map(|value| value.split(|byte| *byte == b',')) {
        let said = parse_length(value.trim_ascii())?;
        if length.is_some_and(|length| length != said) {
            return Err(Lost);
        }
        length = Some(said);
    }
    Ok(length.map(Body::Length))
}

fn parse_length(digits: &[u8]) -> Result<u64, Lost> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(Lost);
    }
    let text = std::str::from_utf8(digits).map_err(|_| Lost)?;
    text.parse().map_err(|_| Lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request_body(headers: &str) -> Result<Body, Lost> {
        let head = format!("POST / HTTP/1.1\r\n{headers}\r\n");
        Request::parse(head.as_bytes(), false).map(|request| request.body)
    }

    fn response_body(status: u16, method: Method, headers: &str) -> Result<Body, Lost> {
        let head = format!("HTTP/1.1 {status} \r\n{headers}\r\n");
        Response::parse(head.as_bytes()).map(|response| response.body(method))
    }

    #[test]
    fn headers_say_how_a_body_ends() {
        let chunked = Body::Chunked(Chunked::new());
        for (headers, body) in [
            ("", Ok(Body::none())),
            ("Content-Length: 5\r\n", Ok(Body::Length(5))),
            (
                "content-length: 5, 5\r\nContent-Length:5\r\n",
                Ok(Body::Length(5)),
            ),
            ("Content-Length: 5\r\nContent-Length: 6\r\n", Err(Lost)),
            ("Content-Length: +5\r\n", Err(Lost)),
            ("Content-Length: \r\n", Err(Lost)),
            ("Content-Length: 18446744073709551616\r\n", Err(Lost)),
            ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Ok(chunked)),
            ("Transfer-Encoding: gzip, Chunked \r\n", Ok(chunked)),
            (
                "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
                Ok(chunked),
            ),
            ("Transfer-Encoding: chunked, gzip\r\n", Err(Lost)),
        ] {
            assert_eq!(request_body(headers), body, "{headers}");
        }
        for (status, method, headers, body) in [
            (200, Method::Other, "", Body::UntilEnd),
            (200, Method::Other, "Content-Length: 5\r\n", Body::Length(5)),
            (200, Method::Other, "Transfer-Encoding: gzip\r\n", Body::UntilEnd),
            (200, Method::Head, "Content-Length: 5\r\n", Body::none()),
            (204, Method::Other, "Transfer-Encoding: chunked\r\n", Body::none()),
            (304, Method::Other, "Content-Length: 5\r\n", Body::none()),
            (404, Method::Connect, "Content-Length: 5\r\n", Body::Length(5)),
        ] {
            assert_eq!(
                response_body(status, method, headers),
                Ok(body),
                "{status} {headers}"
            );
        }
    }
}
