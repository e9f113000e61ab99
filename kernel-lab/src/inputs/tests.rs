//! Generators and special values against what they claim.

use super::*;
use crate::plan::Dtype;

const STANDARD: Distribution = Distribution::Normal {
    mean: 0.0,
    std: 1.0,
};
const UNIT: Distribution = Distribution::Uniform { lo: 0.0, hi: 1.0 };

pub(super) fn values(
    distribution: &Distribution,
    count: usize,
    seed: u64,
    stream: u64,
) -> Vec<f64> {
    let mut out = vec![0; count * 4];
    fill(distribution, Dtype::F32, seed, stream, &mut out);
    out.as_chunks()
        .0
        .iter()
        .map(|bytes| f64::from(f32::from_le_bytes(*bytes)))
        .collect()
}

/// Raw moments 1 to 4 of standardised values.
fn moments(values: &[f64], centre: f64, scale: f64) -> [f64; 4] {
    let n = values.len() as f64;
    [1, 2, 3, 4].map(|power| {
        values
            .iter()
            .map(|x| ((x - centre) / scale).powi(power))
            .sum::<f64>()
            / n
    })
}

fn ks(mut sample: Vec<f64>, cdf: impl Fn(f64) -> f64) -> f64 {
    sample.sort_unstable_by(f64::total_cmp);
    let n = sample.len() as f64;
    let gap = |(i, x): (usize, &f64)| {
        (cdf(*x) - i as f64 / n)
            .abs()
            .max((cdf(*x) - (i as f64 + 1.0) / n).abs())
    };
    sample.iter().enumerate().map(gap).fold(0.0, f64::max) * n.sqrt()
}

#[test]
fn normals_are_normal() {
    const N: usize = 1 << 20;
    for seed in 0..4 {
        let sample = values(
            &Distribution::Normal {
                mean: 3.0,
                std: 2.0,
            },
            N,
            seed,
            1,
        );
        let n = N as f64;
        // Standard errors of the moments of a normal sample: √(1, 2, 15, 96)/√n.
        let expected = [(0.0, 1.0), (1.0, 2.0), (0.0, 15.0), (3.0, 96.0)];
        for (power, (moment, (mean, variance))) in moments(&sample, 3.0, 2.0)
            .into_iter()
            .zip(expected)
            .enumerate()
        {
            let z = (moment - mean) / (variance / n).sqrt();
            assert!(
                z.abs() < 4.5,
                "seed {seed}, moment {}: {z} standard errors",
                power + 1
            );
        }
        let largest = sample
            .iter()
            .map(|x| (x - 3.0).abs() / 2.0)
            .fold(0.0, f64::max);
        assert!((4.4..6.5).contains(&largest), "{largest}");
        assert!(ks(sample, |x| normal::cdf((x - 3.0) / 2.0)) < 1.95);
    }
}

#[test]
fn uniforms_are_uniform_and_stay_inside() {
    const N: usize = 1 << 20;
    for (lo, hi) in [(0.0, 1.0), (-3.0, 5.0), (0.1, 0.3)] {
        let sample = values(&Distribution::Uniform { lo, hi }, N, 7, 2);
        // As PyTorch: the ends as float32 has them, the upper one excluded.
        let (first, last) = (f64::from(lo as f32), f64::from((hi as f32).next_down()));
        assert!(sample.iter().all(|x| (first..=last).contains(x)));
        assert!(ks(sample, |x| ((x - lo) / (hi - lo)).clamp(0.0, 1.0)) < 1.95);
    }
    let mut wide = vec![0; 8 * 4096];
    fill(&UNIT, Dtype::F64, 7, 2, &mut wide);
    let sample: Vec<f64> = wide
        .as_chunks()
        .0
        .iter()
        .map(|bytes| f64::from_le_bytes(*bytes))
        .collect();
    assert!(
        sample
            .iter()
            .any(|x| f64::from(*x as f32).to_bits() != x.to_bits()),
        "53 bits, not 24"
    );
    assert!(ks(sample, |x| x) < 1.95);
}

