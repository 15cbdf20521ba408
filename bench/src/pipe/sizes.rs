/// Cuts a stream of bytes into pieces of recorded sizes, over and over.
pub(crate) struct Sizes {
    sizes: Vec<u16>,
    next: usize,
}

impl Sizes {
    /// Full records where nothing was recorded.
    pub(crate) fn new(sizes: Vec<u16>) -> Self {
        const LONGEST_RECORD: u16 = 1 << 14;
        Self {
            sizes: if sizes.is_empty() {
                vec![LONGEST_RECORD]
            } else {
                sizes
            },
            next: 0,
        }
    }

    /// How many of `available` bytes, at least one, go into the next record.
    pub(crate) fn cut(&mut self, available: usize) -> usize {
        let size = usize::from(self.sizes[self.next]).clamp(1, available);
        self.next = (self.next + 1) % self.sizes.len();
        size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_sizes_come_round() {
        let mut sizes = Sizes::new(vec![5, 0, 3]);
        assert_eq!([(); 5].map(|()| sizes.cut(100)), [5, 1, 3, 5, 1]);
    }

    #[test]
    fn what_is_left_can_be_shorter() {
        let mut sizes = Sizes::new(Vec::new());
        assert_eq!([sizes.cut(20_000), sizes.cut(7)], [16_384, 7]);
    }
}
