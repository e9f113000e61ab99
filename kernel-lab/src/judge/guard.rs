//! Guard bands: bytes around every buffer that must not change.

use crate::inputs::Key;

/// Fills a band with a pattern that only the seed tells; `band` says which one it is,
/// so that no two bands of a run are alike.
pub fn fill(seed: u64, band: u64, bytes: &mut [u8]) {
    Key::new(seed, band).fill_bytes(bytes);
}

/// Offset of the first byte that no longer holds the pattern, or `None`.
pub fn first_broken(seed: u64, band: u64, bytes: &[u8]) -> Option<usize> {
    broken(seed, band, bytes).next()
}

/// Offset of the last byte that no longer holds the pattern, or `None`: for a band
/// before a buffer, that is the one nearest to the buffer.
pub fn last_broken(seed: u64, band: u64, bytes: &[u8]) -> Option<usize> {
    broken(seed, band, bytes).last()
}

fn broken(seed: u64, band: u64, bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let mut pattern = vec![0; bytes.len()];
    fill(seed, band, &mut pattern);
    let differs = move |(offset, byte): (usize, &u8)| (*byte != pattern[offset]).then_some(offset);
    bytes.iter().enumerate().filter_map(differs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_last_changed_bytes_are_found() {
        let mut band = vec![0; 4099];
        fill(7, 1, &mut band);
        assert_eq!(first_broken(7, 1, &band), None);
        assert!(first_broken(7, 2, &band).is_some());
        assert!(first_broken(8, 1, &band).is_some());
        band[100] ^= 1;
        band[4098] ^= 128;
        assert_eq!(first_broken(7, 1, &band), Some(100));
        assert_eq!(last_broken(7, 1, &band), Some(4098));
    }
}
