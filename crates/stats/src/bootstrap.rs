//! Bootstrap intervals for a statistic of one sample.

use crate::Rng;
use crate::distribution::{normal_cdf, normal_quantile};
use crate::summary::{Interval, quantile_of_sorted};

/// How to resample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resampling {
    /// Number of resamples.
    pub resamples: usize,
    /// Coverage of the interval, such as 0.95.
    pub confidence: f64,
    /// Seed of the random numbers.
    pub seed: u64,
}

impl Default for Resampling {
    /// 4000 resamples, 95%, seed 0.
    fn default() -> Self {
        Self {
            resamples: 4000,
            confidence: 0.95,
            seed: 0,
        }
    }
}

impl Resampling {
    fn valid(&self) -> bool {
        self.resamples > 0 && self.confidence > 0.0 && self.confidence < 1.0
    }
}

/// The statistic of each resample, ascending; `None` if any is NaN.
fn distribution(
    sample: &[f64],
    statistic: impl Fn(&[f64]) -> f64,
    how: &Resampling,
) -> Option<Vec<f64>> {
    let mut rng = Rng::new(how.seed);
    let mut resample = vec![0.0; sample.len()];
    let mut values: Vec<f64> = (0..how.resamples)
        .map(|_| {
            for slot in &mut resample {
                *slot = sample[rng.index(sample.len())];
            }
            statistic(&resample)
        })
        .collect();
    if values.iter().any(|value| value.is_nan()) {
        return None;
    }
    values.sort_unstable_by(f64::total_cmp);
    Some(values)
}

fn between(sorted: &[f64], low: f64, high: f64) -> Option<Interval> {
    Some(Interval {
        lo: quantile_of_sorted(sorted, low)?,
        hi: quantile_of_sorted(sorted, high)?,
    })
}

/// The interval between two quantiles of already resampled values.
pub(crate) fn central(sorted: &[f64], confidence: f64) -> Option<Interval> {
    let tail = (1.0 - confidence) / 2.0;
    between(sorted, tail, 1.0 - tail)
}

/// Percentile interval. `None` for an empty sample, a NaN, or settings without
/// meaning.
pub fn percentile(
    sample: &[f64],
    statistic: impl Fn(&[f64]) -> f64,
    how: &Resampling,
) -> Option<Interval> {
    if sample.is_empty() || !how.valid() {
        return None;
    }
    central(&distribution(sample, statistic, how)?, how.confidence)
}

/// Bias-corrected and accelerated interval (Efron, 1987), the acceleration by
/// the jackknife. A sample whose statistic never varies gives an interval of
/// width zero. `None` for fewer than two values, a NaN, or settings without
/// meaning.
pub fn bca(
    sample: &[f64],
    statistic: impl Fn(&[f64]) -> f64,
    how: &Resampling,
) -> Option<Interval> {
    if sample.len() < 2 || !how.valid() {
        return None;
    }
    let observed = statistic(sample);
    let sorted = distribution(sample, &statistic, how)?;
    let (first, last) = (*sorted.first()?, *sorted.last()?);
    if observed.is_nan() {
        return None;
    }
    // Sorted, so this says that all are equal.
    if first >= last {
        return Some(Interval {
            lo: first,
            hi: last,
        });
    }

    // Values equal to the observed one count half, as in SciPy: with a
    // discrete statistic such as the median there are many.
    let below = sorted.partition_point(|&value| value < observed);
    let up_to = sorted.partition_point(|&value| value <= observed);
    let share = (below + up_to) as f64 / 2.0 / sorted.len() as f64;
    let bias = normal_quantile(share);

    let left_out: Vec<f64> = (0..sample.len())
        .map(|without| {
            let mut rest = sample.to_vec();
            rest.remove(without);
            statistic(&rest)
        })
        .collect();
    let centre = left_out.iter().sum::<f64>() / left_out.len() as f64;
    let moment = |power: i32| {
        left_out
            .iter()
            .map(|x| (centre - x).powi(power))
            .sum::<f64>()
    };
    let spread = moment(2);
    let acceleration = if spread > 0.0 {
        moment(3) / (6.0 * spread.powf(1.5))
    } else {
        0.0
    };

    let level = |p: f64| {
        let z = bias + normal_quantile(p);
        normal_cdf(bias + z / (1.0 - acceleration * z))
    };
    let tail = (1.0 - how.confidence) / 2.0;
    let (low, high) = (level(tail), level(1.0 - tail));
    // All resamples on one side of the observed value: the correction is
    // infinite, and only the uncorrected interval means anything.
    if !low.is_finite() || !high.is_finite() || !bias.is_finite() {
        return central(&sorted, how.confidence);
    }
    between(&sorted, low, high)
}
