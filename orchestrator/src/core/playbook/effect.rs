//! Effect sizes: ratios of measured numbers with intervals, pooled, and made
//! to count less as they get old.
//!
//! All of it is on the log scale, where a ratio and its inverse are equally
//! far from no effect.

use protocol::Interval;
use serde::{Deserialize, Serialize};

use super::Confidence;

/// Half-width of a 95% interval in standard errors: the 97.5th percentile of
/// the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// What evidence counts for after each campaign in which it was not measured
/// again. Our choice: after three campaigns an eighth is left, so that an
/// effect must be about three times as clear as in a fresh measurement to be
/// believed still.
const KEPT_PER_CAMPAIGN: f64 = 0.5;

/// What evidence counts for that was measured `age` campaigns ago: 1 if it was
/// in this one.
pub fn weight(age: u32) -> f64 {
    KEPT_PER_CAMPAIGN.powi(i32::try_from(age).unwrap_or(i32::MAX))
}

/// A factor on the metric with its 95% interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// The factor; above 1 the metric is larger with the technique.
    pub ratio: f64,
    /// 95% interval of the factor, where both sides had one.
    pub ci: Option<Interval>,
}

/// A measured number: the estimate and its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number {
    /// Estimate, above 0.
    pub value: f64,
    /// 95% interval.
    pub ci: Option<Interval>,
}

impl Number {
    /// Whether it has a logarithm, and its interval too.
    pub fn is_positive(&self) -> bool {
        let ends = |ci: Interval| ci.lo() > 0.0 && ci.hi().is_finite() && ci.lo() <= ci.hi();
        self.value.is_finite() && self.value > 0.0 && self.ci.is_none_or(ends)
    }

    /// The geometric mean of measurements of one thing; one measurement is
    /// left as it is. None for no measurement.
    pub(super) fn mean(numbers: &[Self]) -> Option<Self> {
        let [first, rest @ ..] = numbers else {
            return None;
        };
        if rest.is_empty() {
            return Some(*first);
        }
        let n = numbers.len() as f64;
        let mean = numbers.iter().map(|x| x.value.ln()).sum::<f64>() / n;
        let variances = numbers.iter().map(|x| x.ci.map(log_variance));
        let se = variances.sum::<Option<f64>>().map(|sum| sum.sqrt() / n);
        let effect = Effect::of(mean, se);
        Some(Self {
            value: effect.ratio,
            ci: effect.ci,
        })
    }
}

/// Squared standard error on the log scale of what has this 95% interval:
/// Cochrane Handbook for Systematic Reviews of Interventions, version 6,
/// section 6.3.2.
fn log_variance(ci: Interval) -> f64 {
    ((ci.hi() / ci.lo()).ln() / (2.0 * Z)).powi(2)
}

impl Effect {
    /// From a mean and a standard error on the log scale.
    fn of(mean: f64, se: Option<f64>) -> Self {
        Self {
            ratio: mean.exp(),
            ci: se.map(|se| Interval((mean - Z * se).exp(), (mean + Z * se).exp())),
        }
    }

    /// Whether the interval excludes no effect.
    pub fn is_clear(&self) -> bool {
        self.ci
            .is_some_and(|ci| self.ratio.is_finite() && (ci.lo() > 1.0 || ci.hi() < 1.0))
    }

    /// Whether it is a number that can be reckoned with.
    pub(super) fn is_sound(&self) -> bool {
        let number = Number {
            value: self.ratio,
            ci: self.ci,
        };
        let inside = |ci: Interval| {
            let slack = 1e-9 * self.ratio;
            ci.lo() <= self.ratio + slack && self.ratio <= ci.hi() + slack
        };
        number.is_positive() && self.ci.is_none_or(inside)
    }

    /// Whether the metric is larger with the technique.
    pub fn raises(&self) -> bool {
        self.ratio >= 1.0
    }

    /// Whether it clearly says the opposite of an effect on this side.
    pub(super) fn contradicts(&self, raises: bool) -> bool {
        self.is_clear() && self.raises() != raises
    }

    /// The same with both sides changed for each other.
    #[must_use]
    pub fn inverse(&self) -> Self {
        Self {
            ratio: 1.0 / self.ratio,
            ci: self.ci.map(|ci| Interval(1.0 / ci.hi(), 1.0 / ci.lo())),
        }
    }

