//! `manifest.toml`: what the harness needs to know about a domain.

use std::path::PathBuf;

use protocol::Direction;
use serde::{Deserialize, Serialize};

use crate::core::settings::{MetricSettings, Policy};
use crate::core::shares::Shares;
use crate::core::staff::StaffSettings;

/// Budgets of a run that names none.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Budgets {
    /// Evaluated experiments.
    pub experiments: u32,
    /// Running time in hours.
    pub hours: f64,
    /// US dollars for models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd: Option<f64>,
    /// Tokens of models, in and out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// For how many tasks experiments and hours are meant: a run on more has as
    /// much more of both. Where it is not given, they are the same for any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<u32>,
    /// Hours of GPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_hours: Option<f64>,
    /// What each role may use of the dollars and tokens.
    #[serde(default, skip_serializing_if = "Shares::is_empty")]
    pub shares: Shares,
}

impl Budgets {
    /// Experiments and hours of a run on so many tasks.
    pub fn on(&self, tasks: usize) -> (u32, f64) {
        let most = u32::try_from(tasks).unwrap_or(u32::MAX);
        let times = self
            .tasks
            .map_or(1.0, |meant| (f64::from(most) / f64::from(meant)).max(1.0));
        let experiments = (f64::from(self.experiments) * times).ceil();
        (experiments as u32, self.hours * times)
    }
}

/// The adapter's `manifest.toml`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this document.
    pub schema: u32,
    /// Name of the adapter.
    pub name: String,
    /// Its domain, in words.
    pub domain: String,
    /// Objective of a run that names none.
    pub objective: String,
    /// Name of the lab's binary; empty in a domain without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub lab: String,
    /// Data of a run that names none, relative to the home of the shipped
    /// data; empty where none is shipped.
    #[serde(default, skip_serializing_if = "is_empty_path")]
    pub default_data: PathBuf,
    /// Tasks of a run that names neither data nor tasks; all where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub default_tasks: Vec<String>,
    /// Extension of a task's file; files of the same stem belong to it. Empty
    /// where the data is one task.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub task_extension: String,
    /// What is compared.
    pub metric: Metric,
    /// How it is computed where no lab does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<EvaluationCommands>,
    /// What a candidate consists of, where no lab says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<ExperimentLayout>,
    /// Budgets of a run that names none.
    pub budgets: Budgets,
    /// How budgets are shared out.
    pub policy: Policy,
    /// When the agents beside the search are called, where that is not the
    /// usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staff: Option<StaffSettings>,
}

fn is_empty_path(path: &std::path::Path) -> bool {
    path.as_os_str().is_empty()
}

/// The metric in a manifest.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Key in a report's metrics.
    pub name: String,
    /// Unit; `1` for a pure number.
    pub unit: String,
    /// Which way is better.
    pub direction: Direction,
    /// What it is relative to.
    pub baseline: String,
    /// Value that equals the baseline, where it follows from the metric's
    /// definition; absent where it has to be measured first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline_value: Option<f64>,
    /// The well-known formula that it claims to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub formula: Option<String>,
}

impl From<Metric> for MetricSettings {
    fn from(metric: Metric) -> Self {
        Self {
            name: metric.name,
            unit: metric.unit,
            direction: metric.direction,
            baseline: metric.baseline,
            baseline_value: metric.baseline_value,
        }
    }
}

/// The commands that measure in a domain without a lab.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationCommands {
    /// Makes the splits from the raw data; trusted.
    pub prepare: Vec<String>,
    /// The candidate's: sees training data and inputs only.
    pub run: Vec<String>,
    /// Turns predictions and hidden answers into metrics; trusted.
    pub score: Vec<String>,
    /// Seconds each of them may take.
    pub timeout_s: u32,
}

/// What a candidate's folder must hold.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ExperimentLayout {
    /// Files that must be there, relative to the folder.
    pub files: Vec<String>,
    /// Largest size of the whole folder in KiB.
    pub largest_kib: u32,
}

/// Who measures the candidates of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judge<'a> {
    /// A lab, by the name of its binary.
    Lab(&'a str),
    /// Commands of the evaluation's folder.
    Commands(&'a EvaluationCommands),
}

/// Nobody can measure the candidates.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "adapter `{adapter}` measures with the lab `{lab}`, which is not built here, and names no evaluation commands \
     to do without it: build the lab, or choose another adapter"
)]
pub struct NoJudge {
    /// Name of the adapter.
    pub adapter: String,
    /// The lab it needs.
    pub lab: String,
}

impl Manifest {
    /// Who measures: the lab where it is built, else the evaluation's
    /// commands. `built` says whether a lab is there.
    pub fn judge(&self, built: impl FnOnce(&str) -> bool) -> Result<Judge<'_>, NoJudge> {
        if !self.lab.is_empty() && built(&self.lab) {
            return Ok(Judge::Lab(&self.lab));
        }
        self.evaluation
            .as_ref()
            .map(Judge::Commands)
            .ok_or_else(|| NoJudge {
                adapter: self.name.clone(),
                lab: self.lab.clone(),
            })
    }
}
