//! The fuzz targets of podline as plain functions.
//!
//! Each takes arbitrary bytes and panics where a promise is broken. `fuzz_targets/` hands them to libFuzzer, and the
//! tests of the crates replay `corpus/` through them on a stable toolchain.
//!
//! A target NAME is a file here with its function, a file in `fuzz_targets/` and a `[[bin]]` of the same name, inputs in
//! `corpus/NAME/` and a test in `tests/corpus.rs` of the crate.

mod frame_reader;
pub use frame_reader::frame_reader;

mod header_decoder;
pub use header_decoder::header_decoder;

#[cfg(feature = "monitor")]
mod http;
#[cfg(feature = "monitor")]
pub use http::http;

mod websocket;
pub use websocket::websocket;
