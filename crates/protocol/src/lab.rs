//! What a lab says about itself and about a task.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Direction;

/// One metric that a lab reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricSpec {
    /// Key in [`crate::Report::metrics`].
    pub name: String,
    /// Unit.
    pub unit: String,
    /// Which way is better; absent for a number that is only informative.
    pub direction: Option<Direction>,
}

/// One device a lab can measure on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Device {
    /// Name to select it by: `cpu`, `cuda`.
    pub name: String,
    /// What it is on this machine.
    pub detail: String,
    /// Whether it can be used here.
    pub available: bool,
    /// Where a simulator stands in for it: the metric of [`Description::metrics`] that
    /// candidates are ranked by, since there is no time and no baseline. Absent for
    /// what is really there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modelled: Option<String>,
    /// What it needs, and whether that is here; empty where a lab has nothing to say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
}

/// Something that a device needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Need {
    /// Stable name, for scripts: `gpu`, `driver`, `compiler`, `simulator`.
    pub name: String,
    /// Whether it is here and can be used.
    pub found: bool,
    /// Where it is and which version, or why it can't be used.
    pub detail: String,
    /// What to do about one that is not; absent for one that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// Answer to `describe`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Description {
    /// [`crate::PROTOCOL_VERSION`] of the writer.
    pub schema: u32,
    /// Name of the lab.
    pub lab: String,
    /// Version of the lab.
    pub version: String,
    /// JSON Schema of an experiment's files or configuration.
    pub experiment_schema: Value,
    /// Its metrics; the first one is primary.
    pub metrics: Vec<MetricSpec>,
    /// Its devices.
    pub devices: Vec<Device>,
    /// Tasks that ship with it, by name.
    pub tasks: Vec<String>,
}

/// Values that one parameter of a search space can take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ParamKind {
    /// One of a list, unordered unless all are numbers.
    Choice {
        /// The values.
        values: Vec<Value>,
    },
    /// False or true.
    Bool,
    /// An integer from `low` to `high`, both included.
    Int {
        /// Smallest value.
        low: i64,
        /// Largest value.
        high: i64,
        /// Distance between neighbours.
        step: i64,
        /// Whether ratios matter rather than differences.
        log: bool,
    },
    /// A real number from `low` to `high`, both included.
    Real {
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
        /// Whether ratios matter rather than differences.
        log: bool,
    },
}

/// When a parameter means something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ParamCondition {
    /// Name of a parameter that comes before and is no real number.
    pub param: String,
    /// Values of it under which this one is active.
    pub values: Vec<Value>,
}

/// One parameter of a search space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ParamSpec {
    /// Name.
    pub name: String,
    /// Its values.
    #[serde(flatten)]
    pub kind: ParamKind,
    /// Value to start from.
    pub default: Value,
    /// Where it is not active, a candidate has no value for it; absent if it
    /// always is active. It is inactive as well where the other one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<ParamCondition>,
}

/// A template that fits a task, and what can be varied in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Space {
    /// Name of the template, for [`crate::Candidate::Template`].
    pub template: String,
    /// What it does, in a line.
    pub summary: String,
    /// What can be varied.
    pub params: Vec<ParamSpec>,
}

/// Answer to `inspect`: facts about a task or a data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Inspection {
    /// [`crate::PROTOCOL_VERSION`] of the writer.
    pub schema: u32,
    /// The task.
    pub task: String,
    /// What is known: shapes, dtypes, op graph, bytes, FLOPs, baselines, …
    pub facts: BTreeMap<String, Value>,
    /// Search spaces that fit.
    pub spaces: Vec<Space>,
}
