use flate2::{Decompress, FlushDecompress, Status};

use super::dictionary;
use crate::spdy::limits::{MAX_HEADER_BLOCK, MAX_HEADERS};

/// How a block that was flushed ends: the length of an empty stored block and its complement.
const FLUSH: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Names that spdystream refuses to receive.
const REFUSED_NAMES: [&str; 5] = [
    "connection",
    "host",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
];

/// Inflates and parses the header blocks of one session, in their order.
///
/// Takes zlib streams with the preset dictionary of SPDY/3.1 and without any. A block may inflate to
/// [`MAX_HEADER_BLOCK`](crate::spdy::MAX_HEADER_BLOCK) bytes and hold
/// [`MAX_HEADERS`](crate::spdy::MAX_HEADERS) pairs.
#[derive(Debug)]
pub struct HeaderDecoder {
    inflater: Decompress,
    failed: Option<HeaderError>,
}

/// Why a header block could not be read. The blocks after it cannot be read either: they share its zlib stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The zlib stream is broken.
    #[error("the header block cannot be inflated")]
    Deflate,

    /// One name twice.
    #[error("the header block has a name twice")]
    DuplicateName,

    /// A pair without a name.
    #[error("the header block has an empty name")]
    EmptyName,

    /// The zlib stream ended, so there can be no further block.
    #[error("the header stream ended")]
    Ended,

    /// The block does not end with a flush; spdystream would lose what it holds back.
    #[error("the header block was not flushed")]
    NotFlushed,

    /// A name or value that is not UTF-8.
    #[error("the header block is not text")]
    NotText,

    /// A name that belongs to HTTP/1.1 connections, which spdystream refuses.
    #[error("the header block has a name that belongs to http/1.1")]
    RefusedName,

    /// Too large when inflated.
    #[error("the header block inflates to more than {MAX_HEADER_BLOCK} bytes")]
    TooLong,

    /// Too many pairs.
    #[error("the header block has {count} pairs, more than {MAX_HEADERS}")]
    TooMany {
        /// The number of pairs claimed.
        count: u32,
    },

    /// Bytes after the last pair.
    #[error("the header block goes on after its last pair")]
    Trailing,

    /// The block ends within a pair.
    #[error("the header block ends early")]
    Truncated,

    /// A dictionary other than that of SPDY/3.1.
    #[error("the header stream wants the unknown dictionary {id:#010x}")]
    UnknownDictionary {
        /// Its Adler-32.
        id: u32,
    },

    /// A name that is not lower case.
    #[error("the header block has a name with upper-case letters")]
    UpperCase,
}

impl HeaderDecoder {
    /// The decoder of a new session.
    pub fn new() -> Self {
        Self {
            inflater: Decompress::new(true),
            failed: None,
        }
    }

    /// Reads the next block. A name with several values, which a NUL separates, gives one pair for each.
    ///
    /// # Errors
    ///
    /// What is wrong with the block, from then on at every call.
    pub fn decode(&mut self, block: &[u8]) -> Result<Vec<(String, String)>, HeaderError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let pairs = self.inflate(block).and_then(|plain| parse(&plain));
        pairs.inspect_err(|&error| self.failed = Some(error))
    }

    fn inflate(&mut self, block: &[u8]) -> Result<Vec<u8>, HeaderError> {
        if !block.ends_with(&FLUSH) {
            return Err(HeaderError::NotFlushed);
        }
        let start = self.inflater.total_in();
        let mut plain = Vec::new();
        let mut room = [0; 1024];
        loop {
            let taken = (self.inflater.total_in() - start) as usize;
            let before = self.inflater.total_out();
            let status = match self
                .inflater
                .decompress(&block[taken..], &mut room, FlushDecompress::Sync)
            {
                Ok(status) => status,
                Err(error) => match error.needs_dictionary() {
                    Some(dictionary::ID) => {
                        self.inflater
                            .set_dictionary(&dictionary::DICTIONARY)
                            .map_err(|_| HeaderError::Deflate)?;
                        continue;
                    }
                    Some(id) => return Err(HeaderError::UnknownDictionary { id }),
                    None => return Err(HeaderError::Deflate),
                },
            };
            let given = (self.inflater.total_out() - before) as usize;
            plain.extend_from_slice(&room[..given]);
            if plain.len() > MAX_HEADER_BLOCK {
                return Err(HeaderError::TooLong);
            }
            if status == Status::StreamEnd {
                return Err(HeaderError::Ended);
            }
            if given < room.len() {
                let taken = (self.inflater.total_in() - start) as usize;
                return if taken == block.len() {
                    Ok(plain)
                } else {
                    Err(HeaderError::Deflate)
                };
            }
        }
    }
}

