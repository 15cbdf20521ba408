/// Bytes of an app that are kept at most, so that they can be sent again.
const MOST: usize = 64 * 1024;

/// What an app has said before the pod said anything, as long as it is little.
#[derive(Debug)]
pub(super) struct Kept {
    bytes: Option<Vec<u8>>,
}

impl Kept {
    /// `bytes` are what the app has said so far.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes: Some(bytes) }
    }

    pub(super) fn handle_sent(&mut self, sent: &[u8]) {
        self.bytes = self
            .bytes
            .take()
            .filter(|bytes| bytes.len() + sent.len() <= MOST)
            .map(|mut bytes| {
                bytes.extend_from_slice(sent);
                bytes
            });
    }

    /// The pod said something: nothing may be sent again.
    pub(super) fn forget(&mut self) {
        self.bytes = None;
    }

    /// All that the app has said, if it may be sent again.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        self.bytes.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_all_or_nothing() {
        let mut kept = Kept::new(Vec::new());
        kept.handle_sent(b"GET ");
        kept.handle_sent(b"/");
        assert_eq!(kept.bytes(), Some(&b"GET /"[..]));
        kept.handle_sent(&vec![0; MOST - 5]);
        assert_eq!(kept.bytes().map(<[u8]>::len), Some(MOST));
        kept.handle_sent(b"x");
        assert_eq!(kept.bytes(), None);
        kept.handle_sent(b"x");
        assert_eq!(kept.bytes(), None, "a part is not all");
    }

    #[test]
    fn forgets_at_the_pods_first_word() {
        let mut kept = Kept::new(Vec::new());
        kept.handle_sent(b"GET /");
        kept.forget();
        assert_eq!(kept.bytes(), None);
    }
}
