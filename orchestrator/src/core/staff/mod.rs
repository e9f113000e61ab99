//! The agents beside those who search: who writes milestones, who looks at a
//! winner before it counts. What they have done so far, and when they are
//! called.

mod event;
mod fold;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use event::{Evidence, Ruling, StaffEvent, Verdict};

use super::event::Body;
use super::ids::{AgentId, ExperimentId};
use super::state::{Experiment, State};

/// When these agents are called. A campaign without this, as older ones are,
/// has none of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StaffSettings {
    /// Measured experiments from one milestone to the next; 0 for no
    /// milestones at all.
    pub milestone_every: u32,
    /// Whether an Auditor looks at a winner before it counts.
    pub audits: bool,
}

impl Default for StaffSettings {
    fn default() -> Self {
        Self {
            milestone_every: 25,
            audits: true,
        }
    }
}

/// A milestone that was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Milestone {
    /// By whom.
    pub agent: AgentId,
    /// What, with references in the place of numbers.
    pub text: Body,
}

/// What these agents have done so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StaffState {
    /// The milestones, in order.
    pub milestones: Vec<Milestone>,
    /// Experiments that were measured when the last Reporter began.
    pub reported: u64,
    /// Experiments that have a verified number on `select`, by task.
    pub remeasured: BTreeMap<String, BTreeSet<ExperimentId>>,
    /// Those of them that no Auditor has been given yet.
    pub unaudited: BTreeSet<ExperimentId>,
}

impl State {
    /// When the agents beside the search are called; none where there are
    /// none: in a baseline, and in a campaign of an older version.
    pub fn staff_settings(&self) -> Option<&StaffSettings> {
        let settings = self.settings.as_ref()?;
        let full = settings.strategy.has_strategist();
        settings.staff.as_ref().filter(|_| full)
    }

    /// What is to be said beside a result because of its audit: that nobody
    /// has vouched for it.
    pub fn audit_caveat(&self, experiment: &Experiment) -> Option<&'static str> {
        let wanted = self.staff_settings().is_some_and(|staff| staff.audits);
        let ruled = experiment.ruling.is_some();
        (wanted && !ruled).then_some("no auditor has passed it")
    }
}
