//! Name/value header blocks (SPDY/3.1 2.6.10): one zlib stream in each direction for the life of the session.

mod encoder;
pub use encoder::HeaderEncoder;

#[cfg(feature = "server")]
mod decoder;
#[cfg(feature = "server")]
pub use decoder::{HeaderDecoder, HeaderError};

#[cfg(feature = "server")]
mod dictionary;
