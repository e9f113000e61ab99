//! What the planner can ask for.

use protocol::Split;

use crate::core::agent::Role;
use crate::core::event::{EffectKey, Event};
use crate::core::ids::{AgentId, ExperimentId};

/// An act at the edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Ask the lab what it is.
    Describe,
    /// Ask the lab about a task.
    Inspect {
        /// The task.
        task: String,
    },
    /// Ask a model for one turn.
    Model {
        /// Whose turn.
        agent: AgentId,
        /// Number of the turn.
        turn: u32,
    },
    /// Answer a tool call from the state alone.
    Answer {
        /// Whose call.
        agent: AgentId,
        /// Number of the call.
        call: u32,
    },
    /// Answer a tool call with a reason why it can't be done.
    Refuse {
        /// Whose call.
        agent: AgentId,
        /// Number of the call.
        call: u32,
        /// Why.
        reason: String,
    },
    /// Answer a tool call by asking the lab.
    Tool {
        /// Whose call.
        agent: AgentId,
        /// Number of the call.
        call: u32,
    },
    /// Answer a tool call by working in the agent's folders, or by a look at
    /// the web.
    Work {
        /// Whose call.
        agent: AgentId,
        /// Number of the call.
        call: u32,
    },
    /// Have the evaluation of a round audited.
    Audit {
        /// The round.
        round: u32,
    },
    /// Freeze the evaluation that passed, if it still is the one that did.
    Freeze,
    /// Put a candidate on the board that is drawn at random.
    Draw {
        /// For which task.
        task: String,
    },
    /// Put experiments on the board that undo the changes of a task's winner.
    Ablate {
        /// The task.
        task: String,
    },
    /// Check an experiment.
    Check {
        /// Which.
        experiment: ExperimentId,
        /// How often it has been to `fix` before.
        fixes: u32,
    },
    /// Measure an experiment.
    Measure {
        /// Which.
        experiment: ExperimentId,
        /// Attempt, from 1.
        attempt: u32,
        /// On which split; on `select` in a process that has not met the task.
        split: Split,
    },
}

impl Effect {
    /// Whether another act decided at the same time is still wanted after it: it
    /// only notes that a slot is at work, or adds to the board.
    pub fn leaves_others_be(&self) -> bool {
        match self {
            Self::Describe
            | Self::Inspect { .. }
            | Self::Check { .. }
            | Self::Measure { .. }
            | Self::Draw { .. }
            | Self::Ablate { .. } => true,
            Self::Model { .. }
            | Self::Answer { .. }
            | Self::Refuse { .. }
            | Self::Tool { .. }
            | Self::Work { .. }
            | Self::Audit { .. }
            | Self::Freeze => false,
        }
    }

    /// The agent whose step it is; none where it is nobody's.
    pub fn agent(&self) -> Option<AgentId> {
        match self {
            Self::Model { agent, .. }
            | Self::Answer { agent, .. }
            | Self::Refuse { agent, .. }
            | Self::Tool { agent, .. }
            | Self::Work { agent, .. } => Some(*agent),
            Self::Describe
            | Self::Inspect { .. }
            | Self::Audit { .. }
            | Self::Freeze
            | Self::Draw { .. }
            | Self::Ablate { .. }
            | Self::Check { .. }
            | Self::Measure { .. } => None,
        }
    }

    /// Key of the act; none where the act and its outcome are one
    /// transaction.
    pub fn key(&self) -> Option<EffectKey> {
        match self {
            Self::Describe => Some(EffectKey::Describe),
            Self::Inspect { task } => Some(EffectKey::Inspect { task: task.clone() }),
            Self::Model { agent, turn } => Some(EffectKey::Model {
                agent: *agent,
                turn: *turn,
            }),
            Self::Answer { .. }
            | Self::Refuse { .. }
            | Self::Freeze
            | Self::Draw { .. }
            | Self::Ablate { .. } => None,
            Self::Audit { round } => Some(EffectKey::Audit { round: *round }),
            Self::Tool { agent, call } | Self::Work { agent, call } => Some(EffectKey::Tool {
                agent: *agent,
                call: *call,
            }),
            Self::Check { experiment, fixes } => Some(EffectKey::Check {
                experiment: *experiment,
                fixes: *fixes,
            }),
            Self::Measure {
                experiment,
                attempt,
                ..
            } => Some(EffectKey::Measure {
                experiment: *experiment,
                attempt: *attempt,
            }),
        }
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Append this.
    Record(Event),
    /// Render a prompt and append the start of an agent.
    StartAgent {
        /// Its role.
        role: Role,
        /// The experiment it works on, for a worker.
        experiment: Option<ExperimentId>,
        /// The round of phase 2 it works in.
        round: Option<u32>,
        /// The agent and its call that an assistant is wanted for.
        under: Option<(AgentId, u32)>,
        /// Running time after which it may take no more quick looks, seconds.
        tries_until_wall_s: Option<f64>,
    },
    /// Act, and append the outcome.
    Perform(Effect),
}
