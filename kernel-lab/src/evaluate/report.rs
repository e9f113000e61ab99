//! From samples to the numbers of a report.

use std::collections::BTreeMap;

use protocol::{Check, Interval, Metric};
use serde_json::{Value, json};
use stats::Resampling;

use super::duel::{CANDIDATE, COMPILED, EAGER};
use crate::baseline::Baselines;
use crate::timing::sampler::Samples;

/// What timing came to.
#[derive(Debug)]
pub(crate) struct Scores {
    pub(crate) metrics: BTreeMap<String, Metric>,
    pub(crate) diagnostics: BTreeMap<String, Value>,
    /// The faster baseline among the contestants.
    pub(crate) winner: usize,
    /// Median of the candidate, in nanoseconds.
    pub(crate) candidate_ns: f64,
}

/// Numbers from a session of candidate, eager and compiled model.
pub(crate) fn scores(samples: &Samples, baselines: &Baselines, seed: u64) -> Option<Scores> {
    let candidate = samples.of(CANDIDATE);
    let candidate_ns = stats::median(&candidate)?;
    let winner = faster_baseline(samples)?;
    let name = if winner == COMPILED {
        "compile"
    } else {
        "eager"
    };
    let eager = samples.of(EAGER);
    let compiled = samples.of(COMPILED);

    let mut metrics = BTreeMap::from([
        ("speedup".to_owned(), speedup(samples, winner, seed)?),
        ("candidate_ms".to_owned(), metric_ms(&candidate, seed)),
    ]);
    for (name, times) in [("eager_ms", &eager), ("compile_ms", &compiled)] {
        if !times.is_empty() {
            metrics.insert(name.to_owned(), metric_ms(times, seed));
        }
    }
    let mut diagnostics = BTreeMap::from([
        ("baseline".to_owned(), json!(name)),
        (
            "compile_mode".to_owned(),
            json!(baselines.mode.map(torch_bridge::CompileMode::name)),
        ),
        ("rounds_dropped".to_owned(), json!(samples.contaminated)),
        ("rounds_disturbed".to_owned(), json!(samples.disturbed)),
        ("steal_ticks".to_owned(), json!(samples.steal_ticks)),
    ]);
    if let Some(failure) = &baselines.failure {
        diagnostics.insert("compile_failure".to_owned(), json!(failure));
    }
    Some(Scores {
        metrics,
        diagnostics,
        winner,
        candidate_ns,
    })
}

/// The baseline with the lower median.
pub(crate) fn faster_baseline(samples: &Samples) -> Option<usize> {
    let median = |contestant| stats::median(&samples.of(contestant));
    match (median(EAGER), median(COMPILED)) {
        (Some(eager_ns), Some(compiled_ns)) if compiled_ns < eager_ns => Some(COMPILED),
        (None, Some(_)) => Some(COMPILED),
        (Some(_), _) => Some(EAGER),
        (None, None) => None,
    }
}

/// A baseline's time over the candidate's, by medians of the rounds that both
/// took part in.
pub(crate) fn speedup(samples: &Samples, baseline: usize, seed: u64) -> Option<Metric> {
    let (own, other) = samples.pairs(CANDIDATE, baseline);
    let ratio = stats::ratio_of_medians(&other, &own, &resampling(seed))?;
    Some(Metric {
        value: ratio.value,
        unit: "ratio".to_owned(),
        ci: Some(Interval(ratio.ci.lo, ratio.ci.hi)),
        n: own.len() as u32,
    })
}

/// Median of times in nanoseconds as a metric in milliseconds.
pub(crate) fn metric_ms(times_ns: &[f64], seed: u64) -> Metric {
    let times_ms: Vec<f64> = times_ns.iter().map(|ns| ns / 1e6).collect();
    Metric {
        value: stats::median(&times_ms).unwrap_or(f64::NAN),
        unit: "ms".to_owned(),
        ci: interval_of(&times_ms, seed),
        n: times_ms.len() as u32,
    }
}

/// How final intervals are made: 4000 resamples, 95%.
pub(crate) fn resampling(seed: u64) -> Resampling {
    Resampling {
        seed,
        ..Resampling::default()
    }
}

/// 95% interval of a median; absent for a single sample.
pub(crate) fn interval_of(values: &[f64], seed: u64) -> Option<Interval> {
    if values.len() < 2 {
        return None;
    }
    let median = |sample: &[f64]| stats::median(sample).unwrap_or(f64::NAN);
    let interval = stats::percentile(values, median, &resampling(seed))?;
    Some(Interval(interval.lo, interval.hi))
}

/// A passed or failed check.
pub(crate) fn check(name: &str, passed: bool, detail: impl Into<String>) -> Check {
    Check {
        name: name.to_owned(),
        passed,
        detail: detail.into(),
    }
}

/// Raw samples as JSON lines: round, role, nanoseconds.
pub(crate) fn raw_lines(samples: &Samples) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for (round, times) in samples.rounds.iter().enumerate() {
        for (contestant, time) in times.iter().enumerate() {
            let role = ["candidate", "eager", "compile"]
                .get(contestant)
                .unwrap_or(&"other");
            if let Some(ns) = time {
                // Writing to a String can't fail.
                let _ = writeln!(
                    text,
                    "{{\"round\":{round},\"role\":\"{role}\",\"ns\":{ns}}}"
                );
            }
        }
    }
    text
}
