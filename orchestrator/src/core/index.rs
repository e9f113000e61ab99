//! What follows from the rest of the state and is asked for at every step:
//! kept along with it, so that a decision costs what is under way and not what
//! has ever happened.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{Candidate, ContentHash, Split};

use super::board::RESERVES;
use super::ids::{AgentId, ExperimentId};
use super::measurement::Measurement;
use super::stages::{Counts, Stage};
use super::stagnation::Progress;
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
    /// Experiments with a candidate, in the order in which they were handed in
    /// first.
    pub candidates: Vec<ExperimentId>,
    /// Templates that somebody has looked at.
    pub seen: BTreeSet<String>,
    /// Whether something has a verified result.
    pub verified: bool,
    /// Proposals of Strategists by kind, in each stage of the task.
    pub admitted: BTreeMap<Stage, Counts>,
    /// Whether the work still gets anywhere.
    pub progress: Progress,
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
    /// Experiments that will be, if nothing happens to them before.
    pub reserving: BTreeSet<ExperimentId>,
    /// Experiments that were made to take winners apart.
    pub ablated: usize,
    /// Tasks, by name.
    pub tasks: BTreeMap<String, TaskIndex>,
    /// Measurements on `search`.
    pub search: Took,
    /// Measurements again, in processes that had not met the task.
    pub select: Took,
}

impl Index {
    /// An experiment was proposed.
    pub(super) fn proposed(&mut self, e: &Experiment) {
        self.active.insert(e.id);
        self.reserve(e);
        self.tasks.entry(e.task.clone()).or_default().proposed += 1;
    }

    fn reserve(&mut self, e: &Experiment) {
        if !e.is_spent() && RESERVES.contains(&e.state) {
            self.reserving.insert(e.id);
        } else {
            self.reserving.remove(&e.id);
        }
    }

    /// A candidate was handed in for an experiment that had none.
    pub(super) fn handed_in(&mut self, e: &Experiment) {
        let task = self.tasks.entry(e.task.clone()).or_default();
        task.candidates.push(e.id);
    }

    /// Somebody looked at a candidate.
    pub(super) fn looked_at(&mut self, task: &str, candidate: &Candidate) {
        if let Candidate::Template { template, .. } = candidate {
            let task = self.tasks.entry(task.to_owned()).or_default();
            if !task.seen.contains(template) {
                task.seen.insert(template.clone());
            }
        }
    }

    /// An experiment was another one before.
    pub(super) fn changed(&mut self, was_spent: bool, now: &Experiment) {
        match (was_spent, now.is_spent()) {
            (false, true) => self.spent += 1,
            (true, false) => self.spent = self.spent.saturating_sub(1),
            (true, true) | (false, false) => {}
        }
        self.reserve(now);
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
        if let Some((candidate, hash)) = &e.candidate {
            self.looked_at(&e.task, candidate);
            let task = self.tasks.entry(e.task.clone()).or_default();
            task.measured.entry(hash.clone()).or_insert(e.id);
            task.verified |= measurement.score.verified().is_some();
        }
    }
}
