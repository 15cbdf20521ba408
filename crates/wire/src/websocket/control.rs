//! The payload of a ping or pong.

use std::fmt;

/// The longest payload of a control frame, in bytes (RFC 6455 5.5).
pub const CONTROL_LIMIT: usize = 125;

/// The payload of a control frame: at most [`CONTROL_LIMIT`] bytes, held in place.
#[derive(Clone, Copy)]
pub struct Control {
    bytes: [u8; CONTROL_LIMIT],
    length: u8,
}

impl Control {
    /// A payload, or nothing where it is longer than a control frame may be.
    pub fn new(payload: &[u8]) -> Option<Self> {
        let mut control = Self::empty();
        (control.fill(payload, payload.len()) == payload.len()).then_some(control)
    }

    /// A payload of no bytes.
    pub(super) const fn empty() -> Self {
        Self {
            bytes: [0; CONTROL_LIMIT],
            length: 0,
        }
    }

    /// Takes bytes from the front of `input` until `total` are held; gives the number taken.
    pub(super) fn fill(&mut self, input: &[u8], total: usize) -> usize {
        let have = usize::from(self.length);
        let take = input.len().min(total.min(CONTROL_LIMIT).saturating_sub(have));
        self.bytes[have..have + take].copy_from_slice(&input[..take]);
        // At most 125, which is why the length is one byte.
        self.length = (have + take) as u8;
        take
    }

    /// The bytes, to be changed in place.
    pub(super) fn as_bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..usize::from(self.length)]
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Control").field(&self.as_bytes()).finish()
    }
}

impl Eq for Control {}

impl PartialEq for Control {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_of_125_bytes_fits_and_one_more_does_not() {
        assert_eq!(
            Control::new(&[7; 125]).map(|control| control.as_bytes().len()),
            Some(125)
        );
        assert_eq!(Control::new(&[7; 126]), None);
    }

    #[test]
    fn bytes_behind_the_payload_do_not_count_in_comparisons() {
        let mut filled = Control::empty();
        assert_eq!(filled.fill(b"abcdef", 3), 3);
        assert_eq!(filled.fill(b"def", 3), 0);
        assert_eq!(Some(filled), Control::new(b"abc"));
    }
}
