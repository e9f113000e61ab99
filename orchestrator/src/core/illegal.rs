//! Why an event can't follow what happened before.

use super::agent::FeedError;
use super::event::EffectKey;
use super::ids::{AgentId, ExperimentId};

/// An event that can't follow what happened before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// Wrong place in the log.
    #[error("event {found} follows event {expected_after}")]
    Sequence {
        /// Last event applied.
        expected_after: u64,
        /// Place of the event.
        found: u64,
    },
    /// The campaign is in the wrong state for it.
    #[error("`{event}` while the campaign is {state}")]
    Campaign {
        /// What happened.
        event: &'static str,
        /// State of the campaign.
        state: &'static str,
    },
    /// It names something that isn't there, or is there already.
    #[error("{what} `{name}` is {problem}")]
    Name {
        /// Kind of thing.
        what: &'static str,
        /// Which.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A move that the board's table does not have.
    #[error("experiment {experiment} can't move from {from} to {to}")]
    Move {
        /// Which.
        experiment: ExperimentId,
        /// From.
        from: &'static str,
        /// To.
        to: &'static str,
    },
    /// An experiment is in the wrong state for it.
    #[error("`{event}` for experiment {experiment}, which is {state}")]
    Experiment {
        /// What happened.
        event: &'static str,
        /// Which.
        experiment: ExperimentId,
        /// Its state.
        state: &'static str,
    },
    /// A number of a simulator beside measured ones, or the other way round.
    #[error("experiment {experiment} was {}, and the campaign is not", if *simulated { "simulated" } else { "measured" })]
    Simulated {
        /// Which.
        experiment: ExperimentId,
        /// Whether its number is a simulator's.
        simulated: bool,
    },
    /// An outcome that does not belong to an agent's step at hand.
    #[error("agent {agent} can't take an outcome")]
    Agent {
        /// Whose.
        agent: AgentId,
        /// Why.
        #[source]
        source: FeedError,
    },
    /// A search after the sealed split was opened.
    #[error("`{event}` after the sealed split was opened")]
    Sealed {
        /// What happened.
        event: &'static str,
    },
    /// A person's wish that can't be granted.
    #[error("can't be done: {why}")]
    Steer {
        /// Why not.
        why: String,
    },
    /// An intent for an act that is under way.
    #[error("an act began twice: {0:?}")]
    Intent(EffectKey),
}

pub(super) fn missing(what: &'static str, name: &(impl ToString + ?Sized)) -> Illegal {
    Illegal::Name {
        what,
        name: name.to_string(),
        problem: "not known",
    }
}

pub(super) fn twice(what: &'static str, name: &(impl ToString + ?Sized)) -> Illegal {
    Illegal::Name {
        what,
        name: name.to_string(),
        problem: "known already",
    }
}
