//! What came for one pair and was not taken yet.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Smaller pieces are gathered while others wait: each slice keeps its whole read buffer alive.
const SMALL: usize = 4 * 1024;

/// Bytes handed to the receiver at once.
const BATCH: usize = 512 * 1024;

/// Bytes from the pod, in order.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    whole: VecDeque<Bytes>,
    gathered: BytesMut,
}

impl Inbox {
    pub(super) fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.gathered.is_empty()
    }

    /// Adds `payload`, a slice of `source`.
    pub(super) fn push(&mut self, source: &Bytes, payload: &[u8]) {
        if payload.len() < SMALL && !self.is_empty() {
            self.gathered.extend_from_slice(payload);
            return;
        }
        self.seal();
        self.whole.push_back(source.slice_ref(payload));
    }

    /// Moves some of the bytes to `into`; gives how many.
    pub(super) fn take(&mut self, into: &mut VecDeque<Bytes>) -> usize {
        self.seal();
        let mut taken = 0;
        while let Some(piece) = self.whole.pop_front_if(|_| taken < BATCH) {
            taken += piece.len();
            into.push_back(piece);
        }
        taken
    }

    fn seal(&mut self) {
        if !self.gathered.is_empty() {
            self.whole.push_back(self.gathered.split().freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_however_the_pieces_are_held() {
        let source = Bytes::from(vec![7; 3 * SMALL]);
        let mut inbox = Inbox::default();
        let lengths = [10, 20, SMALL, 30, 2 * SMALL, 5, 6];
        for length in lengths {
            inbox.push(&source, &source[..length]);
        }
        let mut pieces = VecDeque::new();
        let taken = inbox.take(&mut pieces);
        assert_eq!(taken, lengths.iter().sum::<usize>());
        assert_eq!(
            pieces.iter().map(Bytes::len).collect::<Vec<_>>(),
            [10, 20, SMALL, 30, 2 * SMALL, 11]
        );
        assert!(inbox.is_empty());
    }
}