impl Default for HeaderDecoder {
    fn default() -> Self {
        Self::new()
    }
}

fn parse(mut plain: &[u8]) -> Result<Vec<(String, String)>, HeaderError> {
    let count = number(&mut plain)?;
    if count as usize > MAX_HEADERS {
        return Err(HeaderError::TooMany { count });
    }
    let mut pairs: Vec<(String, String)> = Vec::new();
    for _ in 0..count {
        let name = text(&mut plain)?;
        let value = text(&mut plain)?;
        if name.is_empty() {
            return Err(HeaderError::EmptyName);
        }
        if name.chars().any(char::is_uppercase) {
            return Err(HeaderError::UpperCase);
        }
        if REFUSED_NAMES.contains(&name) {
            return Err(HeaderError::RefusedName);
        }
        if pairs.iter().any(|(known, _)| known == name) {
            return Err(HeaderError::DuplicateName);
        }
        pairs.extend(value.split('\0').map(|value| (name.to_owned(), value.to_owned())));
    }
    if !plain.is_empty() {
        return Err(HeaderError::Trailing);
    }
    Ok(pairs)
}

fn text<'a>(plain: &mut &'a [u8]) -> Result<&'a str, HeaderError> {
    let length = number(plain)? as usize;
    let (text, rest) = plain.split_at_checked(length).ok_or(HeaderError::Truncated)?;
    *plain = rest;
    str::from_utf8(text).map_err(|_| HeaderError::NotText)
}

