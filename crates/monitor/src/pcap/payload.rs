use std::io::IoSlice;

/// How many bytes are added up at once; the compiler makes vectors of them.
const BLOCK: usize = 32;
/// Bytes that are copied and added up in turn: a part of what the first cache of a processor has room for.
const PIECE: usize = 4 << 10;
/// One number of four bytes.
const WORD: usize = size_of::<u32>();

/// Bytes that stand in several places, of which a packet is made without putting them together first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payload<'a> {
    /// May be longer than all that is meant.
    first: &'a [u8],
    rest: &'a [IoSlice<'a>],
    length: usize,
}

impl<'a> Payload<'a> {
    pub(super) const EMPTY: Self = Self {
        first: &[],
        rest: &[],
        length: 0,
    };

    pub(super) const fn len(&self) -> usize {
        self.length
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The first `most` bytes, or all if there are fewer.
    pub(super) fn first(mut self, most: usize) -> Self {
        self.length = self.length.min(most);
        self
    }

    /// Takes the first `most` bytes out, or all if there are fewer.
    pub(super) fn split_to(&mut self, most: usize) -> Self {
        let begin = self.first(most);
        self.length -= begin.length;
        let mut skipped = begin.length;
        while skipped >= self.first.len()
            && let [next, rest @ ..] = self.rest
        {
            skipped -= self.first.len();
            (self.first, self.rest) = (next, rest);
        }
        self.first = &self.first[skipped..];
        begin
    }

    /// Its bytes, in order.
    pub(super) fn parts(self) -> impl Iterator<Item = &'a [u8]> {
        let mut left = self.length;
        let rest = self.rest.iter().map(|part| &**part);
        std::iter::once(self.first).chain(rest).map_while(move |part| {
            let part = &part[..part.len().min(left)];
            left -= part.len();
            (!part.is_empty() || left > 0).then_some(part)
        })
    }

    /// The sum that a checksum has of it: RFC 1071, before it is inverted.
    pub(super) fn sum(self) -> u16 {
        let mut sum = Sum::default();
        self.parts().for_each(|part| sum.add(part));
        sum.folded()
    }

    /// Copies it behind what `out` has, and gives its sum. In pieces, so that each is added up while the processor has it at hand:
    /// fetching it a second time would take longer than the sum.
    pub(super) fn copy_to(self, out: &mut Vec<u8>) -> u16 {
        let mut sum = Sum::default();
        for piece in self.parts().flat_map(|part| part.chunks(PIECE)) {
            out.extend_from_slice(piece);
            sum.add(piece);
        }
        sum.folded()
    }
}

impl<'a> From<&'a [u8]> for Payload<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self {
            first: bytes,
            rest: &[],
            length: bytes.len(),
        }
    }
}

impl<'a> From<&'a [IoSlice<'a>]> for Payload<'a> {
    fn from(parts: &'a [IoSlice<'a>]) -> Self {
        let Some((first, rest)) = parts.split_first() else {
            return Self::EMPTY;
        };
        Self {
            first,
            rest,
            length: parts.iter().map(|part| part.len()).sum(),
        }
    }
}

/// A sum that grows.
#[derive(Debug, Default)]
struct Sum {
    sum: u64,
    is_odd: bool,
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        let sum = sum_of(bytes);
        // Behind an odd number of bytes, the upper bytes are the lower ones: RFC 1071 2.B.
        self.sum += u64::from(if self.is_odd { sum.swap_bytes() } else { sum });
        self.is_odd ^= bytes.len() % 2 == 1;
    }

    fn folded(&self) -> u16 {
        fold(self.sum)
    }
}

/// Adds up 16-bit numbers with end-around carry.
pub(super) fn fold(mut sum: u64) -> u16 {
    while sum > u64::from(u16::MAX) {
        sum = (sum >> 16) + (sum & u64::from(u16::MAX));
    }
    sum as u16
}

/// Adds up the bytes of one place as big-endian 16-bit numbers. In the other order, which the processor has, and in numbers of 32 bits,
/// the sum is the same but for the order of its two bytes: RFC 1071 2.A, 2.C.
fn sum_of(bytes: &[u8]) -> u16 {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    // None can overflow before it has added up 16 GiB.
    let mut sums = [0; BLOCK / WORD];
    for block in blocks {
        let (words, _) = block.as_chunks::<WORD>();
        for (sum, word) in sums.iter_mut().zip(words) {
            *sum += u64::from(u32::from_le_bytes(*word));
        }
    }
    let mut sum: u64 = sums.map(fold).into_iter().map(u64::from).sum();
    let (pairs, last) = rest.as_chunks::<2>();
    sum += pairs
        .iter()
        .map(|pair| u64::from(u16::from_le_bytes(*pair)))
        .sum::<u64>();
    sum += last.iter().copied().map(u64::from).sum::<u64>();
    fold(sum).swap_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_split_is_all_there_in_order(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..8),
            most in 1_usize..40,
        ) {
            let slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
            let whole = parts.concat();
            let mut payload = Payload::from(&*slices);
            prop_assert_eq!(payload.len(), whole.len());
            let mut pieces = Vec::new();
            while !payload.is_empty() {
                let piece = payload.split_to(most);
                let bytes: Vec<u8> = piece.parts().flatten().copied().collect();
                prop_assert_eq!(bytes.len(), piece.len());
                let begin: Vec<u8> = piece.first(3).parts().flatten().copied().collect();
                prop_assert_eq!(&begin, &bytes[..bytes.len().min(3)]);
                pieces.push(bytes);
            }
            prop_assert!(pieces.iter().rev().skip(1).all(|piece| piece.len() == most));
            prop_assert_eq!(pieces.concat(), whole);
        }

        #[test]
        fn the_sum_is_the_one_of_another_library(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..150), 0..5),
        ) {
            let slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
            let other = etherparse::checksum::Sum16BitWords::new()
                .add_slice(&parts.concat())
                .ones_complement();
            prop_assert_eq!(!Payload::from(&*slices).sum(), other.to_be());
        }
    }

    #[test]
    fn the_largest_bytes_are_added_up_too() {
        let bytes = [0xFF; 0xFFFF];
        let other = etherparse::checksum::Sum16BitWords::new()
            .add_slice(&bytes)
            .ones_complement();
        assert_eq!(!Payload::from(&bytes[..]).sum(), other.to_be());
    }
}
