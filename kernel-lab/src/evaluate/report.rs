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

/// What the samples of a session say by themselves: the metrics that are made
/// of nothing else, and which baseline was the faster one.
pub(crate) struct Figures {
    /// `speedup`, `candidate_ms`, and `eager_ms` and `compile_ms` where they
    /// took part.
    pub(crate) metrics: BTreeMap<String, Metric>,
    /// The faster baseline among the contestants.
    pub(crate) winner: usize,
    /// Median of the candidate, in nanoseconds.
    pub(crate) candidate_ns: f64,
}

impl Figures {
    /// Name of the faster baseline.
    pub(crate) fn baseline(&self) -> &'static str {
        if self.winner == COMPILED {
            "compile"
        } else {
            "eager"
        }
    }
}

/// Figures of the samples; `seed` is that of the resampling. `None` without
/// samples of the candidate and of a baseline.
pub(crate) fn figures(samples: &Samples, seed: u64) -> Option<Figures> {
    let candidate = samples.of(CANDIDATE);
    let candidate_ns = stats::median(&candidate)?;
    let winner = faster_baseline(samples)?;
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
    Some(Figures {
        metrics,
        winner,
        candidate_ns,
    })
}

/// Numbers from a session of candidate, eager and compiled model.
pub(crate) fn scores(samples: &Samples, baselines: &Baselines, seed: u64) -> Option<Scores> {
    let figures = figures(samples, seed)?;
    let mut diagnostics = BTreeMap::from([
        ("baseline".to_owned(), json!(figures.baseline())),
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
        metrics: figures.metrics,
        diagnostics,
        winner: figures.winner,
        candidate_ns: figures.candidate_ns,
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

/// What the contestants are called in raw samples, by number.
const ROLES: [&str; 3] = ["candidate", "eager", "compile"];

/// Raw samples as JSON lines: round, role, nanoseconds.
pub(crate) fn raw_lines(samples: &Samples) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for (round, times) in samples.rounds.iter().enumerate() {
        for (contestant, time) in times.iter().enumerate() {
            let role = ROLES.get(contestant).unwrap_or(&"other");
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

/// What [`raw_lines`] wrote; an error names the line, counted from 1.
pub(crate) fn read_raw_lines(text: &str) -> Result<Samples, String> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        round: usize,
        role: String,
        ns: f64,
    }
    let mut rounds: Vec<Vec<Option<f64>>> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let problem = |problem: String| format!("line {}: {problem}", number + 1);
        let line: Line = serde_json::from_str(line).map_err(|error| problem(error.to_string()))?;
        let contestant = ROLES
            .iter()
            .position(|role| *role == line.role)
            .ok_or_else(|| problem(format!("`{}` is no role", line.role)))?;
        if line.round > rounds.len() || line.round + 1 < rounds.len() {
            return Err(problem(format!("round {} is out of order", line.round)));
        }
        if line.round == rounds.len() {
            rounds.push(vec![None; ROLES.len()]);
        }
        let time = &mut rounds[line.round][contestant];
        if time.is_some() || !line.ns.is_finite() || line.ns < 0.0 {
            return Err(problem(format!(
                "{} ns of `{}`: a second one in its round, or no time",
                line.ns, line.role
            )));
        }
        *time = Some(line.ns);
    }
    Ok(Samples {
        rounds,
        ..Samples::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_samples_are_read_as_they_were_written() {
        let samples = Samples {
            rounds: vec![
                vec![Some(0.1 + 0.2), Some(3e6), Some(1.0)],
                vec![Some(2.5), None, Some(7.0)],
            ],
            ..Samples::default()
        };
        let text = raw_lines(&samples);
        let read = read_raw_lines(&text).unwrap();
        assert_eq!(read.rounds, samples.rounds);
        let line = |round: usize, role: &str, ns: &str| {
            format!("{{\"round\":{round},\"role\":\"{role}\",\"ns\":{ns}}}\n")
        };
        for (more, word) in [
            (line(1, "candidate", "1"), "second"),
            (line(3, "eager", "1"), "order"),
            (line(2, "other", "1"), "no role"),
            (line(2, "eager", "-1"), "no time"),
            ("{}\n".to_owned(), "round"),
        ] {
            let error = read_raw_lines(&(text.clone() + &more)).unwrap_err();
            assert!(error.starts_with("line 6: "), "{error}");
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn the_faster_baseline_counts() {
        let rounds = (0..20)
            .map(|i| {
                let wobble = f64::from(i % 3);
                vec![
                    Some(100.0 + wobble),
                    Some(300.0 + wobble),
                    Some(200.0 + wobble),
                ]
            })
            .collect();
        let samples = Samples {
            rounds,
            ..Samples::default()
        };
        let figures = figures(&samples, 1).unwrap();
        assert_eq!(figures.baseline(), "compile");
        let speedup = &figures.metrics["speedup"];
        assert!((speedup.value - 201.0 / 101.0).abs() < 1e-12);
        assert_eq!(speedup.n, 20);
    }
}
