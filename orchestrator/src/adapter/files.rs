//! The eleven files of an adapter and whose they are.

use serde::{Deserialize, Serialize};

use crate::core::agent::Role;

/// What the harness needs to know.
pub const MANIFEST: &str = "manifest.toml";
/// What every role but the Critic is told about the domain.
pub const KNOWLEDGE: &str = "domain_knowledge.md";

/// Every file of an adapter, in the order in which a campaign meets them.
pub const FILES: [&str; 11] = [
    MANIFEST,
    KNOWLEDGE,
    "phase1.md",
    "phase2_builder.md",
    "phase2_critic.md",
    "phase2_tester.md",
    "phase3_strategist.md",
    "phase3_worker_implement.md",
    "phase3_worker_analyze.md",
    "phase3_fixer.md",
    "phase3_reporter.md",
];

/// A role that has a prompt of its own in an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptRole {
    /// Looks at the data before anything is built.
    Explorer,
    /// Builds the evaluation.
    Builder,
    /// Looks for what is wrong with the evaluation, from nothing but itself.
    Critic,
    /// Writes tests that try to break the evaluation.
    Tester,
    /// Decides what is tried.
    Strategist,
    /// Makes a candidate.
    Implementer,
    /// Says what a measured candidate teaches.
    Analyst,
    /// Repairs a candidate that failed.
    Fixer,
    /// Writes down where the campaign stands.
    Reporter,
}

impl PromptRole {
    /// All of them, in the order of the phases.
    pub const ALL: [Self; 9] = [
        Self::Explorer,
        Self::Builder,
        Self::Critic,
        Self::Tester,
        Self::Strategist,
        Self::Implementer,
        Self::Analyst,
        Self::Fixer,
        Self::Reporter,
    ];

    /// Its prompt in an adapter's folder.
    pub fn file(self) -> &'static str {
        match self {
            Self::Explorer => "phase1.md",
            Self::Builder => "phase2_builder.md",
            Self::Critic => "phase2_critic.md",
            Self::Tester => "phase2_tester.md",
            Self::Strategist => "phase3_strategist.md",
            Self::Implementer => "phase3_worker_implement.md",
            Self::Analyst => "phase3_worker_analyze.md",
            Self::Fixer => "phase3_fixer.md",
            Self::Reporter => "phase3_reporter.md",
        }
    }

    /// The word used in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Explorer => "Explorer",
            Self::Builder => "Builder",
            Self::Critic => "Critic",
            Self::Tester => "Tester",
            Self::Strategist => "Strategist",
            Self::Implementer => "Implementer",
            Self::Analyst => "Analyst",
            Self::Fixer => "Fixer",
            Self::Reporter => "Reporter",
        }
    }

    /// Whether the role is told what the adapter knows about the domain. The
    /// Critic is not: it must not share the Builder's beliefs.
    pub fn knows_the_domain(self) -> bool {
        self != Self::Critic
    }
}

impl PromptRole {
    /// Whose prompt an agent of this role gets; none where it is no file of an
    /// adapter.
    pub fn of(role: Role) -> Option<Self> {
        Some(match role {
            Role::Strategist => Self::Strategist,
            Role::Worker => Self::Implementer,
            Role::Explorer => Self::Explorer,
            Role::Builder => Self::Builder,
            Role::Critic => Self::Critic,
            Role::Tester => Self::Tester,
            Role::Reporter => Self::Reporter,
            Role::Fixer => Self::Fixer,
            Role::Analyst => Self::Analyst,
            Role::Supervisor | Role::Assistant | Role::Auditor => return None,
        })
    }
}
