//! The spread that an interval does not know of: between repetitions of a
//! whole measurement.

use crate::distribution::normal_quantile;
use crate::summary::median;

/// The same thing measured twice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// One result minus the other.
    pub difference: f64,
    /// Variance of the difference by what each measurement says of its own
    /// error.
    pub variance: f64,
}

/// Variance between repetitions of a measurement, over what they say of their
/// own error: the moment estimate of Paule and Mandel (*Consensus values and
/// weighting factors*, 1982) with the median in the place of the mean, so that
/// single pairs that went wrong don't count. `None` without pairs.
///
/// A difference d of two results with variance τ² + s² each has
/// d² / (2τ² + s₁² + s₂²) of χ² with one degree of freedom, whose median is the
/// square of the normal distribution's upper quartile.
pub fn between_variance(pairs: &[Pair]) -> Option<f64> {
    let chi_square_median = normal_quantile(0.75).powi(2);
    let of_each: Vec<f64> = pairs
        .iter()
        .map(|pair| (pair.difference.powi(2) / chi_square_median - pair.variance) / 2.0)
        .collect();
    median(&of_each).map(|variance| variance.max(0.0))
}
