//! HPACK (RFC 7541), as far as an onlooker needs it: of values that are never shown only the length is kept.
//!
//! Our own, because the kept crates allocate each header and build their Huffman table anew for each string: 64 KiB of
//! short strings held a thread up for a second (measured). loona-hpack checks it in tests.

mod decoder;
pub(super) use decoder::Decoder;

mod huffman;

mod table;
