//! Hypothesis tests.

use crate::distribution::{normal_cdf, student_t_sf};
use crate::summary::{mean, variance};

/// What a test's p-value speaks against the null hypothesis for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Alternative {
    /// The samples differ.
    #[default]
    TwoSided,
    /// The first is smaller.
    Less,
    /// The first is larger.
    Greater,
}

/// A test's outcome.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestResult {
    /// The test statistic: W⁺, U of the first sample, or the number of
    /// positive signs.
    pub statistic: f64,
    /// The p-value.
    pub p: f64,
}

/// [`welch`]'s outcome.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Welch {
    /// The t statistic.
    pub t: f64,
    /// Degrees of freedom (Welch–Satterthwaite).
    pub df: f64,
    /// The p-value.
    pub p: f64,
}

/// Up to this many values the signed-rank and rank-sum distributions are
/// counted out, if there are no ties; beyond, and with ties, they are
/// approximated by the normal distribution.
const EXACT_UP_TO: usize = 50;

/// Wilcoxon's signed-rank test of paired differences. Zeros are left out; the
/// normal approximation corrects for ties and continuity. `None` without a
/// non-zero difference or with a NaN.
pub fn wilcoxon(differences: &[f64], alternative: Alternative) -> Option<TestResult> {
    if differences.iter().any(|x| x.is_nan()) {
        return None;
    }
    let kept: Vec<f64> = differences.iter().copied().filter(|&x| x != 0.0).collect();
    if kept.is_empty() {
        return None;
    }
    let sizes: Vec<f64> = kept.iter().map(|x| x.abs()).collect();
    let (ranks, ties) = ranks(&sizes);
    let statistic: f64 = kept
        .iter()
        .zip(&ranks)
        .filter(|(x, _)| **x > 0.0)
        .map(|(_, rank)| rank)
        .sum();
    let n = kept.len();
    let p = if ties == 0.0 && n <= EXACT_UP_TO {
        // How many of the 2ⁿ sets of ranks have each sum.
        let mut ways = vec![0.0; n * (n + 1) / 2 + 1];
        ways[0] = 1.0;
        for rank in 1..=n {
            for sum in (rank..ways.len()).rev() {
                ways[sum] += ways[sum - rank];
            }
        }
        exact(&ways, statistic as usize, alternative)
    } else {
        let n = n as f64;
        let expected = n * (n + 1.0) / 4.0;
        let variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - ties / 48.0;
        approximate(statistic - expected, variance.sqrt(), alternative)
    };
    Some(TestResult { statistic, p })
}

/// Mann–Whitney U test of two independent samples; the normal approximation
/// corrects for ties and continuity. `None` for an empty sample, a NaN, or
/// when all values are equal.
pub fn mann_whitney(x: &[f64], y: &[f64], alternative: Alternative) -> Option<TestResult> {
    if x.is_empty() || y.is_empty() {
        return None;
    }
    let all = [x, y].concat();
    if all.iter().any(|x| x.is_nan()) {
        return None;
    }
    let (ranks, ties) = ranks(&all);
    let (n, m) = (x.len(), y.len());
    let (nf, mf) = (n as f64, m as f64);
    let statistic = ranks[..n].iter().sum::<f64>() - nf * (nf + 1.0) / 2.0;
    let p = if ties == 0.0 && n.max(m) <= EXACT_UP_TO {
        exact(&rank_sum_ways(n, m), statistic as usize, alternative)
    } else {
        let total = nf + mf;
        let variance = nf * mf / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
        if variance <= 0.0 {
            return None;
        }
        approximate(statistic - nf * mf / 2.0, variance.sqrt(), alternative)
    };
    Some(TestResult { statistic, p })
}

