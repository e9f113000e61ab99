//! What the agents beside the search do, as events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::watch::{Alarm, AlarmKind};
use crate::core::event::Body;
use crate::core::ids::{AgentId, ExperimentId};
use crate::core::words::{NAME, SENTENCE};

/// Something they did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "did", rename_all = "snake_case")]
pub enum StaffEvent {
    /// A Reporter wrote a milestone.
    MilestoneWritten {
        /// Its number, from 1.
        number: u32,
        /// By whom.
        agent: AgentId,
        /// What, with references in the place of numbers.
        text: Body,
    },
    /// An Auditor has looked at a winner.
    Ruled {
        /// Which experiment.
        experiment: ExperimentId,
        /// What it says.
        ruling: Ruling,
    },
    /// A detector has fired.
    AlarmRaised {
        /// What is wrong.
        alarm: Alarm,
    },
    /// What was wrong is well again.
    AlarmCleared {
        /// What.
        kind: AlarmKind,
    },
    /// A Supervisor lets nobody work on a task for now.
    WorkPaused {
        /// Which task.
        task: String,
        /// By whom.
        agent: AgentId,
        /// Why.
        reason: String,
    },
    /// A Supervisor lets work on a task go on.
    WorkResumed {
        /// Which task.
        task: String,
        /// By whom.
        agent: AgentId,
        /// Why.
        reason: String,
    },
    /// One who took an experiment up after its worker has said what it found.
    Concluded {
        /// Which experiment.
        experiment: ExperimentId,
        /// By whom.
        agent: AgentId,
        /// A diagnosis, or what the experiment teaches.
        text: String,
        /// Whether nobody should try to repair it again.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        hopeless: bool,
    },
}

/// What an Auditor can say: it can't make anything better than it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing speaks against it.
    Pass,
    /// It must not count.
    Demote,
}

/// What an Auditor points at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Where it is: a check by its name, a file of the candidate, or the split
    /// of a measurement.
    #[schemars(length(max = NAME))]
    pub place: String,
    /// What is to be seen there.
    #[schemars(length(max = SENTENCE))]
    pub seen: String,
}

/// An Auditor's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// Whose.
    pub agent: AgentId,
    /// What.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
}
