//! What a lab says about one experiment.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ContentHash, Split};

/// Whether a smaller or a larger value of a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Smaller is better.
    Minimise,
    /// Larger is better.
    Maximise,
}

/// A two-sided 95% confidence interval, in the unit of its metric.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval(
    /// Lower end.
    pub f64,
    /// Upper end.
    pub f64,
);

impl Interval {
    /// Lower end.
    pub fn lo(&self) -> f64 {
        self.0
    }

    /// Upper end.
    pub fn hi(&self) -> f64 {
        self.1
    }
}

/// One measured number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Metric {
    /// Estimate, in `unit`.
    pub value: f64,
    /// Unit: `ratio`, `ms`, `bits/byte`, …
    pub unit: String,
    /// 95% interval, where the number was sampled more than once.
    pub ci: Option<Interval>,
    /// Number of samples behind the estimate.
    pub n: u32,
}

/// What became of the candidate. A bad candidate is a verdict, never an
/// error: the lab did its work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Verdict {
    /// Verified and measured.
    Ok,
    /// Looked at and refused.
    Rejected {
        /// Where: `task`, `plan`, `compile`, `correctness`, `run`, `measure`, …
        stage: String,
        /// What happened, for people and for models.
        reason: String,
    },
    /// The candidate took its process down.
    Crashed {
        /// Signal number, where one ended it.
        signal: Option<i32>,
        /// What happened and where, as far as it is known.
        reason: String,
    },
    /// The candidate did not finish.
    TimedOut {
        /// The limit it ran into, in milliseconds.
        limit_ms: u64,
        /// What was running.
        reason: String,
    },
}

impl Verdict {
    /// True for [`Verdict::Ok`] alone.
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Ok)
    }

    /// One word for tables: `ok`, `rejected`, `crashed`, `timed_out`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Rejected { .. } => "rejected",
            Self::Crashed { .. } => "crashed",
            Self::TimedOut { .. } => "timed_out",
        }
    }

    /// What happened, empty for `ok`.
    pub fn reason(&self) -> &str {
        match self {
            Self::Ok => "",
            Self::Rejected { reason, .. }
            | Self::Crashed { reason, .. }
            | Self::TimedOut { reason, .. } => reason,
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// Stable name, for scripts.
    pub name: String,
    /// Whether it held.
    pub passed: bool,
    /// What was found.
    pub detail: String,
}

/// A file that belongs to a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Artifact {
    /// Path, relative to the attempt's directory.
    pub path: PathBuf,
    /// Plain SHA-256 of its content, as `sha256sum` prints it.
    pub hash: ContentHash,
}

/// Where and with what something was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Environment {
    /// Device, as its driver or kernel names it.
    pub device: String,
    /// Number of threads each side ran with.
    pub threads: u32,
    /// Seed of the evaluation, drawn after the candidate was fixed. Hexadecimal.
    pub seed: String,
    /// Versions, compiler options, clocks, sandbox backend, … by name.
    pub facts: BTreeMap<String, String>,
}

/// Where the time of an evaluation went, in milliseconds, by phase.
pub type Durations = BTreeMap<String, f64>;

/// Everything a lab says about one attempt at one experiment
/// (`attempt-N/report.json`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// [`crate::PROTOCOL_VERSION`] of the writer.
    pub schema: u32,
    /// Name of the lab.
    pub lab: String,
    /// Which experiment.
    pub experiment: String,
    /// Task or data set it was measured on.
    pub task: String,
    /// Hash of everything that was measured: task source and sizes, and the
    /// candidate's files.
    pub hash: ContentHash,
    /// Which split it was measured on; absent for a `check` or a `try`.
    pub split: Option<Split>,
    /// True for `check` and `try`: such a report never reaches a leaderboard.
    pub provisional: bool,
    /// True when a simulator stood in for the device.
    pub simulated: bool,
    /// What became of the candidate.
    pub verdict: Verdict,
    /// Numbers by metric name; empty unless the verdict is `ok`, except that
    /// baselines may be there.
    pub metrics: BTreeMap<String, Metric>,
    /// Track of the result where the lab tells several apart (kernel-lab:
    /// `pure`, `library-assisted`, `python`).
    pub track: Option<String>,
    /// What was looked at.
    pub checks: Vec<Check>,
    /// Facts for people and models: which baseline won, what limits the
    /// candidate, dropped samples, …
    pub diagnostics: BTreeMap<String, Value>,
    /// Files: sources as measured, raw samples, …
    pub artifacts: Vec<Artifact>,
    /// Where and with what it was measured.
    pub environment: Environment,
    /// Where the time went.
    pub durations_ms: Durations,
}
