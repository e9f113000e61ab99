//! Resolved settings of a campaign: what `campaign.toml` holds and what
//! every decision is made from.

use protocol::{ContentHash, Direction};
use serde::{Deserialize, Serialize};

use super::models::ModelSettings;
use super::search_policy::SearchPolicy;
use super::shares::Shares;
use super::staff::StaffSettings;
use super::statistics::Statistics;
use super::strategy::Strategy;

/// The device that is measured on where no other is asked for.
pub const USUAL_DEVICE: &str = "cpu";

/// Slots for each act of the lab that waits for whichever is free first.
const SLOTS_PER_WAITING: usize = 4;

/// What is compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricSettings {
    /// Key in a report's metrics.
    pub name: String,
    /// Unit.
    pub unit: String,
    /// Which way is better.
    pub direction: Direction,
    /// What the metric is relative to, in words.
    pub baseline: String,
    /// Value of the metric that equals the baseline; absent until somebody has
    /// measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline_value: Option<f64>,
}

/// One task or data set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskSource {
    /// Short name, unique in the campaign.
    pub name: String,
    /// What the lab is asked for: a path.
    pub source: String,
}

/// Hard limits; absent means unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Evaluated experiments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experiments: Option<u32>,
    /// Running time in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_s: Option<f64>,
    /// US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd: Option<f64>,
    /// Tokens, in and out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
}

/// How the budget is shared out; code applies it, prompts only mention it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Most quick looks one worker may take.
    pub tries_per_worker: u32,
    /// Most candidates one worker should submit.
    pub finalists: u32,
    /// Seconds one quick look usually takes.
    pub try_s: f64,
    /// Seconds one evaluation usually takes.
    pub evaluate_s: f64,
    /// Seconds the re-measurement usually takes, with the start of its process.
    pub remeasure_s: f64,
    /// Relative improvement under which a task counts as converged.
    pub converged_gain: f64,
    /// Most model turns of one agent.
    pub turns: u32,
    /// Seconds to wait at most before a turn that failed is asked for again
    /// the first time; the longest wait doubles each time.
    #[serde(default = "retry_s")]
    pub retry_s: f64,
    /// How comparisons are made.
    #[serde(default, skip_serializing_if = "Statistics::is_default")]
    pub statistics: Statistics,
    /// What counts as tried, and which steps are admitted when.
    #[serde(default)]
    pub search: SearchPolicy,
}

fn retry_s() -> f64 {
    1.0
}

/// Everything a run was started with, with all defaults resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Version of this document.
    pub schema: u32,
    /// Name of the adapter.
    pub adapter: String,
    /// Domain, as the adapter names it.
    pub domain: String,
    /// What the user wants.
    pub objective: String,
    /// Name of the lab's binary.
    pub lab: String,
    /// Device to measure on.
    pub device: String,
    /// What the lab compiles for, such as `sm_90a`, where that is not its usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// Whether a simulator stands in for it: then the metric is what the lab's model
    /// makes of it, and there is no baseline.
    #[serde(default, skip_serializing_if = "is_false")]
    pub simulated: bool,
    /// Which model plays the roles: the first of them where there are several,
    /// or the one that answers for all of them from a recording.
    pub model: String,
    /// The models, where there are several.
    #[serde(default, skip_serializing_if = "ModelSettings::is_empty")]
    pub models: ModelSettings,
    /// Where experiments run.
    pub executor: String,
    /// Number of workers, each with a measuring slot of its own.
    pub workers: u32,
    /// Seed of every choice that is not the lab's.
    pub seed: u64,
    /// What is compared.
    pub metric: MetricSettings,
    /// Hard limits.
    pub limits: Limits,
    /// What each role may use of the dollars and tokens.
    #[serde(default, skip_serializing_if = "Shares::is_empty")]
    pub shares: Shares,
    /// How the search goes about it.
    #[serde(default)]
    pub strategy: Strategy,
    /// When the agents beside the search are called; absent where there are
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staff: Option<StaffSettings>,
    /// Changes of each task's winner that are undone, one by one, when the
    /// search is over.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ablations: u32,
    /// Phases that a person must let begin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<u8>,
    /// How the budget is shared out.
    pub policy: Policy,
    /// The tasks, in order.
    pub tasks: Vec<TaskSource>,
    /// The data, a path; empty where the tasks are all there is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub data: String,
    /// Last phase of the campaign.
    #[serde(default = "last_phase")]
    pub until: u8,
    /// How agents build the evaluation; absent where a lab measures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<EvaluationSettings>,
    /// How agents may look at the web; absent where they may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web: Option<WebSettings>,
    /// Packages that agents have beside those of their environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<PythonSettings>,
}

impl Settings {
    /// Acts of the lab that may be under way at once: one for each slot and,
    /// for every four slots, one that waits for whichever is free first. A
    /// slot then goes on before its last result is worked up.
    pub fn acts_at_once(&self) -> usize {
        let slots = self.workers as usize;
        slots + slots / SLOTS_PER_WAITING
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks like this")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks like this")]
fn is_false(value: &bool) -> bool {
    !*value
}

fn last_phase() -> u8 {
    3
}

/// How an evaluation comes to be that no lab brings along.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationSettings {
    /// Most rounds of building and reviewing.
    pub rounds: u32,
    /// Seconds that one command of an agent may take at most.
    pub command_s: u64,
    /// Seconds that one command of the evaluation may take.
    pub timeout_s: u32,
}

/// What of the web agents may look at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebSettings {
    /// A search endpoint of the user's, beside those for papers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_url: Option<String>,
    /// Hosts that may be reached although they are not on the public internet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_hosts: Vec<String>,
}

/// Packages that were installed into the campaign's folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PythonSettings {
    /// What was declared, as `name==version`.
    pub extras: Vec<String>,
    /// Hash of the lock and all that was installed.
    pub hash: ContentHash,
}

/// Version of [`Settings`].
pub const SETTINGS_SCHEMA: u32 = 1;
