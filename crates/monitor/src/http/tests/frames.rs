//! Frames of HTTP/2, written.

use loona_hpack::Encoder;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY_FRAME: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;
pub(super) const PADDED: u8 = 0x8;
pub(super) const PRIORITY: u8 = 0x20;

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

pub(super) fn settings() -> Vec<u8> {
    frame(SETTINGS, 0, 0, [0, 3, 0, 0, 0, 100, 0, 1, 0, 0, 0x10, 0])
}

/// The app's preface and settings.
pub(super) fn hello() -> Vec<u8> {
    [PREFACE, &settings()].concat()
}

/// A header block.
pub(super) fn block(encoder: &mut Encoder<'_>, headers: &[(&str, &str)]) -> Vec<u8> {
    encoder.encode(
        headers
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes())),
    )
}

/// One direction of a connection.
#[derive(Default)]
pub(super) struct Writer<'a>(Encoder<'a>);

impl Writer<'_> {
    pub(super) fn block(&mut self, headers: &[(&str, &str)]) -> Vec<u8> {
        block(&mut self.0, headers)
    }

    /// HEADERS in one frame.
    pub(super) fn headers(&mut self, stream: u32, flags: u8, headers: &[(&str, &str)]) -> Vec<u8> {
        let block = self.block(headers);
        frame(HEADERS, flags | END_HEADERS, stream, block)
    }

    pub(super) fn get(&mut self, stream: u32, path: &str) -> Vec<u8> {
        let headers = [
            (":method", "GET"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "api:80"),
        ];
        self.headers(stream, END_STREAM, &headers)
    }

    /// The head of a gRPC call.
    pub(super) fn call(&mut self, stream: u32, path: &str) -> Vec<u8> {
        let headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "api:80"),
            ("content-type", "application/grpc+proto"),
            ("te", "trailers"),
            ("authorization", "Bearer secret"),
        ];
        self.headers(stream, 0, &headers)
    }
}

pub(super) fn data(stream: u32, flags: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(DATA, flags, stream, payload)
}

pub(super) fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, code.to_be_bytes())
}
