//! The agents beside those who search: who writes milestones, who looks at a
//! winner before it counts, who takes up what a worker has left behind, who
//! sees to it when things go wrong. What they have done so far, and when they
//! are called.

mod event;
mod fold;
mod watch;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use event::{Evidence, Ruling, StaffEvent, Verdict};
pub use watch::{Alarm, AlarmKind, TaskErrors, Watched, detect};

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
    /// Most agents that try to repair one experiment after its worker.
    pub fixers: u32,
    /// Which measured experiments somebody else looks back at.
    pub analyze: Analyze,
    /// Last outcomes of experiments among which failures are counted; 0 for no
    /// such alarm.
    pub error_window: u32,
    /// Share of failures among them that calls the Supervisor.
    pub error_share: f64,
    /// Measured experiments in a row without a significant improvement that
    /// call the Supervisor; 0 for no such alarm.
    pub stall_after: u32,
    /// Seconds of running time without any measurement that call the
    /// Supervisor; 0 for no such alarm.
    pub quiet_s: f64,
}

/// Which measured experiments somebody else looks back at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Analyze {
    /// None.
    Never,
    /// Those whose worker was ended before it could.
    #[default]
    Orphans,
    /// All of them.
    All,
}

impl Default for StaffSettings {
    fn default() -> Self {
        Self {
            milestone_every: 25,
            audits: true,
            fixers: 2,
            analyze: Analyze::default(),
            error_window: 20,
            error_share: 0.5,
            stall_after: 40,
            quiet_s: 1800.0,
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

/// What was said about an experiment by one who had not begun it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conclusion {
    /// By whom.
    pub agent: AgentId,
    /// What.
    pub text: String,
    /// Whether nobody should try to repair it again.
    pub hopeless: bool,
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
    /// What the last check said that refused an experiment.
    pub refusals: BTreeMap<ExperimentId, protocol::Verdict>,
    /// Who has tried to repair an experiment, in order.
    pub fixers: BTreeMap<ExperimentId, Vec<AgentId>>,
    /// Who looks back at an experiment.
    pub analysts: BTreeMap<ExperimentId, AgentId>,
    /// What was said about an experiment.
    pub conclusions: BTreeMap<ExperimentId, Vec<Conclusion>>,
    /// What the detectors look at.
    pub watched: Watched,
    /// Why nobody works on a task for now.
    pub paused: BTreeMap<String, String>,
    /// The agent that was the next to begin when work on a task went on last: a
    /// Strategist before it could not propose anything for that task.
    pub resumed: Option<AgentId>,
}

impl StaffState {
    /// What was said last about an experiment.
    pub fn last_words_on(&self, experiment: ExperimentId) -> Option<&str> {
        let said = self.conclusions.get(&experiment)?;
        said.last().map(|conclusion| conclusion.text.as_str())
    }

    /// Whether somebody has said that an experiment can't be repaired.
    pub fn is_hopeless(&self, experiment: ExperimentId) -> bool {
        let said = self.conclusions.get(&experiment);
        said.is_some_and(|said| said.iter().any(|conclusion| conclusion.hopeless))
    }
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
