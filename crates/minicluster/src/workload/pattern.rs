//! The bytes that sources and generators send: any piece can be checked knowing only its offset.

/// The byte at `offset` of every deterministic stream.
#[must_use]
pub fn byte(offset: u64) -> u8 {
    row(offset).wrapping_add((offset as u8).wrapping_mul(31))
}

/// Fills `out` with the bytes of the stream from `offset` on.
pub fn fill(offset: u64, out: &mut [u8]) {
    let mut offset = offset;
    let mut rest = out;
    while !rest.is_empty() {
        let low = offset as u8;
        let length = rest.len().min(256 - usize::from(low));
        let (piece, tail) = rest.split_at_mut(length);
        let first = byte(offset);
        for (index, slot) in piece.iter_mut().enumerate() {
            *slot = first.wrapping_add((index as u8).wrapping_mul(31));
        }
        offset += length as u64;
        rest = tail;
    }
}

/// Where `bytes`, which begin at `offset` of the stream, first differ from it.
#[must_use]
pub fn first_difference(offset: u64, bytes: &[u8]) -> Option<u64> {
    let mut expected = [0; 4096];
    let mut at = offset;
    for piece in bytes.chunks(expected.len()) {
        let expected = &mut expected[..piece.len()];
        fill(at, expected);
        if expected != piece {
            let index = expected.iter().zip(piece).position(|(left, right)| left != right);
            return index.map(|index| at + index as u64);
        }
        at += piece.len() as u64;
    }
    None
}

/// The part of a byte that 256 neighbours share.
fn row(offset: u64) -> u8 {
    ((offset >> 8) as u8)
        .wrapping_mul(17)
        .wrapping_add(((offset >> 16) as u8).wrapping_mul(7))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defined(offset: u64) -> u8 {
        ((offset * 31 + (offset >> 8) * 17 + (offset >> 16) * 7) & 0xff) as u8
    }

    #[test]
    fn pieces_at_any_offset_follow_the_definition() {
        for start in [0, 1, 255, 256, 65_500, 16_777_200, 5_000_000_000] {
            let mut piece = vec![0; 1000];
            fill(start, &mut piece);
            for (index, found) in piece.iter().enumerate() {
                assert_eq!(*found, defined(start + index as u64), "offset {start}+{index}");
                assert_eq!(*found, byte(start + index as u64));
            }
        }
    }

    #[test]
    fn a_difference_is_told_by_its_offset_in_the_stream() {
        let mut piece = vec![0; 10_000];
        fill(300, &mut piece);
        assert_eq!(first_difference(300, &piece), None);
        piece[7777] ^= 1;
        assert_eq!(first_difference(300, &piece), Some(8077));
    }
}
