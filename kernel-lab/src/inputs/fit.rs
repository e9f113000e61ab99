//! Distributions fitted to two draws, each accepted only if both draws pass.
//!
//! Moments use every element, so that they are sharp; the Kolmogorov–Smirnov distance catches
//! shapes that moments can't tell, on a sample of the whole and in eight
//! contiguous parts. Limits are six standard errors, or a distance that chance
//! exceeds once in 10⁵: a false alarm costs time only, a false fit the fairness of a test.

#![expect(clippy::float_cmp, reason = "discrete values are exact")]

use super::generate::Distribution;
use super::normal;

/// Standard errors that an estimate may be off.
const LIMIT: f64 = 6.0;

/// The distance D is significant beyond this over √n: 2·exp(−2·2.5²) ≈ 7·10⁻⁶.
const KS_LIMIT: f64 = 2.5;

/// Elements of the Kolmogorov–Smirnov samples.
const KS_WHOLE: usize = 1 << 17;
const KS_PART: usize = 1 << 13;
const PARTS: usize = 8;

/// Booleans: one probability.
pub(super) fn boolean(a: &[f64], b: &[f64]) -> Option<Distribution> {
    let zero_or_one = |value: &f64| *value == 0.0 || *value == 1.0;
    if !a.iter().chain(b).all(zero_or_one) {
        return None;
    }
    let share = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let p = f64::midpoint(share(a), share(b));
    let error = (p * (1.0 - p) / a.len() as f64).sqrt();
    let rare = p.min(1.0 - p) * (a.len() as f64) < 64.0;
    let agree = [a, b]
        .iter()
        .all(|values| (share(values) - p).abs() <= LIMIT * error);
    (!rare && agree).then(|| Distribution::Bool {
        p: nice(p, 4.0 * error),
    })
}

/// Whole numbers, equally likely over a range that is small against the number of elements: then
/// both ends occur for certain and the range is exact.
pub(super) fn integers(a: &[f64], b: &[f64]) -> Option<Distribution> {
    const MIN_PER_VALUE: f64 = 36.0;
    // Beyond this, f32 and f64 inputs have gaps between their whole numbers.
    const LARGEST: f64 = 16_777_216.0;
    let (lo, hi) = extremes(a);
    if (lo, hi) != extremes(b) || lo < -LARGEST || hi > LARGEST || lo == hi {
        return None;
    }
    let count = (hi - lo + 1.0) as usize;
    let expected = a.len() as f64 / count as f64;
    if expected < MIN_PER_VALUE {
        return None;
    }
    let uniform = |values: &[f64]| {
        let mut counts = vec![0_u64; count];
        values
            .iter()
            .filter(|value| value.fract() == 0.0)
            .for_each(|value| counts[(value - lo) as usize] += 1);
        let chi_squared: f64 = counts
            .iter()
            .map(|n| (*n as f64 - expected).powi(2) / expected)
            .sum();
        let freedom = count as f64 - 1.0;
        let largest = counts
            .iter()
            .map(|n| (*n as f64 - expected).abs())
            .fold(0.0, f64::max);
        // Too even is as suspicious as too uneven: a permutation has no spread at all.
        (chi_squared - freedom).abs() <= LIMIT * (2.0 * freedom).sqrt().max(2.0) + LIMIT
            && chi_squared > freedom * 1e-4
            && largest <= (LIMIT + 1.0) * expected.sqrt()
    };
    (uniform(a) && uniform(b)).then_some(Distribution::IntUniform {
        lo: lo as i64,
        hi: hi as i64,
    })
}

/// Continuous values: uniform or normal.
pub(super) fn continuous(a: &[f64], b: &[f64]) -> Option<Distribution> {
    if a.iter().chain(b).any(|value| !value.is_finite()) {
        return None;
    }
    uniform(a, b).or_else(|| gaussian(a, b))
}

fn uniform(a: &[f64], b: &[f64]) -> Option<Distribution> {
    let (lo, hi) = {
        let ((lo_a, hi_a), (lo_b, hi_b)) = (extremes(a), extremes(b));
        (lo_a.min(lo_b), hi_a.max(hi_b))
    };
    let range = hi - lo;
    let n = a.len() as f64;
    // The extremes of n values lie within 20/n of the ends, but for once in e²⁰.
    let slack = 20.0 * range / n;
    let near_ends = |values| {
        let (lowest, highest) = extremes(values);
        lowest - lo <= slack && hi - highest <= slack
    };
    if range <= 0.0 || !near_ends(a) || !near_ends(b) {
        return None;
    }
    let (lo, hi) = (
        outward(lo, slack, f64::floor),
        outward(hi, slack, f64::ceil),
    );
    let fits = |values: &[f64]| {
        let moments = Moments::of(values);
        let width = hi - lo;
        (moments.mean - f64::midpoint(lo, hi)).abs() <= LIMIT * width / (12.0 * n).sqrt()
            && (moments.variance - width * width / 12.0).abs()
                <= LIMIT * width * width / (180.0 * n).sqrt()
            && close_to(values, |value| (value - lo) / width)
    };
    (fits(a) && fits(b)).then_some(Distribution::Uniform { lo, hi })
}

