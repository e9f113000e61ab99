//! What agents can do: typed tools, and the dispatcher that decides who may
//! use which.
//!
//! A score is never an argument of a tool. Where a tool needs numbers it takes
//! the names of measurements and reads them from the state.

mod answer;
mod args;
pub mod files;
mod learn;
mod read;
pub mod run_command;

use std::sync::LazyLock;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub use answer::{Documents, LabRequest, Reply, answer, arguments, before_lab};
pub use args::{Compare, Files, LabCandidate, Names, PlaybookClaim};
pub use read::{board as board_json, score as score_json, tries_left};

use crate::core::agent::Role;
use crate::core::planner::ToolKinds;

/// What using a tool does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectClass {
    /// Only looks at the campaign.
    Read,
    /// Asks the lab for a provisional result; needs a slot.
    Lab,
    /// Changes the board or the playbook.
    Board,
    /// Hands in a candidate and waits for its result.
    Submit,
    /// Ends the run.
    End,
}

/// One tool.
#[derive(Debug)]
pub struct Tool {
    /// Name, as models call it.
    pub name: &'static str,
    /// What it is for, as models read it.
    pub description: &'static str,
    /// JSON Schema of its arguments.
    pub schema: Value,
    /// What using it does.
    pub effect: EffectClass,
    /// Who may use it.
    pub roles: &'static [Role],
}

const ALL: &[Role] = &[Role::Strategist, Role::Worker];
const STRATEGIST: &[Role] = &[Role::Strategist];
const WORKER: &[Role] = &[Role::Worker];

static TOOLS: LazyLock<Vec<Tool>> = LazyLock::new(|| {
    vec![
        tool::<args::Empty>(
            "read_board",
            "The board: tasks, experiments, budget, and your assignment.",
            EffectClass::Read,
            ALL,
        ),
        tool::<args::Empty>(
            "read_leaderboard",
            "Verified, re-measured results, one row per task, with intervals.",
            EffectClass::Read,
            ALL,
        ),
        tool::<args::Inspect>(
            "lab_inspect",
            "Facts about a task: shapes, operations, bytes and FLOPs, baselines, and the search \
             spaces of the templates that fit, with what was tried in them so far.",
            EffectClass::Read,
            ALL,
        ),
        tool::<LabCandidate>(
            "lab_check",
            "Static check of a candidate: does it fit and compile? No score.",
            EffectClass::Lab,
            WORKER,
        ),
        tool::<LabCandidate>(
            "lab_try",
            "A quick look at a candidate: few checks, few samples. Never on the leaderboard.",
            EffectClass::Lab,
            WORKER,
        ),
        tool::<args::Propose>(
            "propose_experiment",
            "Put an experiment on the board for a worker to take up.",
            EffectClass::Board,
            STRATEGIST,
        ),
        tool::<args::Cancel>(
            "cancel_experiment",
            "Take an experiment off the board before it runs.",
            EffectClass::Board,
            STRATEGIST,
        ),
        tool::<args::Submit>(
            "submit_experiment",
            "Hand in a candidate for full verification and measurement. The answer is the lab's \
             verdict. Without `experiment` a new one is put on the board.",
            EffectClass::Submit,
            WORKER,
        ),
        tool::<args::Learn>(
            "update_playbook",
            "Write down what was learned. Name the measurements to compare; the effect size is \
             computed from them.",
            EffectClass::Board,
            ALL,
        ),
        tool::<args::Finish>(
            "finish",
            "End your work. A strategist may also close tasks that get no more work.",
            EffectClass::End,
            ALL,
        ),
    ]
});

fn tool<T: schemars::JsonSchema>(
    name: &'static str,
    description: &'static str,
    effect: EffectClass,
    roles: &'static [Role],
) -> Tool {
    Tool {
        name,
        description,
        schema: schemars::schema_for!(T).into(),
        effect,
        roles,
    }
}

/// All tools, in a fixed order.
pub fn all() -> &'static [Tool] {
    &TOOLS
}

/// A tool by name.
pub fn find(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == name)
}

/// What the planner asks about tools. A call it knows nothing about is
/// answered from the state alone: with an error.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kinds;

impl ToolKinds for Kinds {
    fn needs_lab(&self, tool: &str) -> bool {
        find(tool).is_some_and(|tool| tool.effect == EffectClass::Lab)
    }

    fn submits(&self, tool: &str) -> bool {
        find(tool).is_some_and(|tool| tool.effect == EffectClass::Submit)
    }
}

/// Reads a tool's arguments.
fn parse<T: DeserializeOwned>(arguments: &Value) -> Result<T, Reply> {
    serde_json::from_value(arguments.clone()).map_err(|error| {
        Reply::malformed(json!({ "error": format!("arguments do not fit the schema: {error}") }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Law 1: no schema has a place where a score could be typed.
    #[test]
    fn no_tool_takes_a_number_that_could_be_a_score() {
        fn floats(schema: &Value) -> bool {
            match schema {
                Value::Object(map) => {
                    map.get("type") == Some(&json!("number")) || map.values().any(floats)
                }
                Value::Array(list) => list.iter().any(floats),
                _ => false,
            }
        }
        for tool in all() {
            assert!(!floats(&tool.schema), "{}", tool.name);
        }
    }

    #[test]
    fn names_are_unique() {
        for tool in all() {
            assert_eq!(all().iter().filter(|t| t.name == tool.name).count(), 1);
        }
    }
}
