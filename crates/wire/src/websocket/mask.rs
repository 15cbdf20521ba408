//! Masking: each byte of a client's payload is combined with one byte of a key of four (RFC 6455 5.3).

use bytes::BytesMut;

/// Bytes worked on at once. A fixed array of this size compiles to vector instructions without unsafe code.
const CHUNK: usize = 32;

/// Bytes copied before they are masked, so that the second pass finds them in the innermost cache. A multiple of
/// four: each block begins at the same byte of the key.
const BLOCK: usize = 8 * 1024;

/// Masks, or unmasks, in place. `offset` is the place of `payload` in its frame, in bytes.
pub fn mask(payload: &mut [u8], key: [u8; 4], offset: usize) {
    let pattern: [u8; CHUNK] = std::array::from_fn(|i| key[offset.wrapping_add(i) % 4]);
    let (chunks, rest) = payload.as_chunks_mut::<CHUNK>();
    for chunk in chunks {
        for (byte, key) in chunk.iter_mut().zip(pattern) {
            *byte ^= key;
        }
    }
    for (byte, key) in rest.iter_mut().zip(pattern) {
        *byte ^= key;
    }
}

/// Appends `payload` to `out`, masked. `offset` is the place of `payload` in its frame, in bytes.
pub fn mask_into(out: &mut BytesMut, payload: &[u8], key: [u8; 4], offset: usize) {
    out.reserve(payload.len());
    for block in payload.chunks(BLOCK) {
        let start = out.len();
        out.extend_from_slice(block);
        mask(&mut out[start..], key, offset);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition of RFC 6455 5.3, byte by byte.
    fn masked(payload: &[u8], key: [u8; 4], offset: usize) -> Vec<u8> {
        payload
            .iter()
            .enumerate()
            .map(|(i, byte)| byte ^ key[(i + offset) % 4])
            .collect()
    }

    #[test]
    fn the_masked_hello_of_rfc_6455_section_5_7() {
        let mut payload = *b"Hello";
        mask(&mut payload, [0x37, 0xfa, 0x21, 0x3d], 0);
        assert_eq!(payload, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    #[test]
    fn mask_into_masks_every_block_alike() {
        let payload: Vec<u8> = (0..3 * BLOCK + 5).map(|i| i as u8).collect();
        let mut out = BytesMut::from(&b"head"[..]);
        mask_into(&mut out, &payload, [1, 2, 3, 4], 3);
        assert_eq!(&out[..4], b"head");
        assert_eq!(&out[4..], masked(&payload, [1, 2, 3, 4], 3));
    }

    proptest! {
        #[test]
        fn masking_is_the_definition_at_any_offset(
            payload in proptest::collection::vec(any::<u8>(), 0..200),
            key: [u8; 4],
            offset in 0usize..1000,
        ) {
            let mut fast = payload.clone();
            mask(&mut fast, key, offset);
            prop_assert_eq!(&fast, &masked(&payload, key, offset));
            mask(&mut fast, key, offset);
            prop_assert_eq!(fast, payload);
        }

        #[test]
        fn masking_in_two_parts_is_masking_at_once(
            payload in proptest::collection::vec(any::<u8>(), 0..200),
            key: [u8; 4],
            cut: proptest::sample::Index,
        ) {
            let cut = cut.index(payload.len() + 1);
            let mut parts = payload.clone();
            let (front, back) = parts.split_at_mut(cut);
            mask(front, key, 0);
            mask(back, key, cut);
            prop_assert_eq!(parts, masked(&payload, key, 0));
        }
    }
}