fn gaussian(a: &[f64], b: &[f64]) -> Option<Distribution> {
    let (first, second) = (Moments::of(a), Moments::of(b));
    let n = a.len() as f64;
    let mean = f64::midpoint(first.mean, second.mean);
    let std = f64::midpoint(first.variance, second.variance).sqrt();
    if std <= 0.0 {
        return None;
    }
    let (mean, std) = (
        nice(mean, 4.0 * std / n.sqrt()),
        nice(std, 4.0 * std / (2.0 * n).sqrt()),
    );
    let fits = |values: &[f64], moments: &Moments| {
        (moments.mean - mean).abs() <= LIMIT * std / n.sqrt()
            && (moments.variance.sqrt() - std).abs() <= LIMIT * std / (2.0 * n).sqrt()
            && moments.skewness.abs() <= LIMIT * (6.0 / n).sqrt()
            && moments.excess_kurtosis.abs() <= LIMIT * (24.0 / n).sqrt()
            && close_to(values, |value| normal::cdf((value - mean) / std))
    };
    (fits(a, &first) && fits(b, &second)).then_some(Distribution::Normal { mean, std })
}

/// Moments of a sample.
#[derive(Debug)]
pub(super) struct Moments {
    pub(super) mean: f64,
    pub(super) variance: f64,
    pub(super) skewness: f64,
    pub(super) excess_kurtosis: f64,
}

impl Moments {
    pub(super) fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let [mut second, mut third, mut fourth] = [0.0; 3];
        for value in values {
            let d = value - mean;
            let square = d * d;
            second += square;
            third += square * d;
            fourth += square * square;
        }
        let variance = second / n;
        Self {
            mean,
            variance,
            skewness: third / n / variance.powf(1.5),
            excess_kurtosis: fourth / n / (variance * variance) - 3.0,
        }
    }
}

/// Whether the values follow `cdf`, as a whole and in contiguous parts.
fn close_to(values: &[f64], cdf: impl Fn(f64) -> f64) -> bool {
    let step = values.len().div_ceil(KS_WHOLE).max(1);
    let whole = values.iter().step_by(step).copied().collect();
    let part = values.len() / PARTS;
    let parts = values
        .chunks_exact(part.max(1))
        .take(PARTS)
        .map(|part| part[..part.len().min(KS_PART)].to_vec());
    std::iter::once(whole).chain(parts).all(|sample: Vec<f64>| {
        let n = sample.len() as f64;
        ks_distance(sample, &cdf) * n.sqrt() <= KS_LIMIT
    })
}

/// Largest distance between the sample's distribution function and `cdf`.
fn ks_distance(mut sample: Vec<f64>, cdf: impl Fn(f64) -> f64) -> f64 {
    sample.sort_unstable_by(f64::total_cmp);
    let n = sample.len() as f64;
    let distance = |(index, value): (usize, &f64)| {
        let p = cdf(*value);
        (p - index as f64 / n).max((index as f64 + 1.0) / n - p)
    };
    sample.iter().enumerate().map(distance).fold(0.0, f64::max)
}

pub(super) fn extremes(values: &[f64]) -> (f64, f64) {
    values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), value| {
            (lo.min(*value), hi.max(*value))
        })
}

/// Denominators of numbers that people write.
const DENOMINATORS: [f64; 9] = [1.0, 2.0, 4.0, 5.0, 8.0, 10.0, 16.0, 100.0, 1000.0];

/// The plainest number within `slack`, else `value`.
fn nice(value: f64, slack: f64) -> f64 {
    let candidates = DENOMINATORS.map(|denominator| (value * denominator).round() / denominator);
    // Adding zero turns −0 into 0.
    candidates
        .into_iter()
        .find(|candidate| (candidate - value).abs() <= slack)
        .unwrap_or(value)
        + 0.0
}

/// The plainest number within `slack` of an extreme, on its far side, else the extreme itself.
fn outward(extreme: f64, slack: f64, round: impl Fn(f64) -> f64) -> f64 {
    // 0.1 as a float32 is not the plainest number, but should count as it.
    let rounding = 1e-7 * extreme.abs();
    let candidates = DENOMINATORS.map(|denominator| {
        let nearest = (extreme * denominator).round() / denominator;
        if (nearest - extreme).abs() <= rounding {
            nearest
        } else {
            round(extreme * denominator) / denominator
        }
    });
    candidates
        .into_iter()
        .find(|candidate| (candidate - extreme).abs() <= slack)
        .unwrap_or(extreme)
        + 0.0
}
