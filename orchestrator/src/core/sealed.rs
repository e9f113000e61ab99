//! The sealed split: opened once, when nothing is searched or chosen any more.

use protocol::Split;

use super::agent::Role;
use super::board::BoardState;
use super::event::{Event, FinishReason};
use super::ids::ExperimentId;
use super::illegal::{Illegal, missing, twice};
use super::state::{Experiment, State};

/// What was measured on the sealed split, and why the search had ended.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Opened {
    /// Winners, one per task.
    pub experiments: Vec<ExperimentId>,
    /// Why the search was over.
    pub reason: FinishReason,
}

impl State {
    pub(super) fn open_sealed(
        &mut self,
        experiments: &[ExperimentId],
        reason: FinishReason,
    ) -> Result<(), Illegal> {
        if self.sealed.is_some() {
            return Err(twice("sealed split", "of this campaign"));
        }
        for id in experiments {
            let e = self.experiments.get(id);
            let e = e.ok_or_else(|| missing("experiment", id))?;
            if e.state != BoardState::Done || e.verified(Split::Select).is_none() {
                return Err(Illegal::Experiment {
                    event: "sealed_opened",
                    experiment: *id,
                    state: e.state.word(),
                });
            }
        }
        self.sealed = Some(Opened {
            experiments: experiments.to_vec(),
            reason,
        });
        Ok(())
    }

    /// Nobody searches any more once the sealed split is open.
    pub(super) fn check_sealed(&self, event: &Event) -> Result<(), Illegal> {
        let name = match event {
            _ if self.sealed.is_none() => return Ok(()),
            Event::AgentStarted {
                role: Role::Strategist | Role::Worker,
                ..
            } => "agent_started",
            Event::ExperimentProposed { .. } => "experiment_proposed",
            Event::CandidateSubmitted { .. } => "candidate_submitted",
            Event::Tried { .. } => "tried",
            Event::Moved {
                to: BoardState::Running | BoardState::Remeasure,
                ..
            } => "moved",
            _ => return Ok(()),
        };
        Err(Illegal::Sealed { event: name })
    }

    /// Whether a measurement on `split` can follow for an experiment. What is
    /// done may be measured on `select` until the sealed split is open, and on
    /// that one afterwards, each once.
    pub(super) fn may_be_measured(&self, e: &Experiment, split: Split) -> bool {
        match (split, e.state) {
            (Split::Search, state) => state == BoardState::Running,
            (Split::Select, BoardState::Remeasure) => true,
            (Split::Select, BoardState::Done) => {
                let searched = e.verified(Split::Search).is_some();
                self.sealed.is_none() && searched && e.last(Split::Select).is_none()
            }
            (Split::Sealed, BoardState::Done) => {
                let opened = self.sealed.as_ref();
                let chosen = opened.is_some_and(|opened| opened.experiments.contains(&e.id));
                chosen && e.last(Split::Sealed).is_none()
            }
            (Split::Select | Split::Sealed, _) => false,
        }
    }

    /// Seconds that the sealed split takes for all tasks: one new process for
    /// each worker, then one measurement after the other.
    pub fn sealed_s(&self) -> f64 {
        let tasks = self.tasks.iter().filter(|task| {
            let inspected = task.inspected.as_ref();
            inspected.is_some_and(|inspected| !inspected.templates.is_empty())
        });
        let workers = self.settings.as_ref().map_or(1, |s| s.workers.max(1));
        let each = tasks.count().div_ceil(workers as usize);
        let pace = self.pace();
        if each == 0 {
            return 0.0;
        }
        pace.remeasure_s + (each - 1) as f64 * pace.evaluate_s
    }

    /// Seconds of running time that the search leaves to what comes after it.
    pub fn reserve_s(&self) -> f64 {
        match (&self.settings, self.limits().wall_s) {
            (Some(settings), Some(limit)) if self.phase >= 3 && self.sealed.is_none() => {
                let most = settings.policy.statistics.reserve * limit;
                self.sealed_s().min(most)
            }
            (Some(_) | None, Some(_) | None) => 0.0,
        }
    }

    /// The split that a measurement of an experiment is on, by where it stands.
    pub fn split_of(&self, e: &Experiment) -> Split {
        match e.state {
            BoardState::Done if self.sealed.is_some() => Split::Sealed,
            BoardState::Remeasure | BoardState::Done => Split::Select,
            BoardState::ToImplement
            | BoardState::Implemented
            | BoardState::Checked
            | BoardState::Queued
            | BoardState::Running
            | BoardState::Finished
            | BoardState::Analyzed
            | BoardState::Fix
            | BoardState::Failed
            | BoardState::Cancelled => Split::Search,
        }
    }
}