    /// The same for evidence that counts less: its variance is divided by
    /// `weight`, as if the measurements had been fewer. This is the power prior
    /// of Ibrahim and Chen (2000), Statistical Science 15:46-60, for a normal
    /// likelihood.
    #[must_use]
    pub(super) fn discounted(&self, weight: f64) -> Self {
        let se = self.ci.map(|ci| (log_variance(ci) / weight).sqrt());
        Self::of(self.ratio.ln(), se)
    }

    /// What older evidence that counts for `weight` and newer evidence say
    /// together: means weighted by precision, the older one's discounted.
    /// Without an interval on either side the newer stands alone.
    pub(super) fn updated(older: &Self, weight: f64, newer: &Self) -> Self {
        let precision = |effect: &Self, weight: f64| {
            let variance = effect.ci.map(log_variance);
            variance.filter(|v| *v > 0.0).map(|v| weight / v)
        };
        match (precision(older, weight), precision(newer, 1.0)) {
            (Some(a), Some(b)) => {
                let mean = (a * older.ratio.ln() + b * newer.ratio.ln()) / (a + b);
                Self::of(mean, Some((a + b).sqrt().recip()))
            }
            _ => *newer,
        }
    }
}

/// Ratio of two independent positive numbers. Their intervals are combined on
/// the log scale, in quadrature, which is exact for log-normal estimates.
pub fn ratio(with: Number, without: Number) -> Option<Effect> {
    if !with.is_positive() || !without.is_positive() {
        return None;
    }
    let centre = with.value / without.value;
    let ci = with.ci.zip(without.ci).map(|(a, b)| {
        let down = (with.value / a.lo())
            .ln()
            .hypot((b.hi() / without.value).ln());
        let up = (a.hi() / with.value)
            .ln()
            .hypot((without.value / b.lo()).ln());
        Interval(centre * (-down).exp(), centre * up.exp())
    });
    Some(Effect { ratio: centre, ci })
}

/// Mean of several independent effects, which may differ by more than their
/// noise: the random-effects estimate of `DerSimonian` and Laird (1986),
/// Controlled Clinical Trials 7:177-188. Effects without an interval count only
/// where none has one. None for an empty list.
pub fn pool(effects: &[Effect]) -> Option<Effect> {
    let known: Vec<(f64, f64)> = effects
        .iter()
        .filter_map(|e| Some((e.ratio.ln(), log_variance(e.ci?))))
        .collect();
    match known.as_slice() {
        [] if effects.is_empty() => None,
        [] => {
            let logs = effects.iter().map(|e| e.ratio.ln());
            Some(Effect::of(logs.sum::<f64>() / effects.len() as f64, None))
        }
        // As it was measured: its interval need not be symmetric.
        [_] => effects.iter().find(|e| e.ci.is_some()).copied(),
        several => Some(random_effects(several)),
    }
}

/// From means and variances on the log scale, at least two.
fn random_effects(known: &[(f64, f64)]) -> Effect {
    // A number that is exact would have all the weight there is.
    let exact = |v: f64| v.max(1e-12);
    let mean = |weights: &[f64]| {
        let sum: f64 = weights.iter().sum();
        let products = weights.iter().zip(known).map(|(w, (y, _))| w * y);
        products.sum::<f64>() / sum
    };
    let weights: Vec<f64> = known.iter().map(|(_, v)| exact(*v).recip()).collect();
    let fixed = mean(&weights);
    let sum: f64 = weights.iter().sum();
    let squares: f64 = weights.iter().map(|w| w * w).sum();
    let q: f64 = weights
        .iter()
        .zip(known)
        .map(|(w, (y, _))| w * (y - fixed).powi(2))
        .sum();
    let freedom = known.len() as f64 - 1.0;
    let between = ((q - freedom) / (sum - squares / sum)).max(0.0);
    let weights: Vec<f64> = known
        .iter()
        .map(|(_, v)| (exact(*v) + between).recip())
        .collect();
    let se = weights.iter().sum::<f64>().sqrt().recip();
    Effect::of(mean(&weights), Some(se))
}

