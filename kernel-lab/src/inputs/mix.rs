//! Position to random bits, under a key.
//!
//! `bits(position) = finalise(finalise(position ⊕ k₀) + k₁ …)`: two rounds of a 32-bit
//! finaliser (Murmur3's, then a lower-bias one) with 128 bits of key mixed in between. Any position can
//! be computed on its own, so that threads share a tensor and a value can be checked
//! later; loops over positions vectorise. It is **not cryptographic**: whoever sees enough
//! outputs and has the time can solve for the key, and from the key for the seed. Therefore a
//! seed serves one call only: it comes from the evaluation's secret by [`one_way`], and the
//! seed of the next call has nothing to do with it.

#![expect(
    clippy::inline_always,
    reason = "loops must inline into a function compiled for AVX2 to vectorise, in every profile"
)]

use crate::judge::dispatch;

/// Words per block: they stay in the first-level cache until they are used.
pub(super) const BLOCK: usize = 512;

/// The key of one stream of random bits.
#[derive(Debug, Clone, Copy)]
pub struct Key([u32; 4]);

impl Key {
    /// The key of stream `stream` under `seed`. Streams of one seed are independent.
    pub fn new(seed: u64, stream: u64) -> Self {
        // Four rounds of a 64-bit finaliser over seed and stream: every key bit
        // depends on every bit of both.
        let first = finalise64(finalise64(seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_add(stream));
        let second =
            finalise64(finalise64(stream ^ 0xd1b5_4a32_d192_ed03).wrapping_add(seed) ^ first);
        Self([
            first as u32,
            (first >> 32) as u32,
            second as u32,
            (second >> 32) as u32,
        ])
    }

    /// A key for another kind of bits at the same positions.
    #[must_use]
    pub fn derive(&self, purpose: u32) -> Self {
        let [a, b, c, d] = self.0.map(u64::from);
        Self::new((a << 32 | b) ^ u64::from(purpose), c << 32 | d)
    }

    /// 32 random bits for `position`.
    #[inline(always)]
    pub fn at(&self, position: u64) -> u32 {
        match (position >> 32) as u32 {
            0 => self.low(position as u32),
            high => self.derive(high).low(position as u32),
        }
    }

    /// Random bits for 32-bit positions.
    #[inline(always)]
    fn low(&self, position: u32) -> u32 {
        let [k0, k1, k2, k3] = self.0;
        let mut x = position ^ k0;
        x ^= x >> 16;
        x = x.wrapping_mul(0x85eb_ca6b);
        x ^= x >> 13;
        x = x.wrapping_add(k1).wrapping_mul(0xc2b2_ae35);
        x ^= x >> 16;
        x ^= k2;
        x = x.wrapping_mul(0x7feb_352d);
        x ^= x >> 15;
        x = x.wrapping_mul(0x846c_a68b);
        x ^= x >> 16;
        x.wrapping_add(k3)
    }

    /// Random bits for the positions from `start` on.
    pub fn fill_words(&self, start: u64, words: &mut [u32]) {
        let last = start + (words.len() as u64).saturating_sub(1);
        match ((start >> 32) as u32, (last >> 32) as u32) {
            (0, 0) => self.fill_low(start as u32, words),
            (high, same) if high == same => self.derive(high).fill_low(start as u32, words),
            // Across a 32-bit boundary, which is rare, one by one.
            _ => words
                .iter_mut()
                .zip(start..)
                .for_each(|(word, position)| *word = self.at(position)),
        }
    }

    fn fill_low(&self, start: u32, words: &mut [u32]) {
        dispatch(
            #[inline(always)]
            || {
                for (index, word) in words.iter_mut().enumerate() {
                    *word = self.low(start.wrapping_add(index as u32));
                }
            },
        );
    }

    /// Calls `work` with the random bits of blocks of positions `0..count`, and each block's start.
    pub fn for_blocks(&self, count: usize, mut work: impl FnMut(usize, &[u32])) {
        let mut words = [0; BLOCK];
        for start in (0..count).step_by(BLOCK) {
            let words = &mut words[..BLOCK.min(count - start)];
            self.fill_words(start as u64, words);
            work(start, words);
        }
    }

    /// Fills `bytes` with random bits.
    pub fn fill_bytes(&self, bytes: &mut [u8]) {
        self.for_blocks(bytes.len().div_ceil(4), |start, words| {
            for (chunk, word) in bytes[start * 4..].chunks_mut(4).zip(words) {
                chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
            }
        });
    }
}

/// A seed for one purpose, from which `seed` can't be computed.
///
/// A candidate sees thousands of the bits that a [`Key`] makes, and a key and
/// the seed behind it can be solved for in seconds. So nothing that a
/// candidate sees is drawn from the secret of its evaluation, but from what
/// this makes of it for one call: whoever has solved for that knows the call
/// that he was given, and no other.
pub fn one_way(seed: u64, purpose: &str, number: u64) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.update(&number.to_le_bytes());
    hasher.update(purpose.as_bytes());
    let mut bytes = [0; 8];
    hasher.finalize_xof().fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// Murmur3's 64-bit finaliser.
fn finalise64(mut x: u64) -> u64 {
    x ^= x >> 33;
    x = x.wrapping_mul(0xff51_afd7_ed55_8ccd);
    x ^= x >> 33;
    x = x.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ (x >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every key bit and every position bit must flip every output bit half the time.
    #[test]
    fn bits_avalanche() {
        const TRIALS: u32 = 4000;
        for flipped in 0..96_u32 {
            let mut flips = [0_u32; 32];
            for trial in 0..TRIALS {
                let (seed, stream, position) = (
                    u64::from(trial) * 0x1234_5678_9abc,
                    5,
                    trial.wrapping_mul(77),
                );
                let (mut seed2, mut position2) = (seed, position);
                match flipped {
                    0..64 => seed2 ^= 1 << flipped,
                    _ => position2 ^= 1 << (flipped - 64),
                }
                let change =
                    Key::new(seed, stream).low(position) ^ Key::new(seed2, stream).low(position2);
                for (bit, count) in flips.iter_mut().enumerate() {
                    *count += (change >> bit) & 1;
                }
            }
            // Six standard deviations of a fair coin, two more for the round constants' bias.
            let limit = 8.0 * (f64::from(TRIALS) / 4.0).sqrt();
            for count in flips {
                let off = (f64::from(count) - f64::from(TRIALS) / 2.0).abs();
                assert!(off < limit, "input bit {flipped}: {count} of {TRIALS}");
            }
        }
    }

    /// Undoes [`finalise64`].
    fn unfinalise64(mut x: u64) -> u64 {
        x ^= x >> 33;
        x = x.wrapping_mul(0x9cb4_b2f8_1293_37db);
        x ^= x >> 33;
        x = x.wrapping_mul(0x4f74_430c_22a5_4005);
        x ^ (x >> 33)
    }

    #[test]
    fn a_key_tells_its_seed_but_not_the_secret_behind_it() {
        let solve = |key: Key, stream: u64| {
            let [low, high, ..] = key.0.map(u64::from);
            let first = unfinalise64(low | high << 32);
            unfinalise64(first.wrapping_sub(stream)) ^ 0x9e37_79b9_7f4a_7c15
        };
        let secret = 0x1234_5678_9abc_def0;
        // This is why a key may not be made of the secret itself.
        assert_eq!(solve(Key::new(secret, 77), 77), secret);
        let seeds: Vec<u64> = (0..64)
            .map(|call| one_way(secret, "inputs", call))
            .collect();
        for (call, &seed) in seeds.iter().enumerate() {
            assert_eq!(solve(Key::new(seed, 3), 3), seed);
            assert!(seeds[..call].iter().all(|other| {
                *other != seed && (other ^ seed).count_ones() > 8 && *other != secret
            }));
        }
        assert_ne!(one_way(secret, "inputs", 1), one_way(secret, "outputs", 1));
    }

    #[test]
    fn positions_beyond_32_bits_are_other_bits() {
        let key = Key::new(1, 2);
        assert_ne!(key.at(5), key.at(5 + (1 << 32)));
        assert_ne!(key.at(5), Key::new(1, 3).at(5));
    }
}
