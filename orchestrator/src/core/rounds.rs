//! Rounds of phase 2: an evaluation is built, audited mechanically, then
//! reviewed by agents that share nothing with its builder.

use protocol::ContentHash;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::event::Body;
use super::ids::AgentId;
use super::measurement::Baseline;
use super::words::{NAME, SENTENCE};

/// Who found something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finder {
    /// The harness: the work was not done.
    Harness,
    /// The mechanical auditor.
    Auditor,
    /// The Critic.
    Critic,
    /// The Tester.
    Tester,
}

impl Finder {
    /// The word used in prompts and tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Harness => "harness",
            Self::Auditor => "auditor",
            Self::Critic => "critic",
            Self::Tester => "tester",
        }
    }
}

/// Something that is wrong with an evaluation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What was looked at, in a word or two.
    #[schemars(length(max = NAME))]
    pub check: String,
    /// What was done, what was seen, and what that means.
    #[schemars(length(max = SENTENCE))]
    pub detail: String,
    /// Whether the evaluation must not be used like this.
    pub blocking: bool,
}

/// What the mechanical auditor said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Audited {
    /// Whether nothing was found.
    pub passed: bool,
    /// What was found.
    pub faults: Vec<Fault>,
    /// Mutants of the scorer that score differently, and those of them that
    /// the checks reject; absent where none were tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutants: Option<[u32; 2]>,
    /// The best trivial prediction; absent where none was scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
    /// The whole audit.
    pub document: Body,
    /// Hash of the evaluation's files; absent where they can't be read.
    pub evaluation: Option<ContentHash>,
    /// Hash of the data's files.
    pub data: Option<ContentHash>,
}

/// What a reviewer said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Review {
    /// Who.
    pub agent: AgentId,
    /// What it did, in a sentence or two.
    pub summary: String,
    /// What it found.
    pub faults: Vec<Fault>,
}

/// One round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// Its number, from 1.
    pub number: u32,
    /// Who builds.
    pub builder: AgentId,
    /// The mechanical audit, once it was done.
    pub audit: Option<Audited>,
    /// The Critic's review.
    pub critic: Option<Review>,
    /// The Tester's review.
    pub tester: Option<Review>,
    /// What the harness has to say: work that was not done.
    pub undone: Vec<Fault>,
}

impl Round {
    /// A round that has just begun.
    pub fn new(number: u32, builder: AgentId) -> Self {
        Self {
            number,
            builder,
            audit: None,
            critic: None,
            tester: None,
            undone: Vec::new(),
        }
    }

    /// Everything that was found so far, with who found it.
    pub fn faults(&self) -> impl Iterator<Item = (Finder, &Fault)> {
        let by = |finder| move |fault| (finder, fault);
        let audit = self.audit.iter().flat_map(|audit| &audit.faults);
        let critic = self.critic.iter().flat_map(|review| &review.faults);
        let tester = self.tester.iter().flat_map(|review| &review.faults);
        self.undone
            .iter()
            .map(by(Finder::Harness))
            .chain(audit.map(by(Finder::Auditor)))
            .chain(critic.map(by(Finder::Critic)))
            .chain(tester.map(by(Finder::Tester)))
    }

    /// Whether something was found that the evaluation must not be used with.
    pub fn is_rejected(&self) -> bool {
        self.faults().any(|(_, fault)| fault.blocking)
    }

    /// Whether all were heard and nobody objects.
    pub fn is_passed(&self) -> bool {
        let audited = self.audit.as_ref().is_some_and(|audit| audit.passed);
        audited && self.critic.is_some() && self.tester.is_some() && !self.is_rejected()
    }
}
