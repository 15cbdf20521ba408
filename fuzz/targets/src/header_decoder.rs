use podline_wire::spdy::{HeaderDecoder, MAX_HEADER_BLOCK};

/// Blocks are bounded when inflated, names are what spdystream takes, an error stays.
///
/// The bytes are blocks, each behind one byte that is its length.
pub fn header_decoder(mut data: &[u8]) {
    let mut decoder = HeaderDecoder::new();
    while let Some((&length, rest)) = data.split_first() {
        let (block, rest) = rest.split_at(usize::from(length).min(rest.len()));
        data = rest;
        match decoder.decode(block) {
            Ok(pairs) => {
                let length: usize = pairs
                    .iter()
                    .map(|(name, value)| name.len().min(1) + value.len())
                    .sum();
                assert!(length <= MAX_HEADER_BLOCK);
                for (name, _) in &pairs {
                    assert!(!name.is_empty());
                    assert!(!name.chars().any(char::is_uppercase));
                }
            }
            Err(error) => assert_eq!(decoder.decode(block), Err(error)),
        }
    }
}
