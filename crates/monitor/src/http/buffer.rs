use super::lost::Lost;

/// Least that is allocated, in bytes.
const LEAST: usize = 1024;

/// Appends `piece` to `buffer`, whose allocation stays within `most` bytes and within `room`.
pub(super) fn append(buffer: &mut Vec<u8>, piece: &[u8], most: usize, room: usize) -> Result<(), Lost> {
    let wanted = buffer.len() + piece.len();
    if wanted > buffer.capacity() {
        let wanted = wanted
            .next_power_of_two()
            .max(LEAST.min(most))
            .min(most)
            .max(wanted);
        if wanted > room.min(most) {
            return Err(Lost);
        }
        buffer.reserve_exact(wanted - buffer.len());
    }
    buffer.extend_from_slice(piece);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_stays_within_its_bounds() {
        let mut buffer = Vec::new();
        assert_eq!(append(&mut buffer, &[0; 10], 3000, 1023), Err(Lost));
        assert_eq!(append(&mut buffer, &[0; 10], 3000, 1024), Ok(()));
        assert_eq!(buffer.capacity(), 1024);
        assert_eq!(append(&mut buffer, &[0; 2990], 3000, 4000), Ok(()));
        assert_eq!((buffer.len(), buffer.capacity()), (3000, 3000));
        assert_eq!(append(&mut buffer, &[0], 3000, 4000), Err(Lost));
    }
}
