//! What a connection speaks, and each HTTP request on it.
//!
//! A [`Dissector`] reads the bytes of one connection as they pass and tells its [`Finding`]s. It is pure: bytes and time
//! go in, findings come out. It never keeps more than [`STATE_LIMIT`] of a connection, and never a body; what it cannot
//! follow is bytes from there on.
//!
//! What it tells is made for showing: of a query the values are left out unless they were asked for, and of the headers
//! the values of all but a list of harmless ones.

mod buffer;

mod direction;
pub use direction::Direction;

mod dissector;
pub use dissector::{Dissector, STATE_LIMIT};

mod ending;
pub use ending::Ending;

mod exchange;
pub use exchange::{Exchange, Version};

mod finding;
pub use finding::Finding;

mod findings;

mod grpc;
pub use grpc::{Grpc, GrpcStatus};

mod header;
pub use header::{Header, HeaderValue};

mod http1;

mod http2;

mod log;
pub use log::HttpLog;

mod lost;

mod protocol;
pub use protocol::Protocol;

mod recogniser;

mod redact;

mod under_way;

#[cfg(test)]
mod tests;