fn number(plain: &mut &[u8]) -> Result<u32, HeaderError> {
    let (number, rest) = plain.split_first_chunk().ok_or(HeaderError::Truncated)?;
    *plain = rest;
    Ok(u32::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]

    use flate2::{Compress, Compression, FlushCompress};

    use super::*;

    /// Compresses like a Go client: one stream with the preset dictionary, flushed after each block.
    struct Deflater(Compress);

    impl Deflater {
        fn new() -> Self {
            Self::with_dictionary(&dictionary::DICTIONARY)
        }

        fn with_dictionary(dictionary: &[u8]) -> Self {
            let mut compress = Compress::new(Compression::best(), true);
            compress.set_dictionary(dictionary).unwrap();
            Self(compress)
        }

        fn block(&mut self, plain: &[u8]) -> Vec<u8> {
            let mut block = Vec::with_capacity(plain.len() + 1024);
            self.0
                .compress_vec(plain, &mut block, FlushCompress::Sync)
                .unwrap();
            block
        }
    }

    fn plain(pairs: &[(&str, &str)]) -> Vec<u8> {
        let mut plain = (pairs.len() as u32).to_be_bytes().to_vec();
        for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
            plain.extend((text.len() as u32).to_be_bytes());
            plain.extend(text.as_bytes());
        }
        plain
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    fn refused(plain: &[u8]) -> HeaderError {
        let mut decoder = HeaderDecoder::new();
        let error = decoder.decode(&Deflater::new().block(plain)).unwrap_err();
        assert_eq!(decoder.decode(&[]), Err(error), "an error stays");
        error
    }

    #[test]
    fn blocks_of_a_session_are_read_in_order() {
        let (mut deflater, mut decoder) = (Deflater::new(), HeaderDecoder::new());
        for id in 0..100 {
            let id = id.to_string();
            let pairs = [("streamtype", "data"), ("port", "80"), ("requestid", &*id)];
            assert_eq!(decoder.decode(&deflater.block(&plain(&pairs))), Ok(owned(&pairs)));
        }
    }

    #[test]
    fn a_stream_with_no_dictionary_is_read() {
        let mut decoder = HeaderDecoder::new();
        let block = [0x78, 0x01, 0, 4, 0, 0xfb, 0xff, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
        assert_eq!(decoder.decode(&block), Ok(vec![]));
        assert_eq!(decoder.decode(&block[2..]), Ok(vec![]));
    }

    #[test]
    fn several_values_are_several_pairs() {
        let mut decoder = HeaderDecoder::new();
        let block = Deflater::new().block(&plain(&[("x", "1\u{0}2\u{0}"), ("y", "")]));
        assert_eq!(
            decoder.decode(&block),
            Ok(owned(&[("x", "1"), ("x", "2"), ("x", ""), ("y", "")]))
        );
    }

    #[test]
    fn another_dictionary_is_refused() {
        let block = Deflater::with_dictionary(b"abc").block(&plain(&[]));
        let error = HeaderDecoder::new().decode(&block).unwrap_err();
        assert_eq!(error, HeaderError::UnknownDictionary { id: 0x024d_0127 });
    }

    #[test]
    fn a_block_that_inflates_beyond_the_bound_is_refused() {
        let bomb = vec![0; 100 * MAX_HEADER_BLOCK];
        assert_eq!(refused(&bomb), HeaderError::TooLong);
        let value = "x".repeat(MAX_HEADER_BLOCK - 4 - 9);
        let largest = plain(&[("x", &value)]);
        assert_eq!(largest.len(), MAX_HEADER_BLOCK);
        assert_eq!(
            HeaderDecoder::new()
                .decode(&Deflater::new().block(&largest))
                .unwrap()
                .len(),
            1
        );
    }

    #[test]
    fn claims_without_bytes_are_refused() {
        assert_eq!(refused(&[]), HeaderError::Truncated);
        assert_eq!(refused(&[0xff; 4]), HeaderError::TooMany { count: u32::MAX });
        assert_eq!(refused(&[0, 0, 0, 1]), HeaderError::Truncated);
        assert_eq!(
            refused(&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]),
            HeaderError::Truncated
        );
        assert_eq!(refused(&[0, 0, 0, 0, 0]), HeaderError::Trailing);
    }

    #[test]
    fn names_that_spdystream_refuses_are_refused() {
        assert_eq!(refused(&plain(&[("Port", "80")])), HeaderError::UpperCase);
        assert_eq!(refused(&plain(&[("host", "a")])), HeaderError::RefusedName);
        assert_eq!(
            refused(&plain(&[("x", "a"), ("x", "b")])),
            HeaderError::DuplicateName
        );
        assert_eq!(refused(&plain(&[("", "a")])), HeaderError::EmptyName);
        assert_eq!(refused(b"\0\0\0\x01\0\0\0\x01\xff\0\0\0\0"), HeaderError::NotText);
    }

    #[test]
    fn a_block_ends_with_a_flush_and_nothing_more() {
        let mut decoder = HeaderDecoder::new();
        let block = Deflater::new().block(&plain(&[]));
        assert_eq!(
            decoder.decode(&block[..block.len() - 1]),
            Err(HeaderError::NotFlushed)
        );

        let mut finished = Vec::with_capacity(100);
        Compress::new(Compression::best(), true)
            .compress_vec(&[0; 4], &mut finished, FlushCompress::Finish)
            .unwrap();
        finished.extend(FLUSH);
        assert_eq!(HeaderDecoder::new().decode(&finished), Err(HeaderError::Ended));
        assert_eq!(
            HeaderDecoder::new().decode(&[0x12, 0x34, 0, 0, 0xff, 0xff]),
            Err(HeaderError::Deflate)
        );
    }
}
