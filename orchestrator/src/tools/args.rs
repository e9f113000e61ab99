//! Arguments of the tools; their JSON Schemas are what models are shown.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::core::ids::ExperimentId;
use crate::core::playbook::{Evidence, Scope};

/// Names of things in a campaign, as short texts.
pub type Names = Vec<String>;

/// Nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Empty {}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Inspect {
    /// Name of the task.
    pub task: String,
}

/// A candidate for a quick look: a template with a point of its space.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabCandidate {
    /// Name of the template.
    pub template: String,
    /// Value for each parameter; absent ones take their default.
    #[serde(default)]
    pub params: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Propose {
    /// Name of the task.
    pub task: String,
    /// A short name for the experiment.
    pub name: String,
    /// What is expected and why.
    pub hypothesis: String,
    /// Templates to look at; all that fit, if empty.
    #[serde(default)]
    pub templates: Names,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Cancel {
    /// Number of the experiment.
    pub experiment: ExperimentId,
    /// Why.
    pub reason: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Submit {
    /// Number of the experiment it is for; a new one, if absent.
    #[serde(default)]
    pub experiment: Option<ExperimentId>,
    /// Name of the template.
    pub template: String,
    /// Value for each parameter; absent ones take their default.
    #[serde(default)]
    pub params: BTreeMap<String, Value>,
}

/// Two measurements whose ratio is an effect.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// With the technique.
    pub with: Evidence,
    /// Without it; absent to compare with the baseline.
    #[serde(default)]
    pub without: Option<Evidence>,
}

/// One thing learned, as an agent words it.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaybookClaim {
    /// What is claimed, in a sentence, without numbers.
    pub claim: String,
    /// Where it was seen.
    #[serde(default)]
    pub scope: Scope,
    /// What to do next time.
    #[serde(rename = "do", default)]
    pub do_: String,
    /// What to leave next time.
    #[serde(default)]
    pub do_not: String,
    /// The measurements it rests on.
    pub compare: Vec<Compare>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Learn {
    /// What was learned.
    pub entries: Vec<PlaybookClaim>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CloseTask {
    /// Name of the task.
    pub task: String,
    /// Why it gets no more work.
    pub reason: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Finish {
    /// What was done, in a sentence.
    pub summary: String,
    /// Tasks that get no more work; strategists only.
    #[serde(default)]
    pub close: Vec<CloseTask>,
}
