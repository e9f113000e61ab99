//! Arguments of the tools; their JSON Schemas are what models are shown.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::core::ids::ExperimentId;
use crate::core::lineage::Kind;
use crate::core::playbook::{Evidence, Scope};
use crate::core::words::{NAME, NAMES, PARAGRAPH, SENTENCE};

/// Most entries that one call may add to the playbook.
const ENTRIES: usize = 32;
/// Most pairs of measurements that one entry rests on.
const PAIRS: usize = 200;

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
    #[schemars(length(max = NAME))]
    pub task: String,
}

/// Files of a candidate: content by name.
pub type Files = BTreeMap<String, String>;

/// A candidate: a template with a point of its space, or files of one's own.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabCandidate {
    /// Name of a template that fits the task; absent for files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = NAME))]
    pub template: Option<String>,
    /// Value for each parameter of the template; absent ones take their
    /// default.
    #[serde(default)]
    pub params: BTreeMap<String, Value>,
    /// Files of your own by name, in the form the lab asks for; absent for a
    /// template.
    #[serde(default, skip_serializing_if = "Files::is_empty")]
    pub files: Files,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Propose {
    /// Name of the task.
    #[schemars(length(max = NAME))]
    pub task: String,
    /// A short name for the experiment.
    #[schemars(length(max = NAME))]
    pub name: String,
    /// What is expected and why.
    #[schemars(length(max = PARAGRAPH))]
    pub hypothesis: String,
    /// Templates to look at; all that fit, if empty.
    #[serde(default)]
    #[schemars(length(max = NAMES), inner(length(max = NAME)))]
    pub templates: Names,
    /// What kind of step it is; the board says which a task admits now.
    #[serde(default)]
    pub kind: Kind,
    /// The experiment it goes on from; all kinds but `explore` need one with a
    /// verified result on the task.
    #[serde(default)]
    pub parent: Option<ExperimentId>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Cancel {
    /// Number of the experiment.
    pub experiment: ExperimentId,
    /// Why.
    #[schemars(length(max = SENTENCE))]
    pub reason: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Submit {
    /// Number of the experiment it is for; a new one, if absent.
    #[serde(default)]
    pub experiment: Option<ExperimentId>,
    /// Name of a template that fits the task; absent for files.
    #[serde(default)]
    #[schemars(length(max = NAME))]
    pub template: Option<String>,
    /// Value for each parameter of the template; absent ones take their
    /// default.
    #[serde(default)]
    pub params: BTreeMap<String, Value>,
    /// Files of your own by name, in the form the lab asks for; absent for a
    /// template.
    #[serde(default)]
    pub files: Files,
    /// The experiment whose candidate this one changes; that of the experiment
    /// you work on, if absent.
    #[serde(default)]
    pub parent: Option<ExperimentId>,
    /// Whether to measure again what was measured before, on purpose.
    #[serde(default)]
    pub replicate: bool,
}

/// Two measurements of one task whose ratio is an effect: two quick looks or
/// two full evaluations.
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
    #[schemars(length(max = SENTENCE))]
    pub claim: String,
    /// Where it was seen.
    #[serde(default)]
    pub scope: Scope,
    /// What to do next time.
    #[serde(rename = "do", default)]
    #[schemars(length(max = SENTENCE))]
    pub do_: String,
    /// What to leave next time; kept only of what was measured to lose.
    #[serde(default)]
    #[schemars(length(max = SENTENCE))]
    pub do_not: String,
    /// The measurements it rests on. Where two candidates differ in one thing,
    /// all measurements that differ in it are counted, not these alone.
    #[schemars(length(max = PAIRS))]
    pub compare: Vec<Compare>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Learn {
    /// What was learned.
    #[schemars(length(max = ENTRIES))]
    pub entries: Vec<PlaybookClaim>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadPlaybook {
    /// Only what was seen on this task.
    #[serde(default)]
    #[schemars(length(max = NAME))]
    pub task: Option<String>,
    /// Number of the first entry wanted, as `next` of the answer before says.
    #[serde(default)]
    pub from: Option<u32>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CloseTask {
    /// Name of the task.
    #[schemars(length(max = NAME))]
    pub task: String,
    /// Why it gets no more work.
    #[schemars(length(max = SENTENCE))]
    pub reason: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Finish {
    /// What was done, in a sentence.
    #[schemars(length(max = PARAGRAPH))]
    pub summary: String,
    /// Tasks that get no more work; strategists only.
    #[serde(default)]
    #[schemars(length(max = NAMES))]
    pub close: Vec<CloseTask>,
}
