//! The bytes that connections carry: each tells its stream and its place, so that none can be lost, doubled or mixed up.

/// The byte at `offset` of the stream `key`.
pub(crate) fn byte(key: u64, offset: u64) -> u8 {
    let place = offset.wrapping_mul(31) + (offset >> 8).wrapping_mul(17) + (offset >> 16).wrapping_mul(7);
    (place.wrapping_add(key.wrapping_mul(101)) & 0xff) as u8
}

/// The bytes of the stream `key` from `offset` on.
pub(crate) fn bytes(key: u64, offset: u64, length: usize) -> Vec<u8> {
    (offset..offset + length as u64).map(|at| byte(key, at)).collect()
}

/// Whether `found` is what the stream `key` has from `offset` on; the place of the first byte that is not, else.
pub(crate) fn check(key: u64, offset: u64, found: &[u8]) -> Result<(), u64> {
    match (offset..).zip(found).find(|&(at, &found)| byte(key, at) != found) {
        Some((at, _)) => Err(at),
        None => Ok(()),
    }
}

/// The stream that the app of a connection sends.
pub(crate) fn upstream(connection: usize) -> u64 {
    2 * connection as u64
}

/// The stream that the pod of a connection sends, unless it sends back what it gets.
pub(crate) fn downstream(connection: usize) -> u64 {
    2 * connection as u64 + 1
}
