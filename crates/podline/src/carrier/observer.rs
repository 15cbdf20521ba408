use std::io::IoSlice;

use crate::{Tap, Way};

/// Whom a carrier tells of its bytes: [`Tap`]'s methods, all but the last. A type of its own for each answer, so that one
/// without taps can be built, and what they cost counted against it.
pub(crate) trait Observer: Send {
    /// Whether it wants to be told anything.
    fn looks(&self) -> bool;
    fn opened(&mut self, way: &Way);
    fn sent(&mut self, bytes: &[u8]);
    fn received(&mut self, parts: &[IoSlice<'_>], length: usize);
    fn sent_all(&mut self);
}

impl<T: Tap + ?Sized> Observer for Option<Box<T>> {
    fn looks(&self) -> bool {
        self.is_some()
    }

    fn opened(&mut self, way: &Way) {
        if let Some(tap) = self {
            tap.opened(way);
        }
    }

    fn sent(&mut self, bytes: &[u8]) {
        if let Some(tap) = self {
            tap.sent(bytes);
        }
    }

    fn received(&mut self, parts: &[IoSlice<'_>], length: usize) {
        if let Some(tap) = self {
            tap.received_parts(parts, length);
        }
    }

    fn sent_all(&mut self) {
        if let Some(tap) = self {
            tap.sent_all();
        }
    }
}
