//! What a candidate is compared with others by, small enough for the log.
//!
//! Texts are compared by their shingles, runs of tokens, as in A. Broder, "On
//! the resemblance and containment of documents" (SEQUENCES 1997): a text
//! keeps the smallest hashes of its shingles, and of two texts the smallest of
//! the union that both have estimate the resemblance, the Jaccard index of
//! their sets. It is exact for texts with at most [`KEPT`] shingles.

use std::collections::BTreeMap;

use protocol::ContentHash;
use serde::{Deserialize, Serialize};

use super::tokens::{Token, tokens, value};

/// Tokens of one shingle.
const SHINGLE: usize = 5;
/// Hashes that are kept of a text.
pub const KEPT: usize = 256;
/// Most numbers of a text that are compared one by one.
const MAX_NUMBERS: usize = 512;

/// The sketch of a candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sketch {
    /// Hash of what is left when layout, comments and defaults don't count.
    pub canonical: ContentHash,
    /// Hash of its tokens where all numbers are the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shape: Option<u64>,
    /// Smallest hashes of the shingles of its files, in ascending order.
    /// Literal numbers are all the same in them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    shingles: Vec<u32>,
    /// Its literal numbers in order; absent where there are too many, or where
    /// one isn't plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    numbers: Option<Vec<f64>>,
}

/// How alike two texts are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Likeness {
    /// Estimate of the resemblance, 0 to 1, numbers not looked at.
    pub resemblance: f64,
    /// Whether they differ in numbers, layout and comments only.
    pub same_shape: bool,
    /// Largest relative difference between numbers in the same place; absent
    /// where they can't be compared one by one.
    pub numbers: Option<f64>,
}

impl Sketch {
    /// Of a candidate without files of its own, from its canonical form.
    pub fn of_point(canonical: ContentHash) -> Self {
        Self {
            canonical,
            shape: None,
            shingles: Vec::new(),
            numbers: None,
        }
    }

    /// Of a candidate's own files, text by name.
    pub fn of_files(files: &BTreeMap<String, String>) -> Self {
        let mut parts: Vec<&[u8]> = Vec::new();
        let mut shape = 0;
        let mut shingles = Vec::new();
        let mut numbers = Some(Vec::new());
        for (name, text) in files {
            let found = tokens(name, text);
            parts.push(b"file");
            parts.push(name.as_bytes());
            parts.extend(found.iter().map(|token| token.text.as_bytes()));
            let words = words(&found);
            shape = words
                .iter()
                .fold(mix(shape ^ fnv(name)), |sum, word| mix(sum ^ word));
            shingles.extend(hashes(&words));
            for token in found.into_iter().filter(|token| token.number) {
                numbers = numbers.take().zip(value(token)).map(|(mut list, number)| {
                    list.push(number);
                    list
                });
            }
        }
        shingles.sort_unstable();
        shingles.dedup();
        shingles.truncate(KEPT);
        Self {
            canonical: ContentHash::of_parts(parts),
            shape: Some(shape),
            shingles,
            numbers: numbers.filter(|list| list.len() <= MAX_NUMBERS),
        }
    }

    /// How alike the files of two candidates are; none unless both have some.
    pub fn likeness(&self, other: &Self) -> Option<Likeness> {
        if self.shingles.is_empty() || other.shingles.is_empty() {
            return None;
        }
        let numbers = self.numbers.as_ref().zip(other.numbers.as_ref());
        let numbers = numbers.filter(|(a, b)| a.len() == b.len()).map(|(a, b)| {
            let pairs = a.iter().zip(b);
            pairs.map(|(a, b)| apart(*a, *b)).fold(0.0, f64::max)
        });
        Some(Likeness {
            resemblance: resemblance(&self.shingles, &other.shingles),
            same_shape: self.shape == other.shape,
            numbers,
        })
    }
}

/// Difference of two numbers in parts of the larger one.
fn apart(a: f64, b: f64) -> f64 {
    let size = a.abs().max(b.abs());
    if size == 0.0 {
        return 0.0;
    }
    (a - b).abs() / size
}

/// Of the smallest hashes of both texts together, the part that both have.
fn resemblance(a: &[u32], b: &[u32]) -> f64 {
    let (mut at_a, mut at_b, mut seen, mut common) = (0, 0, 0, 0);
    while seen < KEPT && (at_a < a.len() || at_b < b.len()) {
        match (a.get(at_a), b.get(at_b)) {
            (Some(x), Some(y)) if x == y => {
                common += 1;
                at_a += 1;
                at_b += 1;
            }
            (Some(x), Some(y)) if x < y => at_a += 1,
            (Some(_), None) => at_a += 1,
            _ => at_b += 1,
        }
        seen += 1;
    }
    f64::from(common) / seen.max(1) as f64
}

/// Hashes of the tokens, all numbers being the same.
fn words(tokens: &[Token<'_>]) -> Vec<u64> {
    tokens
        .iter()
        .map(|token| fnv(if token.number { "0" } else { token.text }))
        .collect()
}

/// Hashes of all shingles of a text.
fn hashes(words: &[u64]) -> Vec<u32> {
    if words.is_empty() {
        return Vec::new();
    }
    let of = |run: &[u64]| {
        let mixed = run.iter().fold(0, |sum, word| mix(sum ^ word));
        (mixed >> 32) as u32
    };
    // A text of fewer tokens is one shingle.
    let size = SHINGLE.min(words.len());
    words.windows(size).map(of).collect()
}

/// FNV-1a of 64 bits (draft-eastlake-fnv).
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The finaliser of `SplitMix64` (Steele, Lea, Flood, OOPSLA 2014): every bit
/// depends on every bit, so that the smallest hashes are a random sample.
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketch(text: &str) -> Sketch {
        Sketch::of_files(&BTreeMap::from([("k.cpp".to_owned(), text.to_owned())]))
    }

    #[test]
    fn resemblance_is_the_jaccard_index_of_small_sets() {
        // Four shingles each, of which three are common: 3 / 5.
        let a = sketch("a b c d e f g h");
        let b = sketch("b c d e f g h i");
        let likeness = a.likeness(&b).expect("both have files");
        assert!((likeness.resemblance - 0.6).abs() < 1e-12);
        assert_eq!(likeness.numbers, Some(0.0));
    }

    #[test]
    fn a_sample_of_a_large_set_estimates_it() {
        let text = |from: usize| {
            let words = (from..from + 3000).map(|n| format!("w{n}"));
            words.collect::<Vec<_>>().join(" ")
        };
        // 2000 of 4000 shingles are common, less those over the edge; the
        // standard error of the estimate is sqrt(0.25 / 256) = 0.03.
        let likeness = sketch(&text(0)).likeness(&sketch(&text(1000)));
        let found = likeness.expect("both have files").resemblance;
        assert!((found - 0.5).abs() < 0.1, "{found}");
    }

    #[test]
    fn numbers_are_compared_in_their_places() {
        let likeness = sketch("f(8, 64u)").likeness(&sketch("f(8, 65u)"));
        let found = likeness.expect("both have files");
        assert!((found.resemblance - 1.0).abs() < 1e-12);
        assert!((found.numbers.expect("as many") - 1.0 / 65.0).abs() < 1e-12);
        let more = sketch("f(8, 64u)").likeness(&sketch("f(8, 64u, 1)"));
        assert_eq!(more.expect("both have files").numbers, None);
    }
}
