/// The bytes that the workload sends and expects: byte `i` of a stream is `i * 31 + (i >> 8) * 17 + (i >> 16) * 7`,
/// modulo 256.
///
/// They repeat after 16 MiB, so that one period in memory checks a stream of any length at the speed of a comparison.
pub(crate) struct Pattern(Vec<u8>);

impl Pattern {
    const PERIOD: usize = 1 << 24;
    /// Longest piece that can be asked for: beyond the period the buffer goes on for this much, so no piece is cut.
    pub(crate) const LONGEST_PIECE: usize = 1 << 18;

    pub(crate) fn new() -> Self {
        Self(
            (0..Self::PERIOD + Self::LONGEST_PIECE)
                .map(|i| byte(i as u64))
                .collect(),
        )
    }

    /// `length` bytes from `offset` on.
    ///
    /// # Panics
    /// If `length` is above `LONGEST_PIECE`.
    pub(crate) fn piece(&self, offset: u64, length: usize) -> &[u8] {
        assert!(
            length <= Self::LONGEST_PIECE,
            "a piece of the pattern is at most {} bytes",
            Self::LONGEST_PIECE
        );
        let start = (offset % Self::PERIOD as u64) as usize;
        &self.0[start..start + length]
    }
}

fn byte(index: u64) -> u8 {
    index
        .wrapping_mul(31)
        .wrapping_add((index >> 8).wrapping_mul(17))
        .wrapping_add((index >> 16).wrapping_mul(7)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_follows_the_formula_wherever_it_begins() {
        let pattern = Pattern::new();
        for offset in [
            0,
            1,
            255,
            65_530,
            (1 << 24) - 3,
            (1 << 24) + 70_000,
            (5 << 30) + 12_345,
        ] {
            let expected: Vec<u8> = (offset..offset + 1000).map(byte).collect();
            assert_eq!(pattern.piece(offset, 1000), expected, "from {offset}");
        }
    }

    #[test]
    fn the_first_bytes_are_the_documented_ones() {
        assert_eq!(Pattern::new().piece(0, 4), [0, 31, 62, 93]);
        assert_eq!(Pattern::new().piece(256, 2), [17, 48]);
    }
}
