//! Unpredictable numbers for masks, keys and jitter.

use std::hash::{BuildHasher, RandomState};

/// Numbers that a peer cannot foresee: a counter through the standard library's keyed hash, whose keys come from the
/// operating system.
#[derive(Debug, Default)]
pub(crate) struct Entropy {
    keys: RandomState,
    drawn: u64,
}

impl Entropy {
    pub(crate) fn number(&mut self) -> u64 {
        self.drawn += 1;
        self.keys.hash_one(self.drawn)
    }

    pub(crate) fn mask(&mut self) -> [u8; 4] {
        (self.number() as u32).to_be_bytes()
    }

    pub(crate) fn key(&mut self) -> [u8; 16] {
        (u128::from(self.number()) << 64 | u128::from(self.number())).to_be_bytes()
    }
}
