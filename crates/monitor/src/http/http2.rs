//! HTTP/2 without TLS (RFC 9113): by prior knowledge, or after an upgrade.

mod block;

mod connection;
pub(super) use connection::Http2;

mod frames;
pub(super) use frames::PREFACE;

mod hpack;
