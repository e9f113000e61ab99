//! What follows from the rest of the state and is asked for at every step:
//! kept along with it, so that a decision costs what is under way and not what
//! has ever happened.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{ContentHash, Split};

use super::ids::{AgentId, ExperimentId};
use super::measurement::Measurement;
use super::state::Experiment;

/// Sums over measurements of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Took {
    /// How many.
    pub count: u64,
    /// Milliseconds of all of them.
    pub total_ms: u64,
}

impl Took {
    /// Seconds of one, in the mean; 0 before the first.
    pub fn mean_s(self) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        self.total_ms as f64 / 1000.0 / self.count as f64
    }
}

/// What is known of a task's experiments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskIndex {
    /// Experiments that were ever proposed.
    pub proposed: usize,
    /// What has been measured, by the hash of what it was.
    pub measured: BTreeMap<ContentHash, ExperimentId>,
}

/// The index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Index {
    /// Experiments to which something can still happen.
    pub active: BTreeSet<ExperimentId>,
    /// Agents that have not ended.
    pub live: BTreeSet<AgentId>,
    /// Calls that wait for an experiment's result.
    pub waiting: BTreeMap<(AgentId, u32), ExperimentId>,
    /// Experiments that count as spent.
    pub spent: usize,
    /// Tasks, by name.
    pub tasks: BTreeMap<String, TaskIndex>,
    /// Measurements on `search`.
    pub search: Took,
    /// Measurements again, in fresh processes.
    pub select: Took,
}

impl Index {
    /// An experiment was proposed.
    pub(super) fn proposed(&mut self, e: &Experiment) {
        self.active.insert(e.id);
        self.tasks.entry(e.task.clone()).or_default().proposed += 1;
    }

    /// An experiment was another one before.
    pub(super) fn changed(&mut self, was_spent: bool, now: &Experiment) {
        match (was_spent, now.is_spent()) {
            (false, true) => self.spent += 1,
            (true, false) => self.spent = self.spent.saturating_sub(1),
            (true, true) | (false, false) => {}
        }
        if now.state.is_terminal() {
            self.active.remove(&now.id);
        }
    }

    /// An experiment was measured.
    pub(super) fn measured(&mut self, e: &Experiment, measurement: &Measurement) {
        let took = match measurement.split {
            Split::Search => Some(&mut self.search),
            Split::Select => Some(&mut self.select),
            // Nothing is planned after it.
            Split::Sealed => None,
        };
        if let Some(took) = took {
            took.count += 1;
            took.total_ms = took.total_ms.saturating_add(measurement.took_ms);
        }
        if let Some((_, hash)) = &e.candidate {
            let task = self.tasks.entry(e.task.clone()).or_default();
            task.measured.entry(hash.clone()).or_insert(e.id);
        }
    }
}
