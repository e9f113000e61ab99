//! What the campaign has learned, as typed entries.
//!
//! ```text
//! entry (as it was written) ─► comparison ─► effects of every matching pair
//!        └─ prior, from another campaign ────► lesson (as it stands now)
//! ```
//!
//! An agent only words an entry and names measurements to compare. What is
//! compared, over which measurements, and how large the effect is follows from
//! the log: so does what contradicts an entry, and when it is retired.

mod carry;
mod comparison;
mod draft;
mod effect;
mod lesson;
mod select;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use carry::{
    Admitted, CannotCarry, Export, Here, LeftBehind, MAX_CARRIED_BYTES, Origin, TaskKnown,
};
pub use comparison::{Comparison, Pair};
pub use draft::{Claim, NoEntry, draft};
pub use effect::{Effect, Number, confidence, pool, ratio, weight};
pub use lesson::{Lesson, Loser, assess, lessons};
pub use select::{Relevance, Selection, select};

use super::ids::{AgentId, ExperimentId, TryId};
use super::words::{NAME, NAMES};

/// A measurement that an entry rests on.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// A full evaluation.
    Experiment(ExperimentId),
    /// A quick look.
    Try(TryId),
}

impl std::fmt::Display for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Experiment(id) => id.fmt(f),
            Self::Try(id) => id.fmt(f),
        }
    }
}

/// A measurement of another campaign.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cited {
    /// First digits of the hash of that campaign's last event, as in
    /// [`Origin::short`].
    pub campaign: String,
    /// The measurement, by its number there.
    pub measurement: Evidence,
}

impl std::fmt::Display for Cited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.campaign, self.measurement)
    }
}

/// Where a claim was seen to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Tasks.
    #[serde(default)]
    #[schemars(length(max = NAMES), inner(length(max = NAME)))]
    pub tasks: Vec<String>,
    /// Template or technique.
    #[serde(default)]
    #[schemars(length(max = NAME))]
    pub technique: Option<String>,
}

/// How sure an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// The interval includes no effect.
    Low,
    /// The interval excludes no effect, from quick looks; or something
    /// contradicts it.
    Medium,
    /// The interval excludes no effect, from full evaluations that agree.
    High,
}

impl Confidence {
    /// The word used in documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What another campaign had measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prior {
    /// The effect there, all that it knew included.
    pub effect: Effect,
    /// Whether it rests on full evaluations alone.
    pub evaluated: bool,
    /// Campaigns since it was measured last; 1 for the one before this.
    pub age: u32,
    /// Measurements that agree with the claim; the newest, where there are
    /// many.
    pub supporting: Vec<Cited>,
    /// Measurements that disagree; the newest, where there are many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contradicting: Vec<Cited>,
}

/// One thing learned, as it was written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// What is claimed, in a sentence.
    pub claim: String,
    /// Where it was seen.
    pub scope: Scope,
    /// What to do next time.
    #[serde(rename = "do")]
    pub do_: String,
    /// What to leave next time; only of what was measured to lose.
    pub do_not: String,
    /// How large the effect was then.
    pub effect: Option<Effect>,
    /// Measurements of this campaign that agreed with the claim then.
    pub supporting: Vec<Evidence>,
    /// Measurements of this campaign that disagreed then.
    pub contradicting: Vec<Evidence>,
    /// How sure it was then.
    pub confidence: Confidence,
    /// Who wrote it; an agent of the other campaign where it was carried.
    pub by: AgentId,
    /// What is compared, where the candidates say it: later measurements of
    /// the same are counted by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// The pairs that its writer named, where the candidates don't say what
    /// is compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pairs: Vec<Pair>,
    /// What it was before this campaign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<Prior>,
}
