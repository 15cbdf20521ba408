//! HTTP/1.0 and HTTP/1.1 (RFC 9112).

mod body;
use body::Body;

mod chunked;
use chunked::Chunked;

mod connection;
pub(super) use connection::{Flow, Http1};

mod head;

mod message;
pub(super) use message::METHOD;
