use crate::spdy::PeerMisbehaved;

use super::{ControlHead, Frame, FrameType, number};

/// A PING frame (SPDY/3.1 2.6.5). A client's own ids are odd, a server's even; the answer repeats the id.
pub fn ping(id: u32) -> [u8; 12] {
    let mut frame = [0; 12];
    let (head, payload) = frame.split_at_mut(8);
    head.copy_from_slice(
        &ControlHead {
            frame: FrameType::Ping,
            flags: 0,
            length: 4,
        }
        .encode(),
    );
    payload.copy_from_slice(&id.to_be_bytes());
    frame
}

pub(super) fn load(payload: &[u8]) -> Result<Frame<'static>, PeerMisbehaved> {
    match number(payload) {
        0 => Err(PeerMisbehaved::PingIdZero),
        id => Ok(Frame::Ping { id }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_both_ways() {
        let frame = ping(0xffff_fffd);
        assert_eq!(frame, [0x80, 3, 0, 6, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xfd]);
        assert_eq!(load(&frame[8..]), Ok(Frame::Ping { id: 0xffff_fffd }));
    }

    #[test]
    fn id_zero_is_refused() {
        assert_eq!(load(&[0; 4]), Err(PeerMisbehaved::PingIdZero));
    }
}
