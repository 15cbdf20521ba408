use podline_wire::Time;

use super::super::{buffer, lost::Lost};

/// Longest head, in bytes. Servers take 8 KiB (nginx, Apache) to 16 KiB (Node.js).
pub(super) const HEAD: usize = 16 * 1024;

/// Finds heads: everything up to an empty line. One that comes in one piece is not copied.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// The pieces that came.
    pieces: Vec<u8>,
    began: Time,
}

impl Head {
    /// Whether a part of a head has come.
    pub(super) fn is_begun(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// Bytes on the heap.
    pub(super) fn kept(&self) -> usize {
        self.pieces.capacity()
    }

    /// Takes a head from `input` and gives what `parse` makes of it and of the time of its first byte; none if there is
    /// more to come. Of its pieces no more than `room` bytes are kept.
    ///
    /// Empty lines before it are skipped (RFC 9112, 2.2).
    pub(super) fn read<T>(
        &mut self,
        input: &mut &[u8],
        now: Time,
        room: usize,
        parse: impl FnOnce(&[u8], Time) -> Result<T, Lost>,
    ) -> Result<Option<T>, Lost> {
        if !self.is_begun() {
            let blank = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
            *input = &input[blank.count()..];
            if input.is_empty() {
                return Ok(None);
            }
            self.began = now;
            if let Some(end) = end(input, 0) {
                let (head, rest) = input.split_at(end);
                *input = rest;
                return if end > HEAD {
                    Err(Lost)
                } else {
                    parse(head, now).map(Some)
                };
            }
        }
        let before = self.pieces.len();
        let piece = &input[..input.len().min(HEAD - before)];
        buffer::append(&mut self.pieces, piece, HEAD, room)?;
        // The empty line may have begun in what came before.
        match end(&self.pieces, before.saturating_sub("\n\r".len())) {
            Some(end) => {
                *input = &input[end - before..];
                let head = std::mem::take(&mut self.pieces);
                parse(&head[..end], self.began).map(Some)
            }
            None if self.pieces.len() == HEAD => Err(Lost),
            None => {
                *input = &[];
                Ok(None)
            }
        }
    }
}

/// Where the first empty line ends whose line before it ends at `from` or later.
fn end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(line_end) = bytes[at..].iter().position(|byte| *byte == b'\n') {
        at += line_end + 1;
        match bytes[at..] {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use super::*;

    /// The heads in `bytes`, read in pieces, and what is left.
    fn heads(bytes: &[u8], portion: usize) -> Result<(Vec<Vec<u8>>, bool), Lost> {
        let mut head = Head::default();
        let mut heads = Vec::new();
        for mut piece in bytes.chunks(portion) {
            while !piece.is_empty() {
                let read = head.read(&mut piece, Time::ZERO, HEAD, |head, _| Ok(head.to_vec()))?;
                heads.extend(read);
            }
        }
        assert!(head.kept() <= HEAD);
        Ok((heads, head.is_begun()))
    }

    #[test]
    fn heads_end_at_an_empty_line_however_they_are_cut() {
        let bytes = b"\r\n\nA\r\nb: c\r\n\r\nB\n\nC\r\n\nD\n\r\nE\r\n\r";
        let expected: [&[u8]; 4] = [b"A\r\nb: c\r\n\r\n", b"B\n\n", b"C\r\n\n", b"D\n\r\n"];
        for portion in 1..=bytes.len() {
            let (heads, begun) = heads(bytes, portion).unwrap();
            assert_eq!(heads, expected, "{portion}");
            assert!(begun);
        }
    }

    #[test]
    fn a_head_that_is_too_long_is_refused_however_it_is_cut() {
        let of_length = |length: usize| {
            let mut bytes = vec![b'x'; length - 4];
            bytes.extend_from_slice(b"\r\n\r\n");
            bytes
        };
        for portion in [1000, 1024, HEAD - 1, HEAD, HEAD + 1, 2 * HEAD] {
            assert_eq!(heads(&of_length(HEAD), portion).unwrap().0.len(), 1, "{portion}");
            assert_eq!(heads(&of_length(HEAD + 1), portion), Err(Lost), "{portion}");
        }
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let mut head = Head::default();
        let read = head.read(&mut &[b'x'; 1025][..], Time::ZERO, 2047, |_, _| Ok(()));
        assert_eq!(read, Err(Lost));
        assert_eq!(head.kept(), 0);
    }
}