/// Sign test of paired differences against equal chances; zeros are left out.
/// `None` without a non-zero difference or with a NaN.
pub fn sign_test(differences: &[f64], alternative: Alternative) -> Option<TestResult> {
    if differences.iter().any(|x| x.is_nan()) {
        return None;
    }
    let positive = differences.iter().filter(|&&x| x > 0.0).count();
    let n = positive + differences.iter().filter(|&&x| x < 0.0).count();
    if n == 0 {
        return None;
    }
    // Shares of the binomial distribution, each from the last by their ratio,
    // starting in the middle where they are largest; the scale cancels.
    let mut ways = vec![0.0; n + 1];
    ways[n / 2] = 1.0;
    for k in n / 2..n {
        ways[k + 1] = ways[k] * (n - k) as f64 / (k + 1) as f64;
    }
    for k in (0..n / 2).rev() {
        ways[k] = ways[k + 1] * (k + 1) as f64 / (n - k) as f64;
    }
    Some(TestResult {
        statistic: positive as f64,
        p: exact(&ways, positive, alternative),
    })
}

/// Welch's t-test of two independent samples. `None` for fewer than two values
/// in either, or when neither varies.
pub fn welch(x: &[f64], y: &[f64], alternative: Alternative) -> Option<Welch> {
    let (sx, sy) = (variance(x)? / x.len() as f64, variance(y)? / y.len() as f64);
    let squared = sx + sy;
    if squared.is_nan() || squared <= 0.0 {
        return None;
    }
    let t = (mean(x)? - mean(y)?) / squared.sqrt();
    let share = |s: f64, n: usize| s * s / (n - 1) as f64;
    let df = squared * squared / (share(sx, x.len()) + share(sy, y.len()));
    let p = match alternative {
        Alternative::TwoSided => 2.0 * student_t_sf(t.abs(), df),
        Alternative::Less => student_t_sf(-t, df),
        Alternative::Greater => student_t_sf(t, df),
    };
    Some(Welch { t, df, p })
}

/// Ranks from 1, ties sharing their mean, and Σ (t³ − t) over groups of t ties.
fn ranks(values: &[f64]) -> (Vec<f64>, f64) {
    let mut order: Vec<_> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut ties = 0.0;
    let mut start = 0;
    // In ascending order "not below the next" means equal.
    for group in order.chunk_by(|&a, &b| values[a] >= values[b]) {
        let size = group.len() as f64;
        for &at in group {
            ranks[at] = start as f64 + f64::midpoint(size, 1.0);
        }
        ties += size.powi(3) - size;
        start += group.len();
    }
    (ranks, ties)
}

/// How many of the ways to interleave `n` and `m` values have each U, by the
/// Gaussian binomial coefficient's product formula.
fn rank_sum_ways(n: usize, m: usize) -> Vec<f64> {
    let mut ways = vec![0.0; n * m + 1];
    ways[0] = 1.0;
    for i in 1..=n {
        // Times (1 − q^(m+i)), divided by (1 − q^i).
        for sum in (m + i..ways.len()).rev() {
            ways[sum] -= ways[sum - (m + i)];
        }
        for sum in i..ways.len() {
            ways[sum] += ways[sum - i];
        }
    }
    ways
}

/// p-value under a symmetric distribution given by the weight of each outcome.
fn exact(ways: &[f64], outcome: usize, alternative: Alternative) -> f64 {
    let total: f64 = ways.iter().sum();
    let less = ways[..=outcome].iter().sum::<f64>() / total;
    let greater = ways[outcome..].iter().sum::<f64>() / total;
    match alternative {
        Alternative::TwoSided => (2.0 * less.min(greater)).min(1.0),
        Alternative::Less => less,
        Alternative::Greater => greater,
    }
}

/// p-value by the normal distribution with continuity correction.
fn approximate(difference: f64, deviation: f64, alternative: Alternative) -> f64 {
    match alternative {
        Alternative::TwoSided => {
            (2.0 * normal_cdf(-(difference.abs() - 0.5).max(0.0) / deviation)).min(1.0)
        }
        Alternative::Less => normal_cdf((difference + 0.5) / deviation),
        Alternative::Greater => normal_cdf(-(difference - 0.5) / deviation),
    }
}
