//! Bytes of an app on their way into a DATA frame.

use bytes::BytesMut;

use crate::spares;

/// The room in front for the frame's head, in bytes (SPDY/3.1 section 2.2.2).
const HEAD: usize = 8;

/// Bytes of an app with room for a frame's head in front, so that neither is copied to stand behind the other.
#[derive(Debug)]
pub struct Chunk {
    buffer: BytesMut,
}

impl Chunk {
    /// An empty chunk with room for `bytes`.
    pub fn with_capacity(bytes: usize) -> Self {
        let mut buffer = spares::take(HEAD + bytes);
        buffer.extend_from_slice(&[0; HEAD]);
        Self { buffer }
    }

    /// Where the app's bytes are appended; what stands in it already is to be left alone.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The number of the app's bytes.
    pub fn len(&self) -> usize {
        self.buffer.len() - HEAD
    }

    /// Whether there are no bytes of the app.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The app's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[HEAD..]
    }

    /// The whole frame.
    pub(crate) fn into_frame(mut self, head: [u8; HEAD]) -> BytesMut {
        self.buffer[..HEAD].copy_from_slice(&head);
        self.buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_stands_before_the_bytes() {
        let mut chunk = Chunk::with_capacity(4);
        assert!(chunk.is_empty());
        chunk.buffer().extend_from_slice(b"abcd");
        assert_eq!((chunk.len(), chunk.bytes()), (4, &b"abcd"[..]));
        assert_eq!(&chunk.into_frame(*b"01234567")[..], b"01234567abcd");
    }
}
