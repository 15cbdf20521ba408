//! What header blocks say.

use podline::Untrusted;

use super::super::http1::METHOD;
use super::super::lost::Lost;
use super::super::under_way::Headers;
use super::super::{GrpcStatus, redact};
use super::hpack::Decoder;

/// The header block of a request.
#[derive(Default)]
pub(super) struct Request {
    pub(super) method: Option<Untrusted>,
    /// Its path or, where it has none, what it wants to be connected to.
    pub(super) target: Option<Untrusted>,
    pub(super) host: Option<Untrusted>,
    pub(super) headers: Headers,
    pub(super) is_grpc: bool,
}

/// The header block of a response, or of trailers, which have no status.
#[derive(Default)]
pub(super) struct Response {
    pub(super) status: Option<u16>,
    pub(super) headers: Headers,
    pub(super) grpc_status: Option<GrpcStatus>,
}

/// Whether the value of a header is of use.
pub(super) fn keeps(name: &[u8]) -> bool {
    name.starts_with(b":") || redact::is_shown(name)
}

impl Request {
    pub(super) fn decode(decoder: &mut Decoder, block: &[u8], show_query: bool) -> Result<Self, Lost> {
        let mut request = Self::default();
        decoder.decode(block, |name, value| request.take(name, value, show_query))?;
        if request.target.is_none() {
            request.target.clone_from(&request.host);
        }
        Ok(request)
    }

    fn take(&mut self, name: &[u8], value: Option<&[u8]>, show_query: bool) {
        match (name, value) {
            (b":method", Some(value)) if self.method.is_none() => {
                self.method = Some(redact::cut(value, METHOD));
            }
            (b":path", Some(value)) if self.target.is_none() => {
                self.target = Some(redact::target(value, show_query));
            }
            (b":authority", Some(value)) if self.host.is_none() => self.host = Some(redact::host(value)),
            ([b':', ..], _) => {}
            _ => {
                match (name, value) {
                    (b"host", Some(value)) if self.host.is_none() => self.host = Some(redact::host(value)),
                    (b"content-type", Some(value)) => self.is_grpc |= is_grpc(value),
                    _ => {}
                }
                self.headers.push(name, value);
            }
        }
    }
}

impl Response {
    pub(super) fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Self, Lost> {
        let mut response = Self::default();
        decoder.decode(block, |name, value| response.take(name, value))?;
        Ok(response)
    }

    fn take(&mut self, name: &[u8], value: Option<&[u8]>) {
        match (name, value) {
            (b":status", Some(value)) => self.status = status(value),
            ([b':', ..], _) => {}
            _ => {
                if let (b"grpc-status", Some(value)) = (name, value) {
                    self.grpc_status = GrpcStatus::parse(value);
                }
                self.headers.push(name, value);
            }
        }
    }
}

/// `application/grpc` with any codec behind it; gRPC-Web is another protocol.
fn is_grpc(content_type: &[u8]) -> bool {
    content_type
        .strip_prefix(b"application/grpc")
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';' | b' ')))
}

fn status(value: &[u8]) -> Option<u16> {
    if value.len() != 3 {
        return None;
    }
    std::str::from_utf8(value)
        .ok()?
        .parse()
        .ok()
        .filter(|status| (100..1000).contains(status))
}
