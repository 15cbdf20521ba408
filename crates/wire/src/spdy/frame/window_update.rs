use super::{Frame, number31};

/// Reads a WINDOW_UPDATE frame (SPDY/3.1 2.6.8).
pub(super) fn load(payload: &[u8]) -> Frame<'static> {
    Frame::WindowUpdate {
        stream: number31(payload),
        delta: number31(&payload[4..]),
    }
}
