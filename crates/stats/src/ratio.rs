//! How many times faster: the ratio of two medians, with its interval.

use crate::bootstrap::central;
use crate::summary::Interval;
use crate::{Resampling, Rng};

/// A ratio of medians.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Median of the baseline over median of the candidate: above 1 the
    /// candidate is faster, when the samples are times.
    pub value: f64,
    /// Percentile bootstrap interval.
    pub ci: Interval,
    /// Size of the smaller sample.
    pub n: usize,
}

/// Median of `baseline` divided by median of `candidate`.
///
/// Samples of equal length are taken as pairs that were measured together
/// (item i with item i) and resampled as pairs, so that drift that both
/// shared does not widen the interval; otherwise each is resampled by itself.
/// `None` for an empty sample, a value that is not positive and finite, or
/// settings without meaning.
pub fn ratio_of_medians(baseline: &[f64], candidate: &[f64], how: &Resampling) -> Option<Ratio> {
    let usable =
        |sample: &[f64]| !sample.is_empty() && sample.iter().all(|&x| x.is_finite() && x > 0.0);
    if !usable(baseline) || !usable(candidate) {
        return None;
    }
    if how.resamples == 0 || how.confidence <= 0.0 || how.confidence >= 1.0 {
        return None;
    }
    let paired = baseline.len() == candidate.len();
    let mut rng = Rng::new(how.seed);
    let (mut top, mut bottom) = (Ranked::new(baseline), Ranked::new(candidate));
    let value = top.median() / bottom.median();
    let mut ratios: Vec<f64> = (0..how.resamples)
        .map(|_| {
            if paired {
                top.counts.fill(0);
                for _ in baseline {
                    top.counts[rng.index(baseline.len())] += 1;
                }
                bottom.counts.copy_from_slice(&top.counts);
            } else {
                top.resample(&mut rng);
                bottom.resample(&mut rng);
            }
            top.median() / bottom.median()
        })
        .collect();
    ratios.sort_unstable_by(f64::total_cmp);
    Some(Ratio {
        value,
        ci: central(&ratios, how.confidence)?,
        n: baseline.len().min(candidate.len()),
    })
}

/// A sample with its order, so that the median of a resample, given by how
/// often each item was drawn, is found by counting instead of sorting.
struct Ranked {
    /// (value, its position in the sample), ascending.
    ascending: Vec<(f64, usize)>,
    /// How often each position was drawn; as many draws as items.
    counts: Vec<u32>,
}

impl Ranked {
    /// With every item drawn once.
    fn new(sample: &[f64]) -> Self {
        let mut ascending: Vec<_> = sample.iter().copied().zip(0..).collect();
        ascending.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        Self {
            ascending,
            counts: vec![1; sample.len()],
        }
    }

    fn resample(&mut self, rng: &mut Rng) {
        self.counts.fill(0);
        for _ in 0..self.counts.len() {
            let at = rng.index(self.counts.len());
            self.counts[at] += 1;
        }
    }

    fn median(&self) -> f64 {
        let n = self.counts.len();
        let (lower, upper) = ((n - 1) / 2, n / 2);
        let mut passed = 0;
        let mut low = f64::NAN;
        for &(value, position) in &self.ascending {
            passed += self.counts[position] as usize;
            if passed > lower && low.is_nan() {
                low = value;
            }
            if passed > upper {
                return f64::midpoint(low, value);
            }
        }
        low
    }
}

/// Half the width of the ratio's 95% interval, relative to the ratio, from 400
/// resamples: cheap enough to ask after every sample whether to go on. `None`
/// as in [`ratio_of_medians`].
pub fn quick_half_width(baseline: &[f64], candidate: &[f64], seed: u64) -> Option<f64> {
    let how = Resampling {
        resamples: 400,
        confidence: 0.95,
        seed,
    };
    let ratio = ratio_of_medians(baseline, candidate, &how)?;
    Some(ratio.ci.half_width() / ratio.value)
}
