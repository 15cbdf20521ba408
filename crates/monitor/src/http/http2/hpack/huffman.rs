use super::super::super::lost::Lost;

/// Bits of the code of each byte, and of the end of string (RFC 7541, Appendix B). The code is canonical: codes of one
/// length follow each other in the order of their bytes, so that the lengths say it all.
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28,
    28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6,
    6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7,
    8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7,
    15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24,
    23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23,
    23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26,
    26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20,
    21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27,
    27, 27, 26, 30,
];

const END_OF_STRING: u16 = 256;
const SHORTEST: u32 = 5;
const LONGEST: u32 = 30;

/// The code in the order of its lengths.
struct Code {
    /// Bytes (and the end of string) by the length of their code, then by themselves.
    symbols: [u16; 257],
    /// For each length, the first code that is longer than it, in the leading bits of 32.
    limits: [u64; LONGEST as usize + 1],
    /// For each length, what to add to a code of that length to find it in `symbols`.
    offsets: [i64; LONGEST as usize + 1],
}

static CODE: Code = Code::new();

impl Code {
    const fn new() -> Self {
        let mut code = Self {
            symbols: [0; 257],
            limits: [0; LONGEST as usize + 1],
            offsets: [0; LONGEST as usize + 1],
        };
        let mut length = 1;
        let mut next: u64 = 0;
        let mut placed = 0;
        while length <= LONGEST as usize {
            next <<= 1;
            code.offsets[length] = placed as i64 - next as i64;
            let mut symbol = 0;
            while symbol < LENGTHS.len() {
                if LENGTHS[symbol] as usize == length {
                    code.symbols[placed] = symbol as u16;
                    placed += 1;
                    next += 1;
                }
                symbol += 1;
            }
            code.limits[length] = next << (32 - length);
            length += 1;
        }
        code
    }

    /// The symbol at the beginning of 32 bits, and the length of its code.
    fn first(&self, bits: u32) -> (u16, u32) {
        let mut length = SHORTEST;
        // The code is complete: no bits are at or beyond the limit of the longest.
        while length < LONGEST && u64::from(bits) >= self.limits[length as usize] {
            length += 1;
        }
        let code = i64::from(bits >> (32 - length));
        let index = (code + self.offsets[length as usize]) as usize;
        (self.symbols.get(index).copied().unwrap_or(END_OF_STRING), length)
    }
}

/// Appends what `coded` says to `text`.
pub(super) fn decode(coded: &[u8], text: &mut Vec<u8>) -> Result<(), Lost> {
    let mut bits: u64 = 0;
    let mut count = 0;
    let mut rest = coded.iter();
    loop {
        while count <= LONGEST
            && let Some(byte) = rest.next()
        {
            bits = bits << 8 | u64::from(*byte);
            count += 8;
        }
        if count == 0 {
            return Ok(());
        }
        // What is missing is filled with ones, as padding is: the beginning of the end of string.
        let ahead = if count >= 32 {
            (bits >> (count - 32)) as u32
        } else {
            let ones = (1_u64 << (32 - count)) - 1;
            ((bits << (32 - count)) | ones) as u32
        };
        let (symbol, length) = CODE.first(ahead);
        if length > count {
            // Padding is shorter than a byte and all ones (RFC 7541, 5.2).
            let left = bits & ((1 << count) - 1);
            let is_padding = count < 8 && left == (1 << count) - 1;
            return if is_padding { Ok(()) } else { Err(Lost) };
        }
        if symbol == END_OF_STRING {
            return Err(Lost);
        }
        text.push(symbol as u8);
        count -= length;
    }
}

#[cfg(test)]
mod tests {
    use loona_hpack::huffman::HuffmanDecoder;
    use proptest::prelude::*;

    use super::*;

    fn text(coded: &[u8]) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        decode(coded, &mut text).ok().map(|()| text)
    }

    #[test]
    fn examples_of_the_rfc_are_read() {
        // RFC 7541, C.4.1 and C.6.1.
        let coded = [
            0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff,
        ];
        assert_eq!(text(&coded).as_deref(), Some(&b"www.example.com"[..]));
        assert_eq!(text(&[0x64, 0x02]).as_deref(), Some(&b"302"[..]));
        assert_eq!(text(&[]).as_deref(), Some(&b""[..]));
    }

    #[test]
    fn wrong_padding_and_the_end_of_string_are_refused() {
        // '0' is 00000; behind it zeros, a whole byte of ones, and the end of string.
        assert_eq!(text(&[0b0000_0111]).as_deref(), Some(&b"0"[..]));
        assert_eq!(text(&[0b0000_0000]), None);
        assert_eq!(text(&[0b0000_0111, 0xff]), None);
        assert_eq!(text(&[0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(text(&[0xff]), None);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_as_loona_reads_it(coded: Vec<u8>) {
            prop_assert_eq!(text(&coded), HuffmanDecoder::new().decode(&coded).ok());
        }
    }
}
