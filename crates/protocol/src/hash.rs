//! Content hashes: what a score is bound to.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// SHA-256 of some content, shown as 64 lower-case hexadecimal digits.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct ContentHash(Box<str>);

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a content hash: expected 64 hexadecimal digits")]
pub struct NotAHash(String);

impl ContentHash {
    /// Hash of one byte string.
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_parts([bytes])
    }

    /// Hash of several byte strings, each preceded by its length, so that
    /// moving a byte across a boundary changes the result.
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        Self::from_digest(&digest.finalize())
    }

    /// Plain SHA-256 of everything a reader gives, of any length.
    pub fn of_stream(mut stream: impl std::io::Read) -> std::io::Result<Self> {
        let mut digest = Sha256::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match stream.read(&mut buffer)? {
                0 => return Ok(Self::from_digest(&digest.finalize())),
                read => digest.update(&buffer[..read]),
            }
        }
    }

    fn from_digest(digest: &[u8]) -> Self {
        use fmt::Write as _;
        let mut text = String::with_capacity(64);
        for byte in digest {
            // Writing to a String can't fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text.into())
    }

    /// The 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits: enough to tell hashes apart in a table.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ContentHash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        let valid = text.len() == 64
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if valid {
            Ok(Self(text.into()))
        } else {
            Err(NotAHash(text.to_owned()))
        }
    }
}

impl TryFrom<String> for ContentHash {
    type Error = NotAHash;

    fn try_from(text: String) -> Result<Self, NotAHash> {
        text.parse()
    }
}

impl From<ContentHash> for String {
    fn from(hash: ContentHash) -> Self {
        hash.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_matter() {
        let joined = ContentHash::of_parts([b"ab".as_slice(), b"c"]);
        let shifted = ContentHash::of_parts([b"a".as_slice(), b"bc"]);
        assert_ne!(joined, shifted);
    }

    #[test]
    fn only_sixty_four_digits_parse() {
        let hash = ContentHash::of(b"x");
        assert_eq!(hash.as_str().parse::<ContentHash>().unwrap(), hash);
        for bad in ["", "abc", &"g".repeat(64), &"A".repeat(64)] {
            assert!(bad.parse::<ContentHash>().is_err(), "{bad}");
        }
    }
}
