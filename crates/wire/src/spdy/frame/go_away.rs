use crate::spdy::GoAwayStatus;

use super::{ControlHead, Frame, FrameType, number, number31};

/// A GOAWAY frame (SPDY/3.1 2.6.6). spdystream ends all streams at once when it gets one.
///
/// `last` is the last stream of the peer that was handled, 0 if there was none.
pub fn go_away(last: u32, status: GoAwayStatus) -> [u8; 16] {
    let mut frame = [0; 16];
    let (head, payload) = frame.split_at_mut(8);
    head.copy_from_slice(
        &ControlHead {
            frame: FrameType::GoAway,
            flags: 0,
            length: 8,
        }
        .encode(),
    );
    payload[..4].copy_from_slice(&last.to_be_bytes());
    payload[4..].copy_from_slice(&status.code().to_be_bytes());
    frame
}

pub(super) fn load(payload: &[u8]) -> Frame<'static> {
    Frame::GoAway {
        last_stream: number31(payload),
        status: GoAwayStatus::new(number(&payload[4..])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_both_ways() {
        let frame = go_away(7, GoAwayStatus::INTERNAL_ERROR);
        assert_eq!(frame, [0x80, 3, 0, 7, 0, 0, 0, 8, 0, 0, 0, 7, 0, 0, 0, 2]);
        assert_eq!(
            load(&frame[8..]),
            Frame::GoAway {
                last_stream: 7,
                status: GoAwayStatus::INTERNAL_ERROR
            }
        );
    }
}
