//! What outputs hold before a call: plausible values, so that a candidate can't
//! tell an output that is still to be written from one that is done, and so
//! that one it forgot does not give itself away only where NaN would.

use crate::inputs::Key;
use crate::plan::Dtype;

/// Fills an output with values of its type that only the seed tells: floats in ±[½, 2),
/// integers in `0..2³¹`, bytes and booleans of any value they can have.
pub fn fill(dtype: Dtype, seed: u64, output: u64, bytes: &mut [u8]) {
    let key = Key::new(seed, output);
    if dtype == Dtype::U8 {
        return key.fill_bytes(bytes);
    }
    let size = dtype.size_bytes();
    key.for_blocks(bytes.len() / size, |start, words| {
        let elements = &mut bytes[start * size..][..words.len() * size];
        match dtype {
            Dtype::F32 => write(elements, words, |word| float32(word).to_le_bytes()),
            // A widened float32: a result computed in float64 seldom is one.
            Dtype::F64 => write(elements, words, |word| {
                f64::from(f32::from_bits(float32(word))).to_le_bytes()
            }),
            Dtype::I64 => write(elements, words, |word| u64::from(word >> 1).to_le_bytes()),
            Dtype::I32 => write(elements, words, |word| (word >> 1).to_le_bytes()),
            Dtype::U8 | Dtype::Bool => write(elements, words, |word| [(word >> 31) as u8]),
        }
    });
}

/// Writes one element per word.
fn write<const SIZE: usize>(elements: &mut [u8], words: &[u32], make: impl Fn(u32) -> [u8; SIZE]) {
    for (element, word) in elements.as_chunks_mut().0.iter_mut().zip(words) {
        *element = make(*word);
    }
}

/// Sign and 24 further random bits: exponents of ½ and 1, any significand.
fn float32(bits: u32) -> u32 {
    (bits & 0x8000_0000) | (0x3f00_0000 + (bits & 0x00ff_ffff))
}

/// How many elements still hold their poison, if more do than chance explains; else `None`.
///
/// A written element coincides with its poison with a probability that depends on
/// the type: 2⁻²⁰ is a cautious bound for floats and wide integers, 1/256 holds for bytes and 1/2 for booleans, as
/// the poison is uniform and independent of the result. Six standard deviations beyond the
/// expected number, and three more, are left to chance.
pub fn unwritten(dtype: Dtype, seed: u64, output: u64, bytes: &[u8]) -> Option<u64> {
    let mut poison = vec![0; bytes.len()];
    fill(dtype, seed, output, &mut poison);
    let size = dtype.size_bytes();
    let same = match size {
        8 => coincidences::<8>(bytes, &poison),
        4 => coincidences::<4>(bytes, &poison),
        _ => coincidences::<1>(bytes, &poison),
    };
    let total = (bytes.len() / size) as f64;
    let chance: f64 = match dtype {
        Dtype::F32 | Dtype::F64 | Dtype::I64 | Dtype::I32 => 1.0 / f64::from(1 << 20),
        Dtype::U8 => 1.0 / 256.0,
        Dtype::Bool => 0.5,
    };
    let limit = total * chance + 6.0 * (total * chance * (1.0 - chance)).sqrt() + 3.0;
    // A tiny output has no room for doubt: all of it still poison is unwritten.
    let all = same == bytes.len() / size && total >= 1.0 && chance.powf(total) < 1e-4;
    (same as f64 > limit || all).then_some(same as u64)
}

/// Elements that agree.
fn coincidences<const SIZE: usize>(a: &[u8], b: &[u8]) -> usize {
    let pairs = a.as_chunks::<SIZE>().0.iter().zip(b.as_chunks::<SIZE>().0);
    pairs.map(|(a, b)| usize::from(a == b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poison_is_plausible() {
        let mut bytes = vec![0; 4 * 10_000];
        fill(Dtype::F32, 1, 0, &mut bytes);
        let values: Vec<f32> = bytes
            .as_chunks()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect();
        assert!(values.iter().all(|value| (0.5..2.0).contains(&value.abs())));
        assert!(values.iter().any(|value| *value < 0.0) && values.iter().any(|value| *value > 1.0));
        let mut bools = vec![0; 1000];
        fill(Dtype::Bool, 1, 0, &mut bools);
        assert!(bools.contains(&0) && bools.contains(&1) && bools.iter().all(|byte| *byte <= 1));
    }

    #[test]
    fn unwritten_elements_are_counted_and_written_ones_are_not() {
        for dtype in Dtype::ALL {
            let mut bytes = vec![0; 50_000 * dtype.size_bytes()];
            fill(dtype, 3, 1, &mut bytes);
            assert_eq!(unwritten(dtype, 3, 1, &bytes), Some(50_000), "{dtype}");
            // Another seed's poison stands for independent results.
            assert_eq!(unwritten(dtype, 4, 1, &bytes), None, "{dtype}");
            let half = bytes.len() / 2;
            bytes[..half].fill(0);
            let count = unwritten(dtype, 3, 1, &bytes).expect("half is unwritten");
            assert!((25_000..=38_000).contains(&count), "{dtype}: {count}");
        }
        let mut scalar = vec![0; 4];
        fill(Dtype::F32, 3, 1, &mut scalar);
        assert_eq!(unwritten(Dtype::F32, 3, 1, &scalar), Some(1));
        assert_eq!(unwritten(Dtype::F32, 3, 1, &0.0_f32.to_le_bytes()), None);
    }
}