#[test]
fn integers_cover_their_range_evenly() {
    for dtype in [Dtype::I64, Dtype::I32, Dtype::F32] {
        let size = dtype.size_bytes();
        let mut out = vec![0; 70_000 * size];
        fill(
            &Distribution::IntUniform { lo: -3, hi: 3 },
            dtype,
            11,
            0,
            &mut out,
        );
        let mut counts = [0_u32; 7];
        for bytes in out.chunks_exact(size) {
            let value = match *bytes {
                [a, b, c, d] if dtype == Dtype::I32 => i64::from(i32::from_le_bytes([a, b, c, d])),
                [a, b, c, d] => f32::from_le_bytes([a, b, c, d]) as i64,
                _ => i64::from_le_bytes(bytes.try_into().expect("eight bytes")),
            };
            counts[usize::try_from(value + 3).expect("in range")] += 1;
        }
        // 10,000 expected, standard deviation 93.
        assert!(
            counts.iter().all(|count| (9_600..10_400).contains(count)),
            "{dtype}: {counts:?}"
        );
    }
    let mut extreme = vec![0; 8 * 1000];
    fill(
        &Distribution::IntUniform {
            lo: i64::MIN,
            hi: i64::MAX,
        },
        Dtype::I64,
        1,
        0,
        &mut extreme,
    );
    let negative = extreme
        .as_chunks()
        .0
        .iter()
        .filter(|bytes| i64::from_le_bytes(**bytes) < 0)
        .count();
    assert!((400..600).contains(&negative), "{negative}");
    let mut bools = vec![0; 100_000];
    fill(
        &Distribution::Bool { p: 0.2 },
        Dtype::Bool,
        1,
        0,
        &mut bools,
    );
    let ones = bools.iter().map(|byte| usize::from(*byte)).sum::<usize>();
    assert!((19_300..20_700).contains(&ones), "{ones}");
}

#[test]
fn streams_seeds_and_neighbours_are_independent() {
    const N: usize = 1 << 18;
    let base = values(&STANDARD, N, 1, 0);
    let correlation =
        |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>() / (N as f64).sqrt();
    for (seed, stream) in [(1, 1), (2, 0), (0, 1), (1 << 32, 0), (1, 1 << 40)] {
        let z = correlation(&base, &values(&STANDARD, N, seed, stream));
        assert!(z.abs() < 4.5, "seed {seed}, stream {stream}: {z}");
    }
    for lag in [1, 2, 16, 512, 4096, 65_536] {
        let z = correlation(&base, &base[lag..]);
        assert!(z.abs() < 4.5, "lag {lag}: {z}");
    }
}

#[test]
fn positions_do_not_change_the_values() {
    for (distribution, dtype) in [
        (STANDARD, Dtype::F32),
        (UNIT, Dtype::F64),
        (Distribution::IntUniform { lo: 0, hi: 9 }, Dtype::I64),
        (Distribution::Bool { p: 0.5 }, Dtype::Bool),
    ] {
        let size = dtype.size_bytes();
        let mut alone = vec![0; 300_001 * size];
        fill(&distribution, dtype, 5, 6, &mut alone);
        let mut part = vec![0; 1000 * size];
        fill_at(&distribution, dtype, Key::new(5, 6), 123_457, &mut part);
        assert_eq!(part, alone[123_457 * size..][..part.len()]);
    }
    // Across a 32-bit boundary of positions, element by element and as blocks.
    let start = (1_u64 << 32) - 700;
    let mut block = vec![0; 4 * 1400];
    fill_at(&UNIT, Dtype::F32, Key::new(5, 6), start, &mut block);
    for (index, bytes) in block.as_chunks::<4>().0.iter().enumerate() {
        let mut one = [0; 4];
        fill_at(
            &UNIT,
            Dtype::F32,
            Key::new(5, 6),
            start + index as u64,
            &mut one,
        );
        assert_eq!(&one, bytes, "{index}");
    }
}

