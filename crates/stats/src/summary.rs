//! Numbers that describe a sample.

use crate::distribution::student_t_quantile;

/// A closed interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
}

impl Interval {
    /// Half of the interval's width.
    pub fn half_width(self) -> f64 {
        (self.hi - self.lo) / 2.0
    }

    /// Whether `value` lies in it.
    pub fn contains(self, value: f64) -> bool {
        self.lo <= value && value <= self.hi
    }
}

/// The sample in ascending order, NaN last.
pub fn sorted(sample: &[f64]) -> Vec<f64> {
    let mut copy = sample.to_vec();
    copy.sort_unstable_by(f64::total_cmp);
    copy
}

/// Arithmetic mean; `None` for an empty sample.
pub fn mean(sample: &[f64]) -> Option<f64> {
    if sample.is_empty() {
        return None;
    }
    Some(sample.iter().sum::<f64>() / sample.len() as f64)
}

/// Unbiased sample variance; `None` for fewer than two values.
pub fn variance(sample: &[f64]) -> Option<f64> {
    if sample.len() < 2 {
        return None;
    }
    let mean = mean(sample)?;
    let squares: f64 = sample.iter().map(|x| (x - mean).powi(2)).sum();
    Some(squares / (sample.len() - 1) as f64)
}

/// Student's interval of the mean of a normal sample: mean ± t · s / √n;
/// `None` for fewer than two values or a confidence outside 0 .. 1.
pub fn mean_interval(sample: &[f64], confidence: f64) -> Option<Interval> {
    if !(confidence > 0.0 && confidence < 1.0) {
        return None;
    }
    let (mean, variance) = (mean(sample)?, variance(sample)?);
    let n = sample.len() as f64;
    let t = student_t_quantile(0.5 + confidence / 2.0, n - 1.0);
    let half = t * (variance / n).sqrt();
    Some(Interval {
        lo: mean - half,
        hi: mean + half,
    })
}

/// Middle value, or the mean of the two middle ones; `None` for an empty
/// sample.
pub fn median(sample: &[f64]) -> Option<f64> {
    quantile(sample, 0.5)
}

/// Quantile by linear interpolation (type 7, the default of NumPy and R);
/// `None` for an empty sample or `q` outside 0 ..= 1.
pub fn quantile(sample: &[f64], q: f64) -> Option<f64> {
    if sample.iter().any(|x| x.is_nan()) {
        return Some(f64::NAN);
    }
    quantile_of_sorted(&sorted(sample), q)
}

/// As [`quantile`], of values in ascending order without NaN.
pub(crate) fn quantile_of_sorted(sorted: &[f64], q: f64) -> Option<f64> {
    if sorted.is_empty() || !(0.0..=1.0).contains(&q) {
        return None;
    }
    let position = q * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let part = position - below as f64;
    // An exact hit must not touch its neighbour, which may be infinite.
    if part == 0.0 {
        return Some(sorted[below]);
    }
    Some(sorted[below] + part * (sorted[above] - sorted[below]))
}

/// Median absolute deviation from the median, unscaled; `None` for an empty
/// sample.
pub fn mad(sample: &[f64]) -> Option<f64> {
    let centre = median(sample)?;
    let distances: Vec<f64> = sample.iter().map(|x| (x - centre).abs()).collect();
    median(&distances)
}

/// Geometric mean; `None` for an empty sample or one with a value that is not
/// positive.
pub fn geomean(sample: &[f64]) -> Option<f64> {
    if sample.iter().any(|&x| x.is_nan() || x <= 0.0) {
        return None;
    }
    let logs: Vec<f64> = sample.iter().map(|x| x.ln()).collect();
    mean(&logs).map(f64::exp)
}
