use crate::spdy::{PeerMisbehaved, ResetStatus, StreamId};

use super::head::stream_id;
use super::{ControlHead, Frame, FrameType, number};

/// A RST_STREAM frame (SPDY/3.1 2.6.3).
pub fn reset(stream: StreamId, status: ResetStatus) -> [u8; 16] {
    let mut frame = [0; 16];
    let (head, payload) = frame.split_at_mut(8);
    head.copy_from_slice(
        &ControlHead {
            frame: FrameType::Reset,
            flags: 0,
            length: 8,
        }
        .encode(),
    );
    payload[..4].copy_from_slice(&stream.get().to_be_bytes());
    payload[4..].copy_from_slice(&status.code().to_be_bytes());
    frame
}

pub(super) fn load(payload: &[u8]) -> Result<Frame<'static>, PeerMisbehaved> {
    let stream = stream_id(FrameType::Reset, number(payload))?;
    match number(&payload[4..]) {
        0 => Err(PeerMisbehaved::ResetStatusZero),
        code => Ok(Frame::Reset {
            stream,
            status: ResetStatus::new(code),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_both_ways() {
        let stream = StreamId::new(9).expect("31 bits");
        let frame = reset(stream, ResetStatus::CANCEL);
        assert_eq!(frame, [0x80, 3, 0, 3, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 5]);
        assert_eq!(
            load(&frame[8..]),
            Ok(Frame::Reset {
                stream,
                status: ResetStatus::CANCEL
            })
        );
    }

    #[test]
    fn stream_and_status_zero_are_refused() {
        assert_eq!(
            load(&[0, 0, 0, 0, 0, 0, 0, 5]),
            Err(PeerMisbehaved::StreamIdZero {
                frame: FrameType::Reset
            })
        );
        assert_eq!(
            load(&[0, 0, 0, 9, 0, 0, 0, 0]),
            Err(PeerMisbehaved::ResetStatusZero)
        );
    }
}
