/// The preset dictionary of header blocks (SPDY/3.1 2.6.10.1): common words as they stand in a block, each behind
/// its length, then text without lengths.
pub(super) const DICTIONARY: [u8; LENGTH] = build();

/// How a zlib stream names that dictionary (RFC 1950 2.2: the Adler-32 of it).
pub(super) const ID: u32 = 0xe3c6_a7c2;

const LENGTH: usize = 1423;

const WORDS: &[&str] = &[
    "options",
    "head",
    "post",
    "put",
    "delete",
    "trace",
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "age",
    "allow",
    "authorization",
    "cache-control",
    "connection",
    "content-base",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-md5",
    "content-range",
    "content-type",
    "date",
    "etag",
    "expect",
    "expires",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "location",
    "max-forwards",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "referer",
    "retry-after",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "warning",
    "www-authenticate",
    "method",
    "get",
    "status",
    "200 OK",
    "version",
    "HTTP/1.1",
    "url",
    "public",
    "set-cookie",
    "keep-alive",
    "origin",
];

const TEXT: &str = concat!(
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505",
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Una",
    "uthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service",
    " UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, ",
    "Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,applicat",
    "ion/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf",
    "-8charset=iso-8859-1,utf-,*,enq=0.",
);

const fn build() -> [u8; LENGTH] {
    let mut dictionary = [0; LENGTH];
    let mut filled = 0;
    let mut word = 0;
    while word < WORDS.len() {
        let length = WORDS[word].len();
        filled = copy(&(length as u32).to_be_bytes(), &mut dictionary, filled);
        filled = copy(WORDS[word].as_bytes(), &mut dictionary, filled);
        word += 1;
    }
    filled = copy(TEXT.as_bytes(), &mut dictionary, filled);
    assert!(filled == LENGTH);
    dictionary
}

/// Copies `from` to that place and gives the place behind it.
const fn copy(from: &[u8], to: &mut [u8; LENGTH], place: usize) -> usize {
    let mut index = 0;
    while index < from.len() {
        to[place + index] = from[index];
        index += 1;
    }
    place + from.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_checksum_that_streams_name_it_by() {
        let (mut low, mut high) = (1_u32, 0_u32);
        for byte in DICTIONARY {
            low = (low + u32::from(byte)) % 65521;
            high = (high + low) % 65521;
        }
        assert_eq!(high << 16 | low, ID);
    }

    #[test]
    fn begins_and_ends_like_the_specification() {
        assert!(DICTIONARY.starts_with(b"\0\0\0\x07options\0\0\0\x04head"));
        assert!(DICTIONARY.ends_with(b",*,enq=0."));
    }
}
