use super::super::lost::Lost;
use super::Chunked;

/// What of a body is still to come (RFC 9112, 6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Body {
    Chunked(Chunked),
    /// So many bytes.
    Length(u64),
    /// Everything until the connection ends.
    UntilEnd,
}

impl Body {
    pub(super) fn none() -> Self {
        Self::Length(0)
    }

    /// Takes what belongs to it from `input`, and counts the bytes of payload. Payload is never looked at.
    pub(super) fn skip(&mut self, input: &mut &[u8], payload: &mut u64) -> Result<(), Lost> {
        match self {
            Self::Chunked(chunked) => return chunked.skip(input, payload),
            Self::Length(left) => {
                let here = (input.len() as u64).min(*left);
                *input = &input[here as usize..];
                *left -= here;
                *payload += here;
            }
            Self::UntilEnd => {
                *payload += input.len() as u64;
                *input = &[];
            }
        }
        Ok(())
    }

    /// Whether all of it has come.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self, Self::Chunked(Chunked::End) | Self::Length(0))
    }
}
