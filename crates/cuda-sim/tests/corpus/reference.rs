//! Functions in double that Rust's library does not have, and short ways to
//! make inputs and to add up.

use std::f64::consts::PI;

use rustc_apfloat::ieee::{BFloat, Half};

use crate::harness::{narrow, numbers, wide};

/// Sizes that are no multiple of anything.
pub(crate) const SIZES: [usize; 5] = [1, 31, 33, 1000, 1027];

/// Numbers from [-factor, factor).
pub(crate) fn scaled(seed: u64, count: usize, factor: f32) -> Vec<f32> {
    numbers(seed, count).iter().map(|x| x * factor).collect()
}

/// As doubles.
pub(crate) fn wider(x: &[f32]) -> Vec<f64> {
    x.iter().copied().map(f64::from).collect()
}

/// In half precision, and what these are.
pub(crate) fn in_half(x: &[f32]) -> (Vec<u16>, Vec<f64>) {
    let bits: Vec<u16> = x.iter().map(|x| narrow::<Half>(*x)).collect();
    let values = bits.iter().map(|bits| wide::<Half>(*bits)).collect();
    (bits, values)
}

/// In bfloat16, and what these are.
pub(crate) fn in_bfloat(x: &[f32]) -> (Vec<u16>, Vec<f64>) {
    let bits: Vec<u16> = x.iter().map(|x| narrow::<BFloat>(*x)).collect();
    let values = bits.iter().map(|bits| wide::<BFloat>(*bits)).collect();
    (bits, values)
}

/// All words of 32 bits that are alike: spread over the whole range.
pub(crate) fn words(seed: u64, count: usize) -> Vec<u32> {
    let parts = numbers(seed, 2 * count);
    let sixteen = |x: f32| ((x + 1.0) * 32768.0) as u32;
    parts
        .chunks(2)
        .map(|pair| sixteen(pair[0]) << 16 | sixteen(pair[1]))
        .collect()
}

/// For each index.
pub(crate) fn each<T>(count: usize, f: impl Fn(usize) -> T) -> Vec<T> {
    (0..count).map(f).collect()
}

/// Sum over indices.
pub(crate) fn sum(count: usize, f: impl Fn(usize) -> f64) -> f64 {
    (0..count).map(f).sum()
}

/// The largest.
pub(crate) fn most(x: &[f64]) -> f64 {
    x.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// Of each row.
pub(crate) fn softmax(row: &[f64]) -> Vec<f64> {
    let shift = log_sum_exp(row);
    row.iter().map(|x| (x - shift).exp()).collect()
}

pub(crate) fn log_sum_exp(row: &[f64]) -> f64 {
    let most = most(row);
    most + row.iter().map(|x| (x - most).exp()).sum::<f64>().ln()
}

/// Mean and variance.
pub(crate) fn moments(x: &[f64]) -> (f64, f64) {
    let count = x.len() as f64;
    let mean = x.iter().sum::<f64>() / count;
    let var = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
    (mean, var)
}

/// `a` of m times k, `b` of k times n.
pub(crate) fn product(a: &[f64], b: &[f64], [m, n, k]: [usize; 3]) -> Vec<f64> {
    each(m * n, |at| {
        sum(k, |l| a[at / n * k + l] * b[l * n + at % n])
    })
}

/// Error function: the series of Abramowitz and Stegun, 7.1.6, whose terms
/// all have one sign.
pub(crate) fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..300 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
    }
    sum * (-x * x).exp() * 2.0 / PI.sqrt()
}

/// Its complement, far out by the continued fraction 7.1.14.
pub(crate) fn erfc(x: f64) -> f64 {
    if x < 1.5 {
        return 1.0 - erf(x);
    }
    let fraction = (1..200)
        .rev()
        .fold(x, |below, n| x + f64::from(n) / 2.0 / below);
    (-x * x).exp() / PI.sqrt() / fraction
}

/// Of the normal distribution.
pub(crate) fn normal_cdf(x: f64) -> f64 {
    0.5 * erfc(-x / 2.0_f64.sqrt())
}

/// The inverse of a function that grows, by halving an interval.
pub(crate) fn inverse(f: impl Fn(f64) -> f64, y: f64) -> f64 {
    let (mut low, mut high) = (-10.0, 10.0);
    for _ in 0..100 {
        let mid = f64::midpoint(low, high);
        if f(mid) < y {
            low = mid;
        } else {
            high = mid;
        }
    }
    low
}

/// Logarithm of the gamma function of a positive number: Stirling's series,
/// Abramowitz and Stegun 6.1.41, after steps upwards.
pub(crate) fn ln_gamma(x: f64) -> f64 {
    let mut x = x;
    let mut below = 1.0;
    while x < 15.0 {
        below *= x;
        x += 1.0;
    }
    let terms = [
        -1.0 / 360_360.0 * 691.0,
        1.0 / 1188.0,
        -1.0 / 1680.0,
        1.0 / 1260.0,
        -1.0 / 360.0,
        1.0 / 12.0,
    ];
    let series = terms.iter().fold(0.0, |sum, term| sum / (x * x) + term) / x;
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * PI).ln() + series - below.ln()
}
