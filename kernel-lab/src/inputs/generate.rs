//! Values of a distribution, by position.

#![expect(
    clippy::inline_always,
    reason = "loops must inline into a function compiled for AVX2 to vectorise, in every profile"
)]

use serde::{Deserialize, Serialize};

use super::mix::{BLOCK, Key};
use super::normal::{TABLES, Tables};
use crate::judge::dispatch;
use crate::plan::Dtype;

/// A distribution of independent, identically distributed values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Distribution {
    /// Normal.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        std: f64,
    },
    /// Uniform over `[lo, hi)`.
    Uniform {
        /// Lower end, included.
        lo: f64,
        /// Upper end, excluded.
        hi: f64,
    },
    /// Whole numbers, each equally likely.
    IntUniform {
        /// Smallest, included.
        lo: i64,
        /// Largest, included.
        hi: i64,
    },
    /// 1 with probability `p`, else 0.
    Bool {
        /// Probability of 1.
        p: f64,
    },
}

/// Fills a tensor of `dtype` with values of stream `stream` under `seed`.
///
/// `out` holds little-endian elements. Values are rounded to the element type;
/// a type too narrow for the distribution takes the nearest value it has.
pub fn fill(distribution: &Distribution, dtype: Dtype, seed: u64, stream: u64, out: &mut [u8]) {
    fill_at(distribution, dtype, Key::new(seed, stream), 0, out);
}

/// Fills part of a tensor: the elements from position `start` on.
pub fn fill_at(distribution: &Distribution, dtype: Dtype, key: Key, start: u64, out: &mut [u8]) {
    let mut words = [0; BLOCK];
    let mut position = start;
    for chunk in out.chunks_mut(BLOCK * dtype.size_bytes()) {
        let words = &mut words[..chunk.len() / dtype.size_bytes()];
        key.fill_words(position, words);
        turn(distribution, dtype, &Extra { key, position }, words, chunk);
        position += words.len() as u64;
    }
}

/// Turns one block of bits into values.
fn turn(distribution: &Distribution, dtype: Dtype, extra: &Extra, bits: &[u32], out: &mut [u8]) {
    let integers = |index: usize| integer(distribution, bits[index], extra, index);
    match dtype {
        Dtype::F32 => {
            dispatch(
                #[inline(always)]
                || turn_f32(distribution, bits, out.as_chunks_mut().0),
            );
        }
        Dtype::F64 => {
            for (index, element) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
                *element = float64(distribution, bits[index], extra, index).to_le_bytes();
            }
        }
        Dtype::I64 => {
            for (index, element) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
                *element = integers(index).to_le_bytes();
            }
        }
        Dtype::I32 => {
            for (index, element) in out.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                let value = integers(index).clamp(i32::MIN.into(), i32::MAX.into());
                *element = (value as i32).to_le_bytes();
            }
        }
        Dtype::U8 => {
            for (index, element) in out.iter_mut().enumerate() {
                *element = integers(index).clamp(0, 255) as u8;
            }
        }
        Dtype::Bool => {
            for (index, element) in out.iter_mut().enumerate() {
                *element = u8::from(integers(index) != 0);
            }
        }
    }
}

/// Where a block stands, for values that need more than 32 bits.
struct Extra {
    key: Key,
    position: u64,
}

impl Extra {
    /// 32 further bits for an element of the block.
    fn bits(&self, index: usize) -> u64 {
        self.key.derive(1).at(self.position + index as u64).into()
    }
}

/// The fast path: loops without branches.
#[inline(always)]
fn turn_f32(distribution: &Distribution, bits: &[u32], out: &mut [[u8; 4]]) {
    let pairs = out.iter_mut().zip(bits);
    match *distribution {
        Distribution::Uniform { lo, hi } => {
            // As PyTorch does it: 24 bits in [0, 1), then scaled in float32.
            let (lo, step) = (lo as f32, (hi - lo) as f32 / (1 << 24) as f32);
            let last = (hi as f32).next_down();
            for (element, bits) in pairs {
                let value = lo + step * (bits >> 8).cast_signed() as f32;
                *element = (if value < last { value } else { last }).to_le_bytes();
            }
        }
        Distribution::Normal { mean, std } => {
            let tables = &*TABLES;
            let (mean, std) = (mean as f32, std as f32);
            let mut any_tail = false;
            for (element, bits) in pairs {
                *element = (mean + std * tables.body_value(*bits)).to_le_bytes();
                any_tail |= Tables::is_tail(*bits);
            }
            if any_tail {
                for (element, bits) in out
                    .iter_mut()
                    .zip(bits)
                    .filter(|(_, bits)| Tables::is_tail(**bits))
                {
                    *element = (mean + std * tables.value(*bits)).to_le_bytes();
                }
            }
        }
        Distribution::IntUniform { lo, hi } => {
            let span = span(lo, hi).min(u64::from(u32::MAX));
            for (element, bits) in pairs {
                let offset = ((u64::from(*bits) * span) >> 32) as i64;
                *element = (lo.wrapping_add(offset) as f32).to_le_bytes();
            }
        }
        Distribution::Bool { p } => {
            let limit = probability_limit(p);
            for (element, bits) in pairs {
                *element = f32::from(u8::from(u64::from(*bits) < limit)).to_le_bytes();
            }
        }
    }
}

/// How many values `lo..=hi` has; `u64::MAX` for the whole range of an i64 (one short of the truth).
fn span(lo: i64, hi: i64) -> u64 {
    hi.abs_diff(lo).saturating_add(1)
}

fn probability_limit(p: f64) -> u64 {
    (p.clamp(0.0, 1.0) * 4_294_967_296.0) as u64
}

fn float64(distribution: &Distribution, bits: u32, extra: &Extra, index: usize) -> f64 {
    match *distribution {
        Distribution::Uniform { lo, hi } => {
            let bits = u64::from(bits) << 21 | extra.bits(index) >> 11;
            let value = lo + (hi - lo) * (bits as f64 / (1_u64 << 53) as f64);
            value.min(hi.next_down())
        }
        // 32 random bits, as the tables hold no more.
        Distribution::Normal { mean, std } => mean + std * f64::from(TABLES.value(bits)),
        Distribution::IntUniform { .. } | Distribution::Bool { .. } => {
            integer(distribution, bits, extra, index) as f64
        }
    }
}

#[inline(always)]
fn integer(distribution: &Distribution, bits: u32, extra: &Extra, index: usize) -> i64 {
    match *distribution {
        Distribution::IntUniform { lo, hi } => {
            let span = span(lo, hi);
            let offset = if span <= 1 << 24 {
                (u64::from(bits) * span) >> 32
            } else {
                // 32 bits would favour some values of a wide range visibly.
                let bits = u64::from(bits) << 32 | extra.bits(index);
                ((u128::from(bits) * u128::from(span)) >> 64) as u64
            };
            lo.wrapping_add_unsigned(offset)
        }
        Distribution::Bool { p } => i64::from(u64::from(bits) < probability_limit(p)),
        Distribution::Uniform { .. } | Distribution::Normal { .. } => {
            float64(distribution, bits, extra, index) as i64
        }
    }
}
