//! Hashes of contents, to tell whether an answer was seen before.

use std::fmt;

use serde::{Deserialize, Serialize};

/// 128 bits of BLAKE3: candidates can't aim for a collision, and it hashes at memory speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContentHash([u8; 16]);

impl ContentHash {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_parts([bytes])
    }

    /// The hash of several buffers, e.g. all outputs of a call; where one ends and the next
    /// begins counts.
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut bytes = [0; 16];
        hasher.finalize_xof().fill(&mut bytes);
        Self(bytes)
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Whether a buffer is one element of `size` bytes over and over: such an answer
/// may rightly be that to many inputs.
pub fn is_uniform(bytes: &[u8], size: usize) -> bool {
    bytes.len() < size || bytes[size..] == bytes[..bytes.len() - size]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_element_over_and_over_is_uniform() {
        let of = |values: &[f32]| {
            let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            is_uniform(&bytes, 4)
        };
        assert!(of(&[]) && of(&[1.5]) && of(&[0.0; 33]) && of(&[-2.5; 8]));
        // In the last element, in the first, and in the sign of a zero.
        assert!(!of(&[0.0, 0.0, 1.0]) && !of(&[1.0, 0.0, 0.0]) && !of(&[0.0, -0.0]));
        // Two in turn are not one.
        assert!(!of(&[1.0, 2.0, 1.0, 2.0]));
    }

    #[test]
    fn contents_and_boundaries_count() {
        assert_eq!(ContentHash::of(b"abc"), ContentHash::of(b"abc"));
        assert_ne!(ContentHash::of(b"abc"), ContentHash::of(b"abd"));
        assert_ne!(
            ContentHash::of_parts([&b"ab"[..], b"c"]),
            ContentHash::of_parts([&b"a"[..], b"bc"])
        );
        assert_eq!(ContentHash::of(b"").to_string().len(), 32);
    }
}
