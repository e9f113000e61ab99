//! Statistics for measurements: summaries, bootstrap intervals, the ratio of
//! two timings, hypothesis tests and corrections for many of them.
//!
//! Everything is pure and deterministic: random numbers come from a seed that
//! is an argument. Functions that have no answer (an empty sample, a test with
//! nothing to compare) return `None`; a NaN in a sample makes the result NaN
//! or `None`, never a wrong number.

#![forbid(unsafe_code)]

mod adjust;
mod bootstrap;
mod distribution;
mod hypothesis;
mod online;
mod ratio;
mod rng;
mod spread;
mod summary;

pub use adjust::{benjamini_hochberg, holm};
pub use bootstrap::{Resampling, bca, percentile};
pub use distribution::{normal_cdf, normal_quantile, student_t_quantile, student_t_sf};
pub use hypothesis::{Alternative, TestResult, Welch, mann_whitney, sign_test, welch, wilcoxon};
pub use online::Lord;
pub use ratio::{Ratio, quick_half_width, ratio_of_medians};
pub use rng::Rng;
pub use spread::{Pair, between_variance};
pub use summary::{
    Interval, geomean, mad, mean, mean_interval, median, quantile, sorted, variance,
};
