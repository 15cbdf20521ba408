use super::super::super::lost::Lost;
use super::huffman;
use super::table::Table;

/// RFC 7541, Appendix A.
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// Octets of the longest integer (RFC 7541, 5.1): enough for 28 bits and a prefix.
const INTEGER: usize = 5;

/// The header blocks of one direction.
#[derive(Debug)]
pub(in super::super) struct Decoder {
    table: Table,
    /// Whether the value of a header of this name is kept.
    keeps: fn(&[u8]) -> bool,
}

impl Decoder {
    /// A decoder that keeps the values of the headers whose names are such.
    pub(in super::super) fn new(keeps: fn(&[u8]) -> bool) -> Self {
        Self {
            table: Table::new(),
            keeps,
        }
    }

    /// The reader of this direction allows a table of this size.
    pub(in super::super) fn allow(&mut self, size: usize) {
        self.table.allow(size);
    }

    /// Bytes on the heap.
    pub(in super::super) fn kept(&self) -> usize {
        self.table.kept()
    }

    /// Hands every header of a whole block to `take`, with its value if that is kept.
    pub(in super::super) fn decode(
        &mut self,
        mut block: &[u8],
        mut take: impl FnMut(&[u8], Option<&[u8]>),
    ) -> Result<(), Lost> {
        let (mut name, mut value) = (Vec::new(), Vec::new());
        let mut has_begun = false;
        while let Some(&first) = block.first() {
            // RFC 7541, 6.
            match first {
                0x80.. => {
                    let index = integer(&mut block, 7)?;
                    let (name, value) = self.entry(index)?;
                    take(name, value);
                }
                0x20..0x40 => {
                    let limit = integer(&mut block, 5)?;
                    if has_begun {
                        return Err(Lost);
                    }
                    self.table.limit(limit)?;
                    continue;
                }
                _ => {
                    let is_indexed = first & 0x40 != 0;
                    let index = integer(&mut block, if is_indexed { 6 } else { 4 })?;
                    name.clear();
                    if index == 0 {
                        string(&mut block, &mut name)?;
                    } else {
                        name.extend_from_slice(self.entry(index)?.0);
                    }
                    value.clear();
                    string(&mut block, &mut value)?;
                    let kept = (self.keeps)(&name).then_some(&*value);
                    take(&name, kept);
                    if is_indexed {
                        self.table.add(&name, kept, value.len())?;
                    }
                }
            }
            has_begun = true;
        }
        Ok(())
    }

    fn entry(&self, index: usize) -> Result<(&[u8], Option<&[u8]>), Lost> {
        let index = index.checked_sub(1).ok_or(Lost)?;
        match STATIC.get(index) {
            Some((name, value)) => Ok((name.as_bytes(), Some(value.as_bytes()))),
            None => self.table.entry(index - STATIC.len()).ok_or(Lost),
        }
    }
}

/// Takes an integer whose first octet has `prefix` bits for it (RFC 7541, 5.1).
fn integer(block: &mut &[u8], prefix: u32) -> Result<usize, Lost> {
    let (&first, mut rest) = block.split_first().ok_or(Lost)?;
    let mask = (1_usize << prefix) - 1;
    let mut value = usize::from(first) & mask;
    if value == mask {
        let mut shift = 0;
        loop {
            let (&octet, behind) = rest.split_first().ok_or(Lost)?;
            rest = behind;
            value += usize::from(octet & 0x7f) << shift;
            if octet & 0x80 == 0 {
                break;
            }
            shift += 7;
            if shift == 7 * (INTEGER - 1) {
                return Err(Lost);
            }
        }
    }
    *block = rest;
    Ok(value)
}

