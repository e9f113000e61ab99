//! What the campaign has learned, as typed entries.
//!
//! Effect sizes are computed here from measured numbers; an agent only names
//! which measurements to compare.

use protocol::Interval;
use serde::{Deserialize, Serialize};

use super::ids::{AgentId, ExperimentId, TryId};

/// A measurement that an entry rests on.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// A full evaluation.
    Experiment(ExperimentId),
    /// A quick look.
    Try(TryId),
}

/// Where a claim was seen to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Tasks.
    #[serde(default)]
    pub tasks: Vec<String>,
    /// Template or technique.
    #[serde(default)]
    pub technique: Option<String>,
}

/// How sure an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// The interval includes no effect, or evidence contradicts.
    Low,
    /// The interval excludes no effect, from quick looks.
    Medium,
    /// The interval excludes no effect, from full evaluations.
    High,
}

impl Confidence {
    /// The word used in documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// A factor on the metric with its 95% interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// The factor; above 1 the metric is larger with the technique.
    pub ratio: f64,
    /// 95% interval of the factor, where both sides had one.
    pub ci: Option<Interval>,
}

/// One thing learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// What is claimed, in a sentence.
    pub claim: String,
    /// Where it was seen.
    pub scope: Scope,
    /// What to do next time.
    #[serde(rename = "do")]
    pub do_: String,
    /// What to leave next time.
    pub do_not: String,
    /// How large the effect is.
    pub effect: Option<Effect>,
    /// Measurements that agree with the claim.
    pub supporting: Vec<Evidence>,
    /// Measurements that disagree.
    pub contradicting: Vec<Evidence>,
    /// How sure it is.
    pub confidence: Confidence,
    /// Who wrote it.
    pub by: AgentId,
}

/// A measured number: the estimate and its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number {
    /// Estimate, above 0.
    pub value: f64,
    /// 95% interval.
    pub ci: Option<Interval>,
}

/// Ratio of two independent positive numbers. Their intervals are combined on
/// the log scale, in quadrature, which is exact for log-normal estimates.
pub fn ratio(with: Number, without: Number) -> Option<Effect> {
    let positive = |number: Number| {
        number.value.is_finite()
            && number.value > 0.0
            && number
                .ci
                .is_none_or(|ci| ci.lo() > 0.0 && ci.hi().is_finite())
    };
    if !positive(with) || !positive(without) {
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

/// Mean of several effects on the log scale; the interval shrinks as for
/// independent ones. None for an empty list.
pub fn pool(effects: &[Effect]) -> Option<Effect> {
    if effects.is_empty() {
        return None;
    }
    let n = effects.len() as f64;
    let mean = effects.iter().map(|e| e.ratio.ln()).sum::<f64>() / n;
    let half = |pick: fn(&Effect, Interval) -> f64| {
        effects
            .iter()
            .map(|e| e.ci.map(|ci| pick(e, ci).ln().powi(2)))
            .sum::<Option<f64>>()
            .map(|sum| sum.sqrt() / n)
    };
    let down = half(|e, ci| e.ratio / ci.lo());
    let up = half(|e, ci| ci.hi() / e.ratio);
    Some(Effect {
        ratio: mean.exp(),
        ci: down
            .zip(up)
            .map(|(down, up)| Interval((mean - down).exp(), (mean + up).exp())),
    })
}

/// How sure `effect` makes a claim that rests on full evaluations, or not.
pub fn confidence(effect: Option<Effect>, evaluated: bool, contradicted: bool) -> Confidence {
    let clear = effect
        .and_then(|e| e.ci)
        .is_some_and(|ci| ci.lo() > 1.0 || ci.hi() < 1.0);
    if !clear || contradicted {
        Confidence::Low
    } else if evaluated {
        Confidence::High
    } else {
        Confidence::Medium
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
        assert_eq!(confidence(clear, true, true), Confidence::Low);
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
}
