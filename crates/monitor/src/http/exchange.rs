use std::fmt;
use std::time::Duration;

use podline::Untrusted;
use podline_wire::Time;

use super::{Ending, Grpc, Header};

/// One HTTP request and what came of it.
///
/// Texts are as they may be shown: without the values of queries where they were not asked for, without users and
/// passwords, and cut where they are long.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Exchange {
    /// When the first byte of the request came.
    pub started: Time,
    /// The HTTP version: of the response, where an upgrade made it another one than that of the request.
    pub version: Version,
    /// The stream, in HTTP/2.
    pub stream: Option<u32>,
    /// The method.
    pub method: Untrusted,
    /// What was asked for: usually a path.
    pub target: Untrusted,
    /// Whom it was asked of, if that was said.
    pub host: Option<Untrusted>,
    /// The status of the response, if there was one. Interim responses (1xx) do not count.
    pub status: Option<u16>,
    /// From the first byte of the request to the first byte of the response.
    pub first_byte: Option<Duration>,
    /// From the first byte of the request to the last one of the response, or to whatever ended the exchange.
    pub duration: Duration,
    /// Bytes of the request's body, as far as it was seen, without chunk heads, frame heads and padding.
    pub request_body: u64,
    /// Bytes of the response's body, likewise.
    pub response_body: u64,
    /// The first headers of the request; none where so much is under way that they cannot be remembered.
    pub request_headers: Box<[Header]>,
    /// The first headers of the response, likewise. Those of trailers are not among them.
    pub response_headers: Box<[Header]>,
    /// What is known of it as a gRPC call, if it is one.
    pub grpc: Option<Grpc>,
    /// How it ended.
    pub ending: Ending,
}

/// A version of HTTP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2.
    Http2,
}

/// Bytes that an allocator takes for itself, about.
const ALLOCATION: usize = 16;

impl Exchange {
    /// One of which nothing is known.
    pub(crate) fn empty() -> Self {
        Self {
            started: Time::ZERO,
            version: Version::Http11,
            stream: None,
            method: Untrusted::default(),
            target: Untrusted::default(),
            host: None,
            status: None,
            first_byte: None,
            duration: Duration::ZERO,
            request_body: 0,
            response_body: 0,
            request_headers: Box::default(),
            response_headers: Box::default(),
            grpc: None,
            ending: Ending::Unfollowed,
        }
    }

    /// Bytes that it takes in memory, itself and the room for its allocations counted in.
    pub(super) fn weight(&self) -> usize {
        let texts = self.method.as_raw().len()
            + self.target.as_raw().len()
            + self.host.as_ref().map_or(0, |host| host.as_raw().len());
        let headers = self.request_headers.iter().chain(&self.response_headers);
        let headers: usize = headers
            .map(|header| size_of::<Header>() + header.weight() + 2 * ALLOCATION)
            .sum();
        // Itself, three texts and two lists.
        size_of::<Self>() + texts + headers + 6 * ALLOCATION
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        })
    }
}