/// Takes a string (RFC 7541, 5.2).
fn string(block: &mut &[u8], text: &mut Vec<u8>) -> Result<(), Lost> {
    let is_coded = block.first().is_some_and(|first| first & 0x80 != 0);
    let length = integer(block, 7)?;
    let (string, rest) = block.split_at_checked(length).ok_or(Lost)?;
    *block = rest;
    if is_coded {
        huffman::decode(string, text)
    } else {
        text.extend_from_slice(string);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

    use proptest::prelude::*;

    use super::*;

    /// Names and values, as text.
    fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<(String, Option<String>)>, Lost> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut headers = Vec::new();
        decoder.decode(block, |name, value| headers.push((text(name), value.map(text))))?;
        Ok(headers)
    }

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text
            .chars()
            .filter_map(|digit| digit.to_digit(16))
            .map(|digit| digit as u8)
            .collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    fn joined(headers: &[(String, Option<String>)]) -> String {
        let lines: Vec<String> = headers
            .iter()
            .map(|(name, value)| format!("{name}={}", value.as_deref().unwrap_or("-")))
            .collect();
        lines.join("|")
    }

    #[test]
    fn examples_of_the_rfc_are_read() {
        // RFC 7541, C.4: three requests on one connection.
        let mut decoder = Decoder::new(|_| true);
        for (block, headers) in [
            (
                "828684418cf1e3c2e5f23a6ba0ab90f4ff",
                ":method=GET|:scheme=http|:path=/|:authority=www.example.com",
            ),
            (
                "828684be5886a8eb10649cbf",
                ":method=GET|:scheme=http|:path=/|:authority=www.example.com|cache-control=no-cache",
            ),
            (
                "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
                ":method=GET|:scheme=https|:path=/index.html|:authority=www.example.com|custom-key=custom-value",
            ),
        ] {
            assert_eq!(joined(&decode(&mut decoder, &hex(block)).unwrap()), headers);
        }
    }

    #[test]
    fn entries_are_evicted_as_in_the_rfc() {
        // RFC 7541, C.6: a table of 256 bytes.
        let mut decoder = Decoder::new(|_| true);
        decoder.table.limit(256).unwrap();
        let first = "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad1718\
                     63c78f0b97c8e9ae82ae43d3";
        let second = "4883640effc1c0bf";
        let third = "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7\
                     b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007";
        let location = "location=https://www.example.com";
        for (block, headers) in [
            (
                first,
                format!(":status=302|cache-control=private|date=Mon, 21 Oct 2013 20:13:21 GMT|{location}"),
            ),
            (
                second,
                format!(":status=307|cache-control=private|date=Mon, 21 Oct 2013 20:13:21 GMT|{location}"),
            ),
            (
                third,
                format!(
                    ":status=200|cache-control=private|date=Mon, 21 Oct 2013 20:13:22 GMT|{location}|\
                     content-encoding=gzip|set-cookie=foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"
                ),
            ),
        ] {
            assert_eq!(joined(&decode(&mut decoder, &hex(block)).unwrap()), headers);
        }
    }

    #[test]
    fn values_that_are_not_kept_count_all_the_same() {
        let mut decoder = Decoder::new(|name| name == b"b");
        // a: secret, b: shown; then both by index.
        let block = b"\x40\x01a\x06secret\x40\x01b\x05shown\xbf\xbe";
        assert_eq!(
            joined(&decode(&mut decoder, block).unwrap()),
            "a=-|b=shown|a=-|b=shown"
        );
        assert_eq!(decoder.table.entry(0), Some((&b"b"[..], Some(&b"shown"[..]))));
        // 39 + 38 bytes: one less, and the oldest is gone.
        assert_eq!(joined(&decode(&mut decoder, b"\x3f\x2e\xbf").unwrap()), "a=-");
        assert_eq!(decode(&mut decoder, b"\x3f\x2d\xbf"), Err(Lost));
    }

    #[test]
    fn the_table_is_as_large_as_was_allowed() {
        let mut decoder = Decoder::new(|_| true);
        // 4096, then 4097.
        assert_eq!(decode(&mut decoder, b"\x3f\xe1\x1f"), Ok(Vec::new()));
        assert_eq!(decode(&mut decoder, b"\x3f\xe2\x1f"), Err(Lost));
        decoder.allow(4097);
        assert_eq!(decode(&mut decoder, b"\x3f\xe2\x1f"), Ok(Vec::new()));
        // Only at the beginning of a block.
        assert_eq!(decode(&mut decoder, b"\x82\x20"), Err(Lost));
    }

    #[test]
    fn nonsense_is_refused() {
        for block in [
            &b"\x80"[..],
            b"\xbe",
            b"\xff\xff\xff\xff\xff\x7f",
            b"\x40\x05ab",
            b"\x40",
            b"\x40\x01a",
            b"\xff\x80\x80\x80\x80\x00",
        ] {
            assert_eq!(decode(&mut Decoder::new(|_| true), block), Err(Lost), "{block:?}");
        }
    }

    #[test]
    fn a_table_that_was_made_large_stays_small_here() {
        let mut decoder = Decoder::new(|_| true);
        decoder.allow(1 << 20);
        decode(&mut decoder, b"\x3f\xe1\xff\x3f").unwrap();
        let header = b"\x40\x01a\x64"
            .iter()
            .copied()
            .chain([b'x'; 100])
            .collect::<Vec<u8>>();
        let refused = (0..100).find(|_| decode(&mut decoder, &header).is_err());
        assert_eq!(refused, Some(40));
        assert!(decoder.kept() <= 8 * 1024, "{}", decoder.kept());
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_as_loona_reads_it(blocks: Vec<Vec<u8>>) {
            let mut decoder = Decoder::new(|_| true);
            let mut loona = loona_hpack::Decoder::new();
            loona.set_max_allowed_table_size(4096);
            for block in &blocks {
                let mut headers = Vec::new();
                let ours = decoder.decode(block, |name, value| {
                    headers.push((name.to_vec(), value.unwrap().to_vec()));
                });
                match (ours, loona.decode(block)) {
                    (Ok(()), Ok(theirs)) => prop_assert_eq!(&headers, &theirs),
                    // Loona forbids what we allow, a block of nothing but a new size, and allows one in the middle.
                    (Ok(()), Err(loona_hpack::decoder::DecoderError::SizeUpdateAtEnd)) => {}
                    (Ok(()), Err(error)) => prop_assert!(false, "{}", error),
                    (Err(Lost), _) => return Ok(()),
                }
                prop_assert!(decoder.kept() <= 8 * 1024);
            }
        }

        #[test]
        fn what_loona_writes_is_read(
            blocks in prop::collection::vec(prop::collection::vec(("[a-c:]{1,3}", "[ -~]{0,80}"), 0..12), 0..12)
        ) {
            let mut decoder = Decoder::new(|_| true);
            let mut encoder = loona_hpack::Encoder::new();
            for headers in &blocks {
                let pairs = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
                let block = encoder.encode(pairs);
                let expected: Vec<(String, Option<String>)> = headers
                    .iter()
                    .map(|(name, value)| (name.clone(), Some(value.clone())))
                    .collect();
                prop_assert_eq!(decode(&mut decoder, &block), Ok(expected));
                prop_assert!(decoder.kept() <= 8 * 1024);
            }
        }
    }
}
