use std::fmt;
use std::str::FromStr;

use podline_cluster::AGENT;
use podline_wire::Untrusted;
use thiserror::Error;

/// The longest path, in bytes; servers take no longer ones.
const PATH: usize = 8 * 1024;

/// What a probe does to have a byte come back.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Ask {
    /// Asks by HTTP/1.1 for a path. Any status will do.
    Http(HttpPath),
    /// Asks for a path by HTTP/1.1 through TLS. The app's certificate is not looked at. A TLS server that speaks no HTTP
    /// serves too.
    Https(HttpPath),
    /// Says nothing and listens, for a server that speaks first.
    Listen,
}

/// A path for an HTTP request, with its query if it has one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HttpPath(String);

impl Ask {
    /// The request for `port`, of those that make one.
    pub(super) fn request(&self, port: u16) -> Option<Vec<u8>> {
        let (Self::Http(path) | Self::Https(path)) = self else {
            return None;
        };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nUser-Agent: {AGENT}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        );
        Some(request.into_bytes())
    }
}

impl Default for HttpPath {
    /// The path `/`.
    fn default() -> Self {
        Self("/".to_owned())
    }
}

impl FromStr for HttpPath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_valid = text.starts_with('/')
            && text.len() <= PATH
            && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if is_valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidPath {
                text: Untrusted::new(text),
            })
        }
    }
}

impl fmt::Display for HttpPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text is no path of an HTTP request.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error(
    "`{text}` is no path: it begins with `/`, has no `#`, 8 KiB at most, and what is not ASCII is percent-encoded"
)]
pub struct InvalidPath {
    text: Untrusted,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use super::*;

    #[test]
    fn a_path_cannot_say_more_than_a_path() {
        for good in ["/", "/healthz?verbose=1&x=%20"] {
            assert_eq!(good.parse::<HttpPath>().unwrap().to_string(), good);
        }
        for bad in ["", "x", "/a b", "/\r\nX: y", "/ä", "/#x", "/\u{7f}"] {
            assert!(bad.parse::<HttpPath>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_request_is_one_that_every_server_takes() {
        let ask = Ask::Http("/healthz".parse().unwrap());
        let request = String::from_utf8(ask.request(8080).unwrap()).unwrap();
        assert!(request.starts_with("GET /healthz HTTP/1.1\r\nHost: localhost:8080\r\n"));
        assert!(request.ends_with("\r\n\r\n"));
        assert_eq!(Ask::Listen.request(8080), None);
    }
}
