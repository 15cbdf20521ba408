//! Writing: the head of a frame, and whole control frames.

use bytes::BytesMut;

use super::control::CONTROL_LIMIT;
use super::{Opcode, mask_into};

/// The longest head, in bytes: two, a 64-bit length and a key (RFC 6455 5.2).
pub(super) const HEAD_LIMIT: usize = 14;

/// The first byte's mark of a message's last frame.
pub(super) const FIN: u8 = 0x80;

/// The second byte's mark of a masked payload.
pub(super) const MASKED: u8 = 0x80;

/// The value of the 7-bit length that says: the length is in the next two bytes.
pub(super) const LENGTH_16: u8 = 126;

/// The value of the 7-bit length that says: the length is in the next eight bytes.
pub(super) const LENGTH_64: u8 = 127;

/// The bytes of a frame's head, held in place. The payload follows them.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    bytes: [u8; HEAD_LIMIT],
    length: u8,
}

impl Head {
    /// The bytes to write.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    fn push(&mut self, bytes: &[u8]) {
        let start = usize::from(self.length);
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        // At most 14, which is why the length is one byte.
        self.length = (start + bytes.len()) as u8;
    }
}

impl AsRef<[u8]> for Head {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// The head of a frame with a payload of `length` bytes. A client masks: it gives a key that is new and
/// unpredictable for each frame (RFC 6455 5.3); a server gives none.
pub fn head(opcode: Opcode, fin: bool, length: u64, mask: Option<[u8; 4]>) -> Head {
    let mut head = Head {
        bytes: [0; HEAD_LIMIT],
        length: 0,
    };
    let masked = if mask.is_some() { MASKED } else { 0 };
    head.push(&[opcode.bits() | if fin { FIN } else { 0 }]);
    match length {
        0..=125 => head.push(&[masked | length as u8]),
        126..=0xffff => {
            head.push(&[masked | LENGTH_16]);
            head.push(&(length as u16).to_be_bytes());
        }
        _ => {
            head.push(&[masked | LENGTH_64]);
            head.push(&length.to_be_bytes());
        }
    }
    if let Some(key) = mask {
        head.push(&key);
    }
    head
}

/// Appends a whole frame of a ping or pong. What is longer than a control frame may be is cut off.
pub fn control(out: &mut BytesMut, opcode: Opcode, payload: &[u8], mask: Option<[u8; 4]>) {
    debug_assert!(opcode.is_control(), "{opcode:?} is not a control frame");
    let payload = &payload[..payload.len().min(CONTROL_LIMIT)];
    out.extend_from_slice(head(opcode, true, payload.len() as u64, mask).as_bytes());
    mask_into(out, payload, mask.unwrap_or_default(), 0);
}

/// Appends a close frame. A reason that does not fit is cut off between two characters.
pub fn close(out: &mut BytesMut, code: u16, reason: &str, mask: Option<[u8; 4]>) {
    let reason = &reason.as_bytes()[..reason.floor_char_boundary(CONTROL_LIMIT - 2)];
    let mut payload = [0; CONTROL_LIMIT];
    payload[..2].copy_from_slice(&code.to_be_bytes());
    payload[2..2 + reason.len()].copy_from_slice(reason);
    control(out, Opcode::Close, &payload[..2 + reason.len()], mask);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_6455_section_5_7() {
        let binary_256 = head(Opcode::Binary, true, 256, None);
        assert_eq!(binary_256.as_bytes(), [0x82, 0x7e, 0x01, 0x00]);
        let binary_64_kib = head(Opcode::Binary, true, 65536, None);
        assert_eq!(binary_64_kib.as_bytes(), [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
        let mut pong = BytesMut::new();
        control(&mut pong, Opcode::Pong, b"Hello", Some([0x37, 0xfa, 0x21, 0x3d]));
        assert_eq!(
            &pong[..],
            [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]
        );
    }

    #[test]
    fn lengths_take_the_fewest_bytes() {
        let bytes = |length| head(Opcode::Continuation, false, length, None).as_bytes().len();
        assert_eq!(
            [bytes(125), bytes(126), bytes(0xffff), bytes(0x1_0000)],
            [2, 4, 4, 10]
        );
        assert_eq!(
            head(Opcode::Binary, false, u64::MAX >> 1, Some([0; 4]))
                .as_bytes()
                .len(),
            HEAD_LIMIT
        );
    }

    #[test]
    fn a_long_close_reason_is_cut_between_characters() {
        let mut out = BytesMut::new();
        close(&mut out, 1000, &"é".repeat(100), None);
        assert_eq!(&out[..4], [0x88, 124, 0x03, 0xe8]);
        assert_eq!(std::str::from_utf8(&out[4..]), Ok("é".repeat(61).as_str()));
    }
}