/// How sure `effect` makes a claim that rests on full evaluations, or not.
/// What contradicts it costs one step.
pub fn confidence(effect: Option<Effect>, evaluated: bool, contradicted: bool) -> Confidence {
    let clear = effect.is_some_and(|effect| effect.is_clear());
    match (clear, evaluated, contradicted) {
        (false, _, _) | (true, false, true) => Confidence::Low,
        (true, false, false) | (true, true, true) => Confidence::Medium,
        (true, true, false) => Confidence::High,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: f64, lo: f64, hi: f64) -> Number {
        Number {
            value,
            ci: Some(Interval(lo, hi)),
        }
    }

    #[test]
    fn ratio_combines_intervals_in_quadrature() {
        // Half-widths of 3% and 4% on the log scale make 5%.
        let a = number(2.0, 2.0 * (-0.03_f64).exp(), 2.0 * 0.03_f64.exp());
        let b = number(1.0, (-0.04_f64).exp(), 0.04_f64.exp());
        let effect = ratio(a, b).unwrap();
        let ci = effect.ci.unwrap();
        assert!((effect.ratio - 2.0).abs() < 1e-12);
        assert!((ci.lo() - 2.0 * (-0.05_f64).exp()).abs() < 1e-9);
        assert!((ci.hi() - 2.0 * 0.05_f64.exp()).abs() < 1e-9);
        assert!(ratio(number(0.0, 0.0, 1.0), b).is_none());
    }

    #[test]
    fn confidence_needs_an_interval_off_one() {
        let clear = ratio(number(2.0, 1.9, 2.1), number(1.0, 0.9, 1.1));
        let vague = ratio(number(1.01, 0.9, 1.1), number(1.0, 0.9, 1.1));
        assert_eq!(confidence(clear, true, false), Confidence::High);
        assert_eq!(confidence(clear, false, false), Confidence::Medium);
        assert_eq!(confidence(clear, true, true), Confidence::Medium);
        assert_eq!(confidence(clear, false, true), Confidence::Low);
        assert_eq!(confidence(vague, true, false), Confidence::Low);
        assert_eq!(confidence(None, true, false), Confidence::Low);
    }

    #[test]
    fn pooling_two_equal_effects_narrows() {
        let one = ratio(number(2.0, 1.8, 2.2), number(1.0, 0.9, 1.1)).unwrap();
        let both = pool(&[one, one]).unwrap();
        assert!((both.ratio - 2.0).abs() < 1e-9);
        assert!(both.ci.unwrap().lo() > one.ci.unwrap().lo());
        assert!(pool(&[]).is_none());
    }

    /// The thirteen trials of the BCG vaccine in Colditz et al. (1994), JAMA
    /// 271:698-702, as in `dat.bcg` of the R package metafor: cases and
    /// others, vaccinated and not. metafor's `rma(measure = "RR", method =
    /// "DL")` gives a log ratio of -0.7141 with interval -1.0644 to -0.3638.
    #[test]
    fn pooling_agrees_with_metafor() {
        let trials = [
            [4.0, 119.0, 11.0, 128.0],
            [6.0, 300.0, 29.0, 274.0],
            [3.0, 228.0, 11.0, 209.0],
            [62.0, 13_536.0, 248.0, 12_619.0],
            [33.0, 5_036.0, 47.0, 5_761.0],
            [180.0, 1_361.0, 372.0, 1_079.0],
            [8.0, 2_537.0, 10.0, 619.0],
            [505.0, 87_886.0, 499.0, 87_892.0],
            [29.0, 7_470.0, 45.0, 7_232.0],
            [17.0, 1_699.0, 65.0, 1_600.0],
            [186.0, 50_448.0, 141.0, 27_197.0],
            [5.0, 2_493.0, 3.0, 2_338.0],
            [27.0, 16_886.0, 29.0, 17_825.0],
        ];
        let effects = trials.map(|[a, b, c, d]| {
            let log = f64::ln(a / (a + b) / (c / (c + d)));
            let variance = 1.0 / a - 1.0 / (a + b) + 1.0 / c - 1.0 / (c + d);
            Effect::of(log, Some(f64::sqrt(variance)))
        });
        let pooled = pool(&effects).unwrap();
        let ci = pooled.ci.unwrap();
        for (found, expected) in [
            (pooled.ratio, -0.7141),
            (ci.lo(), -1.0644),
            (ci.hi(), -0.3638),
        ] {
            assert!((found.ln() - expected).abs() < 6e-5, "{found} {expected}");
        }
    }

    #[test]
    fn older_evidence_counts_for_less() {
        let old = Effect::of(0.4, Some(0.1));
        let new = Effect::of(-0.2, Some(0.1));
        // Equal precision, weights 1/2 and 1: a third and two thirds.
        let both = Effect::updated(&old, weight(1), &new);
        assert!((both.ratio.ln() - (0.4 / 3.0 - 0.4 / 3.0)).abs() < 1e-12);
        // Half the weight is twice the variance.
        let discounted = old.discounted(0.5);
        let variance = log_variance(discounted.ci.unwrap());
        assert!((variance - 0.02).abs() < 1e-12);
        assert!((discounted.ratio - old.ratio).abs() < 1e-12);
    }
}
