//! Acts outside the log: their names, and what they cost when they fail.

use serde::{Deserialize, Serialize};

use super::budget::Amount;
use super::ids::{AgentId, ExperimentId};

/// Names one act outside the log. The same key is never counted twice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum EffectKey {
    /// Asking the lab what it is.
    Describe,
    /// Asking the lab about a task.
    Inspect {
        /// The task.
        task: String,
    },
    /// One turn of a model.
    Model {
        /// Whose.
        agent: AgentId,
        /// Number of the turn.
        turn: u32,
    },
    /// A tool call that needs the lab.
    Tool {
        /// Whose.
        agent: AgentId,
        /// Number of the call.
        call: u32,
    },
    /// The static check of an experiment.
    Check {
        /// Which.
        experiment: ExperimentId,
        /// How often it has been to `fix` before.
        fixes: u32,
    },
    /// The mechanical audit of an evaluation.
    Audit {
        /// The round it was built in.
        round: u32,
    },
    /// A measurement.
    Measure {
        /// Which experiment.
        experiment: ExperimentId,
        /// Attempt, from 1.
        attempt: u32,
    },
}

impl EffectKey {
    /// The agent whose step it is; none where it is nobody's.
    pub fn agent(&self) -> Option<AgentId> {
        match self {
            Self::Model { agent, .. } | Self::Tool { agent, .. } => Some(*agent),
            Self::Describe
            | Self::Inspect { .. }
            | Self::Check { .. }
            | Self::Audit { .. }
            | Self::Measure { .. } => None,
        }
    }
}

/// What a failed act cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum FailureCost {
    /// Nothing.
    #[default]
    Nothing,
    /// Nobody knows: its reservation counts as used.
    Unsettled,
    /// Billed though it came to nothing.
    Billed {
        /// The bill.
        amount: Amount,
    },
}

impl FailureCost {
    pub(super) fn is_free(&self) -> bool {
        *self == Self::Nothing
    }
}
