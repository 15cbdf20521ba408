use super::super::lost::Lost;

/// Where in a chunked body we are (RFC 9112, 7.1). A line may end without CR, as many readers take it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Chunked {
    /// In the digits of a chunk's size.
    Size { size: u64, digits: u8 },
    /// Behind them: extensions, which may be of any length.
    Extension { size: u64 },
    /// In a chunk.
    Data { left: u64 },
    /// Behind a chunk, before the end of line.
    DataEnd,
    /// In the trailers, in a line of which something came or not.
    Trailers { is_line_empty: bool },
    /// Behind the empty line.
    End,
}

/// Digits of a size, leading zeros counted in.
const DIGITS: u8 = 16;

impl Chunked {
    pub(super) fn new() -> Self {
        Self::Size { size: 0, digits: 0 }
    }

    /// Takes what belongs to the body from `input`, and counts the bytes of payload, those before what makes no sense too.
    pub(super) fn skip(&mut self, input: &mut &[u8], payload: &mut u64) -> Result<(), Lost> {
        while *self != Self::End {
            if let Self::Data { left } = self {
                let here = (input.len() as u64).min(*left);
                *input = &input[here as usize..];
                *payload += here;
                *left -= here;
                if *left > 0 {
                    break;
                }
                *self = Self::DataEnd;
            }
            let Some((&byte, rest)) = input.split_first() else {
                break;
            };
            *input = rest;
            *self = self.after(byte)?;
        }
        Ok(())
    }

    /// The state behind a byte that is not payload.
    fn after(self, byte: u8) -> Result<Self, Lost> {
        Ok(match (self, byte) {
            (Self::Size { size, digits }, byte) => match (char::from(byte).to_digit(16), byte) {
                (Some(digit), _) if digits < DIGITS => Self::Size {
                    size: size << 4 | u64::from(digit),
                    digits: digits + 1,
                },
                (None, b'\n') if digits > 0 => Self::behind_size(size),
                (None, b';' | b' ' | b'\t' | b'\r') if digits > 0 => Self::Extension { size },
                _ => return Err(Lost),
            },
            (Self::Extension { size }, b'\n') => Self::behind_size(size),
            (Self::Extension { size }, _) => Self::Extension { size },
            (Self::DataEnd, b'\r') => Self::DataEnd,
            (Self::DataEnd, b'\n') => Self::new(),
            (Self::DataEnd, _) => return Err(Lost),
            (Self::Trailers { is_line_empty: true }, b'\n') => Self::End,
            (Self::Trailers { .. }, b'\n') => Self::Trailers { is_line_empty: true },
            (Self::Trailers { is_line_empty }, b'\r') => Self::Trailers { is_line_empty },
            (Self::Trailers { .. }, _) => Self::Trailers { is_line_empty: false },
            (Self::Data { .. } | Self::End, _) => self,
        })
    }

    fn behind_size(size: u64) -> Self {
        match size {
            0 => Self::Trailers { is_line_empty: true },
            left => Self::Data { left },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use super::*;

    /// Reads `body` in pieces of `portion` bytes; gives the payload's length and how much was left behind the end.
    fn skip(body: &[u8], portion: usize) -> Result<(u64, usize), Lost> {
        let mut chunked = Chunked::new();
        let (mut payload, mut left) = (0, 0);
        for mut piece in body.chunks(portion) {
            chunked.skip(&mut piece, &mut payload)?;
            left += piece.len();
        }
        assert_eq!(chunked, Chunked::End);
        Ok((payload, left))
    }

    #[test]
    fn chunks_extensions_and_trailers_are_skipped_however_they_are_cut() {
        let body = b"4\r\nWiki\r\n6;name=\"v;\"\r\npedia \r\n0E \r\nin \r\n\r\nchunks\r\n0\r\nA: b\r\nC:\r\n\r\nHTTP";
        for portion in 1..body.len() {
            assert_eq!(skip(body, portion), Ok((24, 4)), "{portion}");
        }
        assert_eq!(skip(b"0\r\n\r\n", 5), Ok((0, 0)));
        assert_eq!(skip(b"1\nx\n000\n\n", 5), Ok((1, 0)));
    }

    #[test]
    fn nonsense_is_refused() {
        for body in [
            &b"\r\n"[..],
            b"x\r\n",
            b"-1\r\n",
            b"1\r\nxy",
            b"00000000000000001\r\n",
            b"1x\r\n",
        ] {
            assert_eq!(skip(body, body.len()), Err(Lost), "{body:?}");
        }
        let mut largest = &b"ffffffffffffffff\r\nabc"[..];
        let mut payload = 0;
        assert_eq!(Chunked::new().skip(&mut largest, &mut payload), Ok(()));
        assert_eq!(payload, 3);
    }
}
