//! Numbers from labs, with what they are numbers of.

use std::collections::BTreeMap;

use protocol::{ContentHash, Interval, Report, Split, Verdict};
use serde::{Deserialize, Serialize};

/// One task as it was frozen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrozenTask {
    /// Its name.
    pub name: String,
    /// Hash of its files.
    pub source: ContentHash,
    /// Hash of what the lab found: shapes, sizes, op graph.
    pub inspection: ContentHash,
}

/// What a candidate is compared with: the best prediction that learns nothing,
/// as the frozen evaluation scored it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// What it predicts.
    pub name: String,
    /// Its score on `search`.
    pub value: f64,
    /// The score's 95% interval, where rows don't hang together.
    pub ci: Option<Interval>,
    /// The same prediction on `select`, whose rows are others; absent where
    /// nobody has scored it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<Again>,
}

/// The same on other rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Again {
    /// The score.
    pub value: f64,
    /// Its 95% interval, as in [`Baseline::ci`].
    pub ci: Option<Interval>,
}

impl Baseline {
    /// The score on a split: that of `search` where no other is known.
    pub fn on(&self, split: Split) -> Again {
        let here = self.select.filter(|_| split == Split::Select);
        here.unwrap_or(Again {
            value: self.value,
            ci: self.ci,
        })
    }
}

/// A number from a lab, with the verdict it comes with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// What became of the candidate.
    pub verdict: Verdict,
    /// The campaign's metric; absent unless the verdict is `ok`.
    pub value: Option<f64>,
    /// Its 95% interval.
    pub ci: Option<Interval>,
    /// Samples behind it.
    pub n: u32,
}

impl Score {
    /// Takes `metric` out of a report.
    pub fn of(report: &Report, metric: &str) -> Self {
        let found = if report.verdict.is_ok() {
            report.metrics.get(metric)
        } else {
            None
        };
        Self {
            verdict: report.verdict.clone(),
            value: found.map(|m| m.value).filter(|v| v.is_finite()),
            ci: found.and_then(|m| m.ci),
            n: found.map_or(0, |m| m.n),
        }
    }

    /// The numbers in a verified candidate's report that are `metric` by other
    /// rules; `None` where there are none.
    pub fn also(report: &Report, metric: &str) -> Option<Box<ByOtherRules>> {
        let is_other = |name: &str| {
            let rest = name
                .strip_prefix(metric)
                .and_then(|rest| rest.strip_prefix('_'));
            rest.is_some_and(|rest| !rest.is_empty())
        };
        let metrics = report.metrics.iter().filter(|_| report.verdict.is_ok());
        let known: BTreeMap<String, f64> = metrics
            .filter(|(name, metric)| is_other(name) && metric.value.is_finite())
            .map(|(name, metric)| (name.clone(), metric.value))
            .collect();
        (!known.is_empty()).then(|| Box::new(ByOtherRules(known)))
    }

    /// The number, if the candidate was verified.
    pub fn verified(&self) -> Option<f64> {
        if self.verdict.is_ok() {
            self.value
        } else {
            None
        }
    }
}

/// Numbers by the names of their metrics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByOtherRules(pub BTreeMap<String, f64>);

/// One full measurement of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Split it was measured on.
    pub split: Split,
    /// The number.
    pub score: Score,
    /// Hash of what was measured; absent where the lab gave no report.
    pub hash: Option<ContentHash>,
    /// The lab's report; absent where it gave none.
    pub report: Option<ContentHash>,
    /// SHA-256 of the file that holds the report, as artifacts have it; absent
    /// where there is none, and in logs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<ContentHash>,
    /// Track of the result.
    pub track: Option<String>,
    /// Whether a simulator stood in for the device.
    pub simulated: bool,
    /// What is to be said beside the number: checks that a verified candidate
    /// did not pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caveats: Vec<String>,
    /// The same quantity by other rules: metrics of the report whose name is
    /// the campaign's metric, an underscore and a word (`speedup_consumed`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub also: Option<Box<ByOtherRules>>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// How long its slot had nothing to do before, in milliseconds; absent for
    /// a slot's first work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_ms: Option<f64>,
}
