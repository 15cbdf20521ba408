use crate::spdy::PeerMisbehaved;

use super::{Frame, number};

/// Only the count of entries is looked at, because a wrong one means that the frames are out of step.
pub(super) const KEPT: usize = 4;

/// Bytes of one entry: flags, id, value.
const ENTRY: u64 = 8;

/// Reads a SETTINGS frame (SPDY/3.1 2.6.4), all but its entries.
pub(super) fn load(length: u32, payload: &[u8]) -> Result<Frame<'static>, PeerMisbehaved> {
    let count = number(payload);
    if KEPT as u64 + u64::from(count) * ENTRY != u64::from(length) {
        return Err(PeerMisbehaved::SettingsCount { count, length });
    }
    Ok(Frame::Settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn count_and_length_have_to_agree() {
        assert_eq!(load(4, &[0, 0, 0, 0]), Ok(Frame::Settings));
        assert_eq!(load(12, &[0, 0, 0, 1]), Ok(Frame::Settings));
        let wrong = PeerMisbehaved::SettingsCount {
            count: 0x2000_0000,
            length: 4,
        };
        assert_eq!(
            load(4, &[0x20, 0, 0, 0]),
            Err(wrong),
            "the product has 32 zero bits at its end"
        );
    }
}