#[test]
fn special_values_are_what_they_claim() {
    let base = values(&STANDARD, 4096, 1, 0);
    let apply = |special: Special, domain, base: &[f64]| {
        let mut bytes: Vec<u8> = base
            .iter()
            .flat_map(|x| (*x as f32).to_le_bytes())
            .collect();
        assert!(special.apply(domain, Dtype::F32, 4, 0, &mut bytes));
        bytes
            .as_chunks()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect::<Vec<f32>>()
    };
    for special in Special::ALL {
        let made = apply(special, Domain::Any, &base);
        assert!(made.iter().all(|x| x.is_finite()));
        let pairs = || made.iter().zip(&base).map(|(x, b)| (f64::from(*x), *b));
        let holds = match special {
            Special::Large => pairs().all(|(x, b)| (x / 1024.0 - b).abs() < 1e-9),
            Special::Shifted => pairs().all(|(x, b)| (x - 64.0 - b).abs() < 1e-5),
            Special::Tiny => pairs().all(|(x, b)| (x * 1_048_576.0 - b).abs() < 1e-9),
            Special::Constant => {
                let first = made[0].to_bits();
                first.trailing_zeros() >= 23 && made.iter().all(|x| x.to_bits() == first)
            }
            Special::Denormal | Special::OneDenormal => {
                made.iter().all(|x| x.abs() < f32::MIN_POSITIVE)
                    && made.iter().filter(|x| **x != 0.0).count() > 4000
            }
            Special::Negative => pairs().all(|(x, b)| x <= 0.0 && (x.abs() - b.abs()).abs() < 1e-9),
            Special::SmallIntegers => {
                (-3..=3).all(|value| made.contains(&(value as f32)))
                    && made.iter().all(|x| x.fract() == 0.0 && x.abs() <= 3.0)
            }
            Special::Alternating => made.chunks(2).all(|pair| pair[0] >= 0.0 && pair[1] <= 0.0),
            Special::Outliers => {
                let far = pairs()
                    .filter(|(x, b)| (x / 128.0 - b).abs() < 1e-9)
                    .count();
                let near = pairs().filter(|(x, b)| (x - b).abs() < 1e-9).count();
                (1..20).contains(&far) && far + near == 4096
            }
        };
        assert!(holds, "{special}");
    }
    let positive: Vec<f64> = base.iter().map(|x| x.abs()).collect();
    for special in Special::ALL {
        let made = apply(special, Domain::NonNegative, &positive);
        let negative = made.iter().any(|x| *x < 0.0);
        assert_eq!(negative, special == Special::Negative, "{special}");
    }
    let mut labels = vec![7; 64];
    assert!(!Special::Large.apply(Domain::Any, Dtype::I64, 4, 0, &mut labels));
    assert_eq!(labels, [7; 64]);
    let as_bytes = |x: f32| x.to_le_bytes();
    assert_eq!(
        Domain::of_values(Dtype::F32, &[as_bytes(0.0), as_bytes(1.0)].concat()),
        Domain::NonNegative
    );
    assert_eq!(
        Domain::of_values(Dtype::F32, &[as_bytes(0.0), as_bytes(-1.0)].concat()),
        Domain::Any
    );
}

#[test]
fn one_denormal_takes_one_of_several_inputs() {
    assert!(!Special::of_inputs(1).any(|special| special == Special::OneDenormal));
    assert_eq!(Special::of_inputs(2).count(), Special::ALL.len());
    let chosen: std::collections::BTreeSet<_> = (0..64)
        .map(|seed| Special::OneDenormal.only(3, seed))
        .collect();
    assert!(chosen.into_iter().eq([Some(0), Some(1), Some(2)]));
    assert_eq!(Special::Denormal.only(3, 1), None);
}
